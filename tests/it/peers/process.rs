//! A server that runs in a process of its own, on a free port of this machine.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to start: the imports of the largest take twelve seconds on an idle machine.
const STARTS_WITHIN: Duration = Duration::from_mins(3);

/// What a server prints at its end is shown with a test that failed, as far as this many bytes.
const TAIL: usize = 3_000;

/// Where `.ci/peers/run` put what it installed.
pub fn installed() -> PathBuf {
    let folder = std::env::var_os("BRANDINTEL_PEERS");
    PathBuf::from(folder.expect(
        "BRANDINTEL_PEERS names the folder of installed peers; .ci/peers/run makes and names it",
    ))
}

/// Runs a program that is killed with the test that started it, also where the test itself is killed.
pub fn bound_to_test(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// When a server is taken for ready.
#[derive(Clone, Copy)]
pub enum Ready {
    /// It accepts connections.
    Port,
    /// It answers a GET of this path with 200.
    Page(&'static str),
}

/// A server that is ended when this is dropped.
pub struct Peer {
    child: Child,
    /// Its address, without a path.
    pub base: String,
    name: String,
    printed: tempfile::NamedTempFile,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{} printed at its end:\n{}", self.name, self.tail());
        }
    }
}

impl Peer {
    /// Runs a command that serves on this port, and waits until it is ready.
    pub fn launch(name: &str, port: u16, command: &mut Command, ready: Ready) -> Self {
        let printed = tempfile::NamedTempFile::new().unwrap();
        let child = command
            // All that a peer asks is on this machine.
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .stdout(printed.as_file().try_clone().unwrap())
            .stderr(printed.as_file().try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let mut peer = Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
            name: name.to_owned(),
            printed,
        };
        let deadline = Instant::now() + STARTS_WITHIN;
        while !is_ready(port, ready) {
            let ended = peer.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended at once: {ended:?}");
            assert!(Instant::now() < deadline, "{name} is not ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        peer
    }

    fn tail(&self) -> String {
        let bytes = fs::read(self.printed.path()).unwrap_or_default();
        let from = bytes.len().saturating_sub(TAIL);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }
}

fn is_ready(port: u16, ready: Ready) -> bool {
    match ready {
        Ready::Port => TcpStream::connect(("127.0.0.1", port)).is_ok(),
        Ready::Page(path) => status(port, "GET", path, "", "") == Some(200),
    }
}

/// The status of a server's answer to one request, or none where it does not answer.
pub fn status(port: u16, method: &str, path: &str, key: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .ok()?;
    let mut reply = Vec::new();
    // A server may close without a word at its end; the first line is what is read.
    let _ = stream.read_to_end(&mut reply);
    let text = String::from_utf8_lossy(&reply);
    text.split(' ').nth(1)?.parse().ok()
}
