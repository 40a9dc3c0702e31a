//! Proxies and certificates.

#[cfg(target_os = "linux")]
use std::fs;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::{check, says};
use crate::common::{Desk, ended, list_of};

/// A SOCKS5 proxy with a password that leads every name to one address, and what it was asked for.
struct Socks {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    fn before(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming() {
                let told = Arc::clone(&told);
                thread::spawn(move || serve_socks(client.unwrap(), to, &told));
            }
        });
        Self { address, asked }
    }
}

/// RFC 1928 and 1929, as far as a client goes that asks to be connected.
fn serve_socks(mut client: TcpStream, to: SocketAddr, told: &Mutex<Vec<String>>) -> Option<()> {
    let mut answer = client.try_clone().ok()?;
    let mut from_client = client.try_clone().ok()?;
    let mut read = |count: usize| {
        let mut bytes = vec![0; count];
        client.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = read(2)?[1];
    read(methods.into())?;
    answer.write_all(&[5, 2]).ok()?;
    let name = read(2)?[1];
    let user = read(name.into())?;
    let length = read(1)?[0];
    let password = read(length.into())?;
    let is_right = user == b"me" && password == b"hunter2 & co";
    answer.write_all(&[1, u8::from(!is_right)]).ok()?;
    let head = read(4)?;
    let host = match head[3] {
        1 => read(4)?
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join("."),
        3 => {
            let length = read(1)?[0];
            String::from_utf8(read(length.into())?).ok()?
        }
        _ => return None,
    };
    read(2)?;
    told.lock().unwrap().push(host);
    let mut server = TcpStream::connect(to).ok()?;
    answer.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let mut to_server = server.try_clone().ok()?;
    thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    std::io::copy(&mut server, &mut answer).ok().map(drop)
}

#[test]
fn a_socks_proxy_carries_every_request_and_looks_names_up() {
    let desk = Desk::with_list(&list_of(2));
    let socks = Socks::before(desk.sandbox.address());
    let at = format!("me:hunter2%20%26%20co@{}", socks.address);
    for (name, scheme) in [
        ("ALL_PROXY", "socks5h"),
        ("all_proxy", "socks"),
        ("HTTP_PROXY", "socks5h"),
    ] {
        let mut command = desk.command_alone(&["--brands", "list.csv", "--force"]);
        command
            .env(name, format!("{scheme}://{at}"))
            .env("OPENROUTER_BASE_URL", "http://models.invalid/api/v1")
            .env("TAVILY_BASE_URL", "http://search.invalid");
        says(&ended(command.output().unwrap()), 0, &["Success: 2"]);
        let mut asked = std::mem::take(&mut *socks.asked.lock().unwrap());
        asked.sort();
        asked.dedup();
        assert_eq!(asked, ["models.invalid", "search.invalid"], "{name}");
    }
    // With socks5 this machine looks names up; an address needs none.
    let proxy = format!("socks5://{at}");
    let seen = check(&desk, &[("ALL_PROXY", &proxy)]);
    let place = format!(
        "ALL_PROXY is set: all other requests go through {} (socks5)",
        socks.address
    );
    says(&seen, 0, &[&place]);
    assert!(!seen.out.contains("hunter2") && !seen.err.contains("hunter2"));
    let asked = std::mem::take(&mut *socks.asked.lock().unwrap());
    assert!(
        !asked.is_empty() && asked.iter().all(|host| host == "127.0.0.1"),
        "{asked:?}"
    );
}

#[test]
fn a_proxy_that_is_none_is_named() {
    let desk = Desk::with_list(&list_of(1));
    for (name, value) in [
        ("HTTPS_PROXY", "127.0.0.1:99999"),
        ("HTTPS_PROXY", "http//x"),
        ("ALL_PROXY", "vmess://127.0.0.1:1080"),
        ("http_proxy", "ftp://127.0.0.1:21"),
        ("HTTPS_PROXY", "http://me:hunter2@proxy:99999"),
        ("all_proxy", "socks5://me:hunt#er2@proxy:1080"),
    ] {
        let seen = check(&desk, &[(name, value)]);
        says(&seen, 2, &[name, "is not the address of a proxy"]);
        let mut command = desk.command_alone(&["--brands", "list.csv"]);
        let seen = ended(command.env(name, value).output().unwrap());
        says(&seen, 2, &[name, "is not the address of a proxy"]);
        let all = format!("{}{}", seen.out, seen.err);
        assert!(
            !all.contains("hunter2") && !all.contains("hunt#er2"),
            "{all}"
        );
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
}

#[test]
fn no_proxy_speaks_to_its_hosts_directly_as_curl_does() {
    let desk = Desk::with_list(&list_of(1));
    // Nothing listens there.
    let proxy = "http://me:hunter2@127.0.0.1:1";
    for (name, hosts) in [
        ("NO_PROXY", "*"),
        ("no_proxy", " * "),
        ("NO_PROXY", "example.com, *"),
        ("NO_PROXY", "127.0.0.1"),
        ("NO_PROXY", "localhost 127.0.0.0/8"),
    ] {
        for variable in ["ALL_PROXY", "HTTP_PROXY", "http_proxy"] {
            let seen = check(&desk, &[(variable, proxy), (name, hosts)]);
            says(&seen, 0, &["NO_PROXY is"]);
        }
    }
    let seen = check(&desk, &[("HTTP_PROXY", proxy)]);
    says(
        &seen,
        6,
        &["HTTP_PROXY is set: requests to http:// addresses go through 127.0.0.1:1"],
    );
    assert!(!seen.out.contains("hunter2"));
    assert!(seen.out.contains("a proxy (HTTP_PROXY)"), "{}", seen.out);
}

/// Where this program's own TLS reads them.
#[cfg(target_os = "linux")]
#[test]
fn certificates_that_are_not_there_are_named() {
    let desk = Desk::with_list(&list_of(1));
    let pem = fs::read("tests/fixtures/tls/self_signed.pem").unwrap();
    let der: Vec<u8> = [0x30, 0x82, 0x03, 0x01]
        .iter()
        .copied()
        .chain(std::iter::repeat_n(7, 64))
        .collect();
    fs::write(desk.path("empty.pem"), "").unwrap();
    fs::write(desk.path("ca.crt"), der).unwrap();
    fs::write(desk.path("own.pem"), pem).unwrap();
    fs::create_dir(desk.path("certs")).unwrap();
    for (name, path, words) in [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "cannot be read"),
        ("SSL_CERT_FILE", "certs", "cannot be read"),
        ("SSL_CERT_FILE", "empty.pem", "is empty"),
        ("SSL_CERT_FILE", "list.csv", "has no certificate in PEM"),
        (
            "SSL_CERT_FILE",
            "ca.crt",
            "openssl x509 -inform der -in ca.crt",
        ),
        ("SSL_CERT_DIR", "/nonexistent", "cannot be read"),
        ("SSL_CERT_DIR", "certs", "has no certificate in PEM"),
    ] {
        for args in [
            &["check", "--brands", "list.csv"][..],
            &["--brands", "list.csv"],
        ] {
            let mut command = desk.command_alone(args);
            command
                .env_remove("SSL_CERT_FILE")
                .env_remove("SSL_CERT_DIR");
            let seen = ended(command.env(name, path).output().unwrap());
            says(&seen, 2, &[&format!("{name} ({path}) "), words]);
        }
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
    says(&check(&desk, &[("SSL_CERT_FILE", "own.pem")]), 0, &[]);
}
