//! Dates: months are not a number of seconds.

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;

/// The last second of the year 9999: what comes later is no instant.
pub const LAST_INSTANT: i64 = 253_402_300_799;

/// How often a price recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub const ALL: [Interval; 4] = [Interval::Day, Interval::Week, Interval::Month, Interval::Year];

    /// Stripe's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Interval::Day => "day",
            Interval::Week => "week",
            Interval::Month => "month",
            Interval::Year => "year",
        }
    }

    /// `count` intervals after `anchor`. A month from the 31st ends on a shorter month's last day, and counting from
    /// the anchor lets the next one come back to the 31st.
    pub fn after(self, anchor: i64, count: i64) -> i64 {
        match self {
            Interval::Day => anchor + count * DAY,
            Interval::Week => anchor + count * 7 * DAY,
            Interval::Month => add_months(anchor, count),
            Interval::Year => add_months(anchor, count * 12),
        }
    }
}

fn add_months(instant: i64, months: i64) -> i64 {
    let (days, seconds) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let month = year * 12 + month - 1 + months;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let first = days_to(year, month, 1);
    let next = if month == 12 {
        days_to(year + 1, 1, 1)
    } else {
        days_to(year, month + 1, 1)
    };
    (first + day.min(next - first) - 1) * DAY + seconds
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month (from 1), day of the month (from 1).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// As an HTTP `Date` header writes it.
pub fn http_date(instant: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, seconds) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let month = MONTHS[(month - 1) as usize];
    let (hour, minute, second) = (seconds / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// As the second API writes an instant: `2026-03-01T12:00:00.000Z`.
pub fn iso(instant: i64) -> String {
    let (days, seconds) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// As an invoice line names a day: `01 Mar 2026`.
pub fn day(instant: i64) -> String {
    let (year, month, day) = date(instant.div_euclid(DAY));
    format!("{day:02} {} {year:04}", MONTHS[(month - 1) as usize])
}

/// As a person reads it: `2026-03-01 12:00 UTC`.
pub fn readable(instant: i64) -> String {
    let (days, seconds) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        seconds / HOUR,
        seconds % HOUR / MINUTE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_from_the_31st_comes_back_to_the_31st() {
        let january_31 = days_to(2028, 1, 31) * DAY + 5;
        assert_eq!(
            readable(Interval::Month.after(january_31, 1)),
            "2028-02-29 00:00 UTC"
        );
        assert_eq!(
            readable(Interval::Month.after(january_31, 2)),
            "2028-03-31 00:00 UTC"
        );
        assert_eq!(
            readable(Interval::Year.after(january_31, 1)),
            "2029-01-31 00:00 UTC"
        );
        assert_eq!(
            readable(Interval::Month.after(january_31, 11)),
            "2028-12-31 00:00 UTC"
        );
    }

    #[test]
    fn a_date_header_is_written_as_http_wants_it() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn days_and_dates_agree() {
        for days in (-200_000..200_000).step_by(13) {
            let (year, month, day) = date(days);
            assert_eq!(days_to(year, month, day), days);
        }
    }
}
