//! Servers from npm that nobody here wrote.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A server that is ended when it is dropped.
pub struct Peer {
    child: Child,
    /// Where it is, without a path.
    pub base: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Prism answers by itself, as the document has it.
    pub fn prism_mock(document: &str) -> Self {
        Self::prism("mock", document, None)
    }

    /// Prism sends on to a server, and compares requests and answers with the document.
    pub fn prism_proxy(document: &str, upstream: &str) -> Self {
        Self::prism("proxy", document, Some(upstream))
    }

    fn prism(mode: &str, document: &str, upstream: Option<&str>) -> Self {
        let document = super::specification(document);
        let mut args: Vec<String> = vec![mode.into(), "-h".into(), "127.0.0.1".into()];
        args.extend(["-v".into(), "warn".into()]);
        args.push(document.to_string_lossy().into_owned());
        args.extend(upstream.map(str::to_owned));
        Self::start("@stoplight/prism-cli/dist/index.js", &args)
    }

    /// Starts a script of a package, with `-p` and a free port after these arguments, and waits until it answers.
    pub fn start(script: &str, args: &[String]) -> Self {
        let packages = PathBuf::from(std::env::var_os("BRANDINTEL_PEERS").expect(
            "BRANDINTEL_PEERS names the folder of npm's packages; .ci/peers/run installs them",
        ));
        let port = free_port();
        let mut child = Command::new("node")
            .arg(packages.join(script))
            .args(args)
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{script} ended at once: {ended:?}");
            assert!(Instant::now() < deadline, "{script} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
