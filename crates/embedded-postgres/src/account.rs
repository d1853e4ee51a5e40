//! Who runs the server. `initdb` and `postgres` refuse root, so root hands them to an account without rights.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;
use tokio::process::Command;

/// What `nobody` is on nearly every system, for machines whose `/etc/passwd` names none.
const NOBODY: u32 = 65534;

#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to change to: `None` unless we are root.
    pub(crate) fn unprivileged() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::in_passwd(&passwd, name));
        Some(found.unwrap_or(Self {
            uid: NOBODY,
            gid: NOBODY,
        }))
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| {
                let matches = fields.next() == Some(name);
                matches.then_some(fields)
            })?;
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        Some(Self {
            uid,
            gid: fields.next()?.parse().ok()?,
        })
    }
}

/// `program`, to be run by `account`, with an environment of its own: the server has no business with our secrets, and
/// `PG…` or locale variables of the caller must not change it.
pub(crate) fn command(program: &Path, account: Option<Account>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for kept in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("HOME", home)
        .current_dir(home)
        .kill_on_drop(true);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// Whether every account can pass through `path` and the folders above it.
pub(crate) fn open_to_all(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| {
        path.ancestors().all(|folder| {
            folder
                .metadata()
                .is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::Account;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:*:-2:-2:Unprivileged:/:/bin/false\n\
                          postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn an_account_is_read_from_passwd() {
        let account = Account::in_passwd(PASSWD, "postgres").map(|account| (account.uid, account.gid));
        assert_eq!(account, Some((101, 104)));
    }

    #[test]
    fn root_and_negative_numbers_are_not_accounts_to_change_to() {
        assert!(Account::in_passwd(PASSWD, "root").is_none());
        assert!(Account::in_passwd(PASSWD, "nobody").is_none());
        assert!(Account::in_passwd(PASSWD, "absent").is_none());
    }
}
