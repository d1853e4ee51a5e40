//! `embedded-postgres [auto|machine|download] [CACHE_DIR]`: a Postgres until standard input ends.

use embedded_postgres::{Options, Source, supervise};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let source = arguments.next().map_or(Ok(Source::Auto), |name| name.parse())?;
    supervise(Options {
        source,
        cache_dir: arguments.next().map(Into::into),
    })
}
