//! The engine: a PostgreSQL server in a namespace of its own.

use std::process::Command;

use super::network::{ENGINE, Namespace};

const PORT: &str = "5432";

/// A server, which runs as long as this value.
#[derive(Debug)]
pub struct Engine<'a> {
    namespace: &'a Namespace,
    folder: tempfile::TempDir,
}

impl<'a> Engine<'a> {
    /// A new one, with settings as PostgreSQL has them.
    pub fn start(namespace: &'a Namespace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Self { namespace, folder };
        engine.tell("start", &[ENGINE, PORT]);
        engine
    }

    /// Where it is for hosts and tests.
    pub fn url(&self) -> String {
        let password = std::fs::read_to_string(self.folder.path().join("password")).unwrap();
        format!(
            "postgres://brandintel:{}@{ENGINE}:{PORT}/postgres?sslmode=disable",
            password.trim()
        )
    }

    /// The same, for whoever wants to listen in.
    pub fn address() -> String {
        format!("{ENGINE}:{PORT}")
    }

    /// It goes down without a word to anybody, and comes back.
    pub fn crash_and_start(&self) {
        self.tell("crash", &[]);
        self.tell("start", &[ENGINE, PORT]);
    }

    /// Seconds of CPU that the server and its sessions have used.
    pub fn cpu_s(&self) -> f64 {
        let pid = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let pid: u32 = pid.lines().next().unwrap().parse().unwrap();
        let children = Command::new("pgrep")
            .args(["-P", &pid.to_string()])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let children = children.lines().map(|pid| cpu_s(pid.parse().unwrap()).own);
        let server = cpu_s(pid);
        server.own + server.ended_children + children.sum::<f64>()
    }

    fn tell(&self, what: &str, arguments: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/cluster/engine");
        let mut command = self.namespace.command(script);
        let done = command
            .arg(what)
            .arg(self.folder.path())
            .args(arguments)
            .status();
        assert!(
            done.unwrap().success() || std::thread::panicking(),
            "{what}"
        );
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        self.tell("crash", &[]);
        // Whoever wants to know why starts it again.
        self.folder.disable_cleanup(std::thread::panicking());
    }
}

/// Seconds of CPU that a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    pub own: f64,
    /// Used by its children that have ended and were waited for.
    pub ended_children: f64,
}

/// What a process has used; nothing where it is gone.
pub fn cpu_s(pid: u32) -> Cpu {
    // In hundredths of a second on every Linux that there is: proc_pid_stat(5), sysconf(_SC_CLK_TCK).
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return Cpu::default();
    };
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // The fields 14 to 17 of proc_pid_stat(5); the first here is the third there.
    let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap() / 100.0;
    Cpu {
        own: ticks(14) + ticks(15),
        ended_children: ticks(16) + ticks(17),
    }
}
