//! A proxy in front of the simulated services: it passes requests on, and changes or replaces some of the replies as real
//! servers would send them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// What the program says in the system message where no provider enforces the schema.
const SHAPE: &str = "It has to fit this JSON schema, with every required property:\n";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// The body, where it is JSON.
    pub json: Value,
    head: String,
    body: String,
}

/// A reply with its status and body.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    /// Further header lines.
    pub headers: String,
    pub body: Vec<u8>,
}

/// What becomes of a request.
pub enum Do {
    Pass,
    Reply(Reply),
    /// It is passed on, and this is made of the body that comes back.
    Change(fn(&str) -> Vec<u8>),
}

/// The proxy, and what it has seen.
pub struct Proxy {
    pub at: SocketAddr,
    seen: Arc<Mutex<Vec<(Asked, u16)>>>,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            kind: "application/json",
            headers: String::new(),
            body: body.to_string().into_bytes(),
        }
    }

    pub fn html(status: u16, title: &str) -> Self {
        Self {
            status,
            kind: "text/html",
            headers: String::new(),
            body: format!(
                "<!DOCTYPE html><html><head><title>{title}</title></head><body>Sorry</body></html>"
            )
            .into_bytes(),
        }
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

impl Asked {
    pub fn is_chat(&self) -> bool {
        self.path.ends_with("/chat/completions")
    }

    /// Whether it asks about this brand.
    pub fn is_about(&self, brand: &str) -> bool {
        let user = self.json["messages"][1]["content"]
            .as_str()
            .unwrap_or_default();
        user.lines()
            .any(|line| line == format!("Brand as the client's list gives it: {brand}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The type of answer that is asked for.
    pub fn format(&self) -> &str {
        self.json["response_format"]["type"]
            .as_str()
            .unwrap_or("none")
    }

    /// The schema of the answer, wherever it is said.
    pub fn schema(&self) -> Value {
        let enforced = &self.json["response_format"]["json_schema"]["schema"];
        if !enforced.is_null() {
            return enforced.clone();
        }
        let system = self.json["messages"][0]["content"]
            .as_str()
            .unwrap_or_default();
        let said = system.split_once(SHAPE).map_or("", |(_, schema)| schema);
        serde_json::from_str(said).unwrap_or_default()
    }
}

impl Proxy {
    /// Stands in front of services at this address; the rule sees every request.
    pub fn before(
        services: SocketAddr,
        rule: impl Fn(&Asked) -> Do + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let (rule, log) = (Arc::new(rule), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (rule, log) = (Arc::clone(&rule), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, services, &*rule, &log));
            }
        });
        Self { at, seen }
    }

    /// The model calls that came, with the status of their replies.
    pub fn chats(&self) -> Vec<(Asked, u16)> {
        let seen = self.seen.lock().unwrap();
        let chats = seen.iter().filter(|(asked, _)| asked.is_chat());
        chats.cloned().collect()
    }

    /// How many model calls had a reply of this status.
    pub fn chats_with(&self, status: u16) -> usize {
        self.chats()
            .iter()
            .filter(|(_, replied)| *replied == status)
            .count()
    }
}

fn serve(
    mut stream: TcpStream,
    services: SocketAddr,
    rule: &(dyn Fn(&Asked) -> Do + Send + Sync),
    log: &Mutex<Vec<(Asked, u16)>>,
) {
    let Some(asked) = read_request(&mut stream) else {
        return;
    };
    let reply = match rule(&asked) {
        Do::Reply(reply) => reply,
        Do::Pass => pass_on(services, &asked),
        Do::Change(change) => {
            let reply = pass_on(services, &asked);
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            Reply {
                body: change(&body),
                ..reply
            }
        }
    };
    log.lock().unwrap().push((asked, reply.status));
    let head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: {}\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
        reply.status,
        reply.kind,
        reply.headers,
        reply.body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&reply.body);
}

fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let (mut request, mut part) = (Vec::new(), vec![0; 65_536]);
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&part[..read]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let body = &request[end + 4..];
        if body.len() < length.unwrap_or(0_usize) {
            continue;
        }
        let body = String::from_utf8_lossy(body).into_owned();
        let path = head.split(' ').nth(1)?.to_owned();
        return Some(Asked {
            path,
            json: serde_json::from_str(&body).unwrap_or_default(),
            head,
            body,
        });
    }
}

/// Sends a request on. The simulated model answers in the schema that the request enforces, so one that is only said in the
/// prompt is put there.
fn pass_on(services: SocketAddr, asked: &Asked) -> Reply {
    let mut body = asked.body.clone();
    if asked.is_chat() && asked.format() != "json_schema" {
        let mut json = asked.json.clone();
        json["response_format"] = json!({"type": "json_schema", "json_schema": {
            "name": "said", "strict": true, "schema": asked.schema(),
        }});
        body = json.to_string();
    }
    let mut lines = asked.head.lines();
    let mut head = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        if !["content-length", "connection", "accept-encoding"].contains(&name.as_str()) {
            head += "\r\n";
            head += line;
        }
    }
    head += &format!(
        "\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(services).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    let end = reply
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&reply[..end]).into_owned();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        kind: "application/json",
        headers: String::new(),
        body: reply[end + 4..].to_vec(),
    }
}
