//! Instants as text: RFC 3339 in Stripe's v2 events, HTTP's dates in its responses.

use tollgate_domain::time::Timestamp;

/// `2025-01-01T00:00:00.123Z`, with any offset and any number of decimals.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(digits);
    let days = days_since_1970(date.next()??, date.next()??, date.next()??)?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let (time, decimals) = time.split_once('.').unwrap_or((time, ""));
    let decimals = decimals.get(..6).unwrap_or(decimals);
    let micros = digits(&format!("{decimals:0<6}"))?;
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = digits(hours)? * 3_600 + digits(minutes)? * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let seconds = (days * 86_400).checked_add(seconds_of_day(time)? - offset)?;
    Some(Timestamp(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that servers may send; whole seconds.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = digits(words.next()?)?;
    let name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|&month| month == name)?).ok()? + 1;
    let days = days_since_1970(digits(words.next()?)?, month, day)?;
    Some(Timestamp::from_unix(
        days * 86_400 + seconds_of_day(words.next()?)?,
    ))
}

fn digits(text: &str) -> Option<i64> {
    let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn seconds_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(digits);
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is written as 60.
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// Howard Hinnant's `days_from_civil`: years that begin in March put the leap day at the end.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(
            parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Timestamp::from_unix(784_111_777))
        );
        assert_eq!(
            parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT"),
            Some(Timestamp::from_unix(1_709_251_199))
        );
        for bad in [
            "",
            "yesterday",
            "Sun, 06 Nov",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
        ] {
            assert_eq!(parse_http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn rfc_3339_is_read_to_the_microsecond() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-09-26T17:46:22.134Z", 1_727_372_782_134_000),
            ("2024-09-26T19:46:22.1345678+02:00", 1_727_372_782_134_567),
            ("1969-12-31T23:59:59.5Z", -500_000),
        ] {
            assert_eq!(parse_rfc3339(text), Some(Timestamp(micros)), "{text}");
        }
        for bad in [
            "",
            "2024",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T0:0Z",
            "ä-ö-üTäZ",
            "T+:",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }
}
