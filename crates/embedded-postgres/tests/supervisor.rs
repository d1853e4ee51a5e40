//! A real supervisor in a real process: it serves, and it leaves nothing, however its parent or itself ends.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use embedded_postgres::Server;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);

/// A temporary directory of the test's own, so that what is left in it can be counted.
fn temporary_directory() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
    Ok(directory)
}

fn supervisor(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embedded-postgres"));
    command.arg("auto").env("TMPDIR", temporary);
    command
}

fn folders(temporary: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(temporary)?.map(|entry| Ok(entry?.path())).collect()
}

/// The process id of the server that runs in the only folder of `temporary`.
fn server_process(temporary: &Path) -> Result<Pid> {
    let folder = folders(temporary)?.pop().context("no folder of a server")?;
    let file = fs::read_to_string(folder.join("data/postmaster.pid"))?;
    file.lines()
        .next()
        .and_then(|pid| pid.parse().ok())
        .and_then(Pid::from_raw)
        .context("no process id")
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "not after {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn nothing_is_left(temporary: &Path, server: Pid) {
    wait_until("the directory is removed", || {
        folders(temporary).is_ok_and(|folders| folders.is_empty())
    });
    wait_until("the process is gone", || test_kill_process(server).is_err());
}

/// One message of the server: its letter and its content.
fn message(stream: &mut TcpStream) -> Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut content = vec![0; length.checked_sub(4).context("a message without length")?];
    stream.read_exact(&mut content)?;
    Ok((head[0], content))
}

/// Signs in by PostgreSQL's protocol, until the server is ready for a query.
fn sign_in(url: &str) -> Result<()> {
    let rest = url.strip_prefix("postgres://tollgate:").context("not our URL")?;
    let (password, rest) = rest.split_once('@').context("no password")?;
    let (address, database) = rest.split_once('/').context("no database")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut startup = 196_608_u32.to_be_bytes().to_vec();
    startup.extend(format!("user\0tollgate\0database\0{database}\0\0").bytes());
    stream.write_all(&(startup.len() as u32 + 4).to_be_bytes())?;
    stream.write_all(&startup)?;
    ensure!(
        message(&mut stream)? == (b'R', vec![0, 0, 0, 3]),
        "the server asks for no password"
    );
    stream.write_all(b"p")?;
    stream.write_all(&(password.len() as u32 + 5).to_be_bytes())?;
    stream.write_all(format!("{password}\0").as_bytes())?;
    loop {
        match message(&mut stream)? {
            (b'Z', _) => return Ok(()),
            (b'E', error) => anyhow::bail!("{}", String::from_utf8_lossy(&error)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_server_answers_and_stop_waits_until_nothing_is_left() -> Result<()> {
    let temporary = temporary_directory()?;
    let server = Server::start(supervisor(temporary.path())).await?;
    let process = server_process(temporary.path())?;
    sign_in(server.url())?;
    sign_in(&server.database_url("template1"))?;
    assert!(sign_in(&server.database_url("absent")).is_err());
    let wrong = server.url().replace("tollgate:", "tollgate:0");
    assert!(sign_in(&wrong).is_err(), "a wrong password is refused");
    server.stop().await?;
    assert!(folders(temporary.path())?.is_empty());
    assert!(test_kill_process(process).is_err());
    Ok(())
}

#[test]
fn dropping_the_handle_stops_the_server() -> Result<()> {
    let temporary = temporary_directory()?;
    let server = Server::start_blocking(supervisor(temporary.path()))?;
    let process = server_process(temporary.path())?;
    drop(server);
    nothing_is_left(temporary.path(), process);
    Ok(())
}

#[test]
fn killing_the_process_that_holds_the_pipe_stops_the_server() -> Result<()> {
    let temporary = temporary_directory()?;
    let mut holder = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pipe = holder.stdout.take().context("no pipe")?;
    let mut supervisor = supervisor(temporary.path())
        .stdin(pipe)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(supervisor.stdout.take().context("no output")?).read_line(&mut line)?;
    sign_in(line.trim_end().strip_prefix("ready ").context("no ready line")?)?;
    let process = server_process(temporary.path())?;
    holder.kill()?;
    holder.wait()?;
    nothing_is_left(temporary.path(), process);
    assert!(supervisor.wait()?.success());
    Ok(())
}

#[test]
fn what_a_killed_supervisor_left_is_cleared_by_the_next() -> Result<()> {
    let temporary = temporary_directory()?;
    let mut killed = supervisor(temporary.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(killed.stdout.take().context("no output")?).read_line(&mut line)?;
    let orphan = line.trim_end().strip_prefix("ready ").context("no ready line")?;
    let left = folders(temporary.path())?;
    killed.kill()?;
    killed.wait()?;
    sign_in(orphan).context("the server outlives its supervisor")?;
    let next = Server::start_blocking(supervisor(temporary.path()))?;
    assert!(sign_in(orphan).is_err(), "the orphan is stopped");
    assert!(
        left.iter().all(|folder| !folder.exists()),
        "its directory is removed"
    );
    sign_in(next.url())?;
    let beside = Server::start_blocking(supervisor(temporary.path()))?;
    sign_in(next.url()).context("a living server is left alone")?;
    let process = server_process(temporary.path())?;
    drop((next, beside));
    nothing_is_left(temporary.path(), process);
    Ok(())
}

#[test]
fn a_server_that_ends_by_itself_ends_its_supervisor_with_its_log() -> Result<()> {
    let temporary = temporary_directory()?;
    let mut command = supervisor(temporary.path());
    let mut supervisor = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(supervisor.stdout.take().context("no output")?).read_line(&mut line)?;
    let process = server_process(temporary.path())?;
    rustix::process::kill_process(process, rustix::process::Signal::QUIT)?;
    let mut said = String::new();
    supervisor
        .stderr
        .take()
        .context("no error output")?
        .read_to_string(&mut said)?;
    assert!(!supervisor.wait()?.success());
    assert!(
        said.contains("ended by itself") && said.contains("immediate shutdown"),
        "{said}"
    );
    nothing_is_left(temporary.path(), process);
    Ok(())
}

#[test]
fn a_supervisor_that_cannot_start_is_an_error_at_once() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embedded-postgres"));
    command.arg("nowhere").stderr(Stdio::null());
    assert!(Server::start_blocking(command).is_err());
}
