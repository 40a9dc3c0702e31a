//! The engine: a PostgreSQL server in a namespace of its own.

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
