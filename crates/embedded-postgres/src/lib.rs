//! A private Postgres for the demo, `tollgate dev` and tests. It goes away with the process that asked for it, however
//! that process ends.
//!
//! There are two sides. A **supervisor**, a process of its own that does nothing but call [`supervise`], owns the server
//! and its directory, and gives both up when its standard input ends. [`Server`] is the **parent's** side: it starts
//! the supervisor and holds the other end of that pipe. The kernel closes the pipe when the parent ends, also after
//! `kill -9`, so there is no way to end that leaves a server behind.
//!
//! In the supervisor, in flow order: `binaries` finds PostgreSQL on the machine or `download` fetches it, `directory`
//! makes the private directory (and clears away what supervisors that were themselves killed left), `account` picks
//! who runs the server when we are root, and `instance` runs `initdb` and `postgres`.

mod account;
mod binaries;
mod directory;
mod download;
mod instance;
mod server;
mod supervisor;

pub use binaries::Source;
pub use server::Server;
pub use supervisor::{Options, supervise};
