//! Servers from npm that nobody here wrote.

use super::process::{Peer, Ready, bound_to_test, free_port, installed};

/// Prism answers by itself, as the document has it.
pub fn prism_mock(document: &str) -> Peer {
    prism("mock", document, None)
}

/// Prism sends on to a server, and compares requests and answers with the document.
pub fn prism_proxy(document: &str, upstream: &str) -> Peer {
    prism("proxy", document, Some(upstream))
}

fn prism(mode: &str, document: &str, upstream: Option<&str>) -> Peer {
    let document = super::specification(document);
    let mut args: Vec<String> = vec![mode.into(), "-h".into(), "127.0.0.1".into()];
    args.extend(["-v".into(), "warn".into()]);
    args.push(document.to_string_lossy().into_owned());
    args.extend(upstream.map(str::to_owned));
    start("@stoplight/prism-cli/dist/index.js", &args)
}

/// Starts a script of a package, with `-p` and a free port after these arguments, and waits until it accepts connections.
pub fn start(script: &str, args: &[String]) -> Peer {
    let port = free_port();
    let mut command = bound_to_test("node");
    command
        .arg(installed().join("node_modules").join(script))
        .args(args)
        .args(["-p", &port.to_string()]);
    Peer::launch(script, port, &mut command, Ready::Port)
}
