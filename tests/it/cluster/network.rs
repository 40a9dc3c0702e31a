//! The network: hosts, each in a namespace of its own, an engine in another, and the services where the tests are. A host has
//! a cable to the engine and another to the services.
//!
//! Everything is in the namespaces of this process, which `.ci/cluster/run` makes: nothing of it is seen outside, and nothing
//! is left when it ends, however it ends.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Where the engine and the services are for hosts.
pub const ENGINE: &str = "10.2.0.1";
pub const SERVICES: &str = "10.1.0.1";
/// Where the tests are for the engine.
const TESTS: &str = "10.2.0.2";

/// A network namespace, which is there as long as this value.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

/// Hosts and what they need.
#[derive(Debug)]
pub struct Network {
    pub hosts: Vec<Namespace>,
    pub engine: Namespace,
    /// What carries bytes from hosts to the services.
    carriers: Vec<Child>,
}

impl Namespace {
    fn new() -> Self {
        // It ends with its standard input, so with this process at the latest.
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && echo && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is of Debian's package util-linux");
        let mut line = String::new();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "\n", "no network namespace could be made");
        Self { holder }
    }

    /// A program that runs in here.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        command.arg(program);
        command
    }

    fn ip(&self, arguments: &str) {
        ip(self.command("ip"), arguments);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Network {
    /// So many hosts, whose services are at this port on their loopback interface, as they are on that of the tests.
    pub fn of(hosts: usize, services: u16) -> Self {
        let engine = Namespace::new();
        engine.ip("link add engine type bridge");
        engine.ip(&format!("addr add {ENGINE}/24 dev engine"));
        engine.ip("link set engine up");
        here(&format!(
            "link add engine type veth peer name tests netns {}",
            engine.holder.id()
        ));
        here(&format!("addr add {TESTS}/24 dev engine"));
        here("link set engine up");
        engine.ip("link set tests master engine up");
        here("link add services type bridge");
        here(&format!("addr add {SERVICES}/24 dev services"));
        here("link set services up");
        let mut network = Self {
            hosts: Vec::new(),
            engine,
            carriers: Vec::new(),
        };
        network.carry(Command::new("socat"), SERVICES, "127.0.0.1", services);
        for number in 0..hosts {
            network.add_host(number, services);
        }
        network
    }

    fn add_host(&mut self, number: usize, services: u16) {
        let host = Namespace::new();
        let (id, address) = (host.holder.id(), 11 + number);
        here(&format!(
            "link add host{number} type veth peer name services netns {id}"
        ));
        here(&format!("link set host{number} master services up"));
        self.engine.ip(&format!(
            "link add host{number} type veth peer name engine netns {id}"
        ));
        host.ip(&format!("addr add 10.1.0.{address}/24 dev services"));
        host.ip(&format!("addr add 10.2.0.{address}/24 dev engine"));
        host.ip("link set services up");
        host.ip("link set engine up");
        self.join(number);
        self.carry(host.command("socat"), "127.0.0.1", SERVICES, services);
        self.hosts.push(host);
    }

    /// Carries bytes from one address to another. Secrets travel to the services in the open, so the program wants them on the
    /// same machine.
    fn carry(&mut self, mut socat: Command, from: &str, to: &str, port: u16) {
        let carrier = socat
            .arg(format!(
                "TCP-LISTEN:{port},bind={from},fork,reuseaddr,nodelay,backlog=64"
            ))
            .arg(format!("TCP:{to}:{port},nodelay"))
            .stderr(Stdio::null())
            .spawn();
        self.carriers
            .push(carrier.expect("socat is Debian's package"));
    }

    /// What a host and the engine send each other from now on is lost.
    pub fn cut(&self, host: usize) {
        self.engine.ip(&format!("link set host{host} nomaster"));
    }

    /// The host reaches the engine.
    pub fn join(&self, host: usize) {
        self.engine
            .ip(&format!("link set host{host} master engine up"));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for carrier in &mut self.carriers {
            let _ = carrier.kill();
            let _ = carrier.wait();
        }
        here("link del services");
        here("link del engine");
    }
}

fn here(arguments: &str) {
    ip(Command::new("ip"), arguments);
}

fn ip(mut command: Command, arguments: &str) {
    let done = command.args(arguments.split(' ')).output();
    let done = done.expect("ip is of Debian's package iproute2");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() || std::thread::panicking(),
        "ip {arguments}: {said}"
    );
}
