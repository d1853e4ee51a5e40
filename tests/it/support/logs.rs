//! The logs of everything that the tests run, kept for `.ci/secrets` and whoever wants to know.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What our own crates say, in detail.
const FILTER: &str = "info,tollgate=debug,tollgate_domain=debug,tollgate_store=debug,tollgate_stripe=debug";

/// What must never be in a log; one a line. Tests plant it.
pub const PLANTED: &str = include_str!("planted.txt");

static OWN: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = path("services");
    let file = create(&path);
    tollgate::telemetry::begin(FILTER, true, file, None).unwrap();
    path
});

/// Begins to write what the services in this process log; returns where.
pub fn begin() -> &'static PathBuf {
    &OWN
}

/// A new file for one process.
pub fn of_process() -> (PathBuf, File) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let path = path(&format!("process-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let file = create(&path);
    (path, file)
}

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("it-logs");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{}-{name}.log", std::process::id()))
}

fn create(path: &PathBuf) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
