//! A PostgreSQL server of the test's own, if Debian's `postgresql` package is installed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a test")]

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server; stopped when dropped.
pub struct Postgres {
    dir: TempDir,
    port: u16,
    user: Option<u32>,
}

/// The user that the server runs as: it refuses to run as root.
fn user() -> Option<u32> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return None;
    }
    let id = Command::new("id")
        .args(["-u", "postgres"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&id.stdout).trim().parse().ok()
}

impl Postgres {
    /// Start one, or print why that is not possible.
    pub fn start_or_skip(test: &str) -> Option<Self> {
        if !Path::new(PROGRAMS).join("initdb").exists() {
            eprintln!(
                "skipped {test}: no PostgreSQL 15 under {PROGRAMS}; apt-get install postgresql"
            );
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Self {
            dir,
            port,
            user: user(),
        };
        if let Some(user) = server.user {
            std::os::unix::fs::chown(server.dir.path(), Some(user), None).unwrap();
        }
        let data = server.data();
        let data = data.to_str().unwrap();
        server.run(
            "initdb",
            &["-D", data, "-A", "trust", "-U", "stele", "--no-sync"],
        );
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off",
            server.port,
            server.dir.path().display()
        );
        let log = server.dir.path().join("log");
        server.run(
            "pg_ctl",
            &[
                "-D",
                data,
                "-l",
                log.to_str().unwrap(),
                "-o",
                &options,
                "-w",
                "start",
            ],
        );
        Some(server)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("postgres://stele@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(Path::new(PROGRAMS).join(program));
        command
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
        assert!(
            command.status().unwrap().success(),
            "{program} {arguments:?}"
        );
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        self.run(
            "pg_ctl",
            &[
                "-D",
                data.to_str().unwrap(),
                "-m",
                "immediate",
                "-w",
                "stop",
            ],
        );
    }
}
