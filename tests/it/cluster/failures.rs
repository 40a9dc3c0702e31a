//! A shared store that is away, full, somebody else's, of another version, or no store at all: what the program says, and
//! whether it waits.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use url::Url;

use crate::common::{
    Desk, ended, list_of,
    shared::{self, Database},
};

/// Ends in what no output may have, and has every sign that a URL wants written otherwise.
const PASSWORD: &str = "p@ss:w/rd#?%0123456789";
const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd%23%3F%250123456789";

/// A PostgreSQL server on the loopback interface, which is thrown away with this value.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// One that does not run yet.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { folder, port }
    }

    fn running() -> Self {
        let server = Self::new();
        server.start(&[]);
        server
    }

    fn start(&self, settings: &[&str]) {
        let port = self.port.to_string();
        let always = ["127.0.0.1", &port, "fsync=off"];
        self.tell("start", &[&always, settings].concat());
    }

    /// It goes down without a word to anybody.
    fn crash(&self) {
        self.tell("crash", &[]);
    }

    fn tell(&self, what: &str, arguments: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/cluster/engine");
        let mut command = Command::new(script);
        command.arg(what).arg(self.folder.path()).args(arguments);
        let done = command.status().unwrap().success();
        assert!(done || std::thread::panicking(), "{what}");
    }

    fn url(&self) -> Url {
        let (password, port) = (PASSWORD_IN_URL, self.port);
        let url = format!("postgres://brandintel:{password}@127.0.0.1:{port}/postgres");
        Url::parse(&url).unwrap()
    }

    fn sql(&self, sql: &str) {
        shared::run(self.url().as_str(), sql);
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What the server's owner may read, and nobody else.
    fn hand_over(&self, path: &str) {
        let (owner, path) = (fs::metadata(self.path("data")).unwrap(), self.path(path));
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.path("data/postmaster.pid").exists() {
            self.crash();
        }
    }
}

/// The program while it runs, and what it has said so far.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Running {
    fn start(desk: &Desk, url: &str, args: &[&str]) -> Self {
        let mut command = desk.command(args);
        command.env("BRANDINTEL_STATE", url);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            said: String::new(),
        }
    }

    /// Waits until it has said this.
    fn says(&mut self, what: &str) {
        while !self.said.contains(what) {
            let line = self.lines.next();
            let line = line.unwrap_or_else(|| panic!("it has not said {what:?}: {}", self.said));
            self.said += &format!("{}\n", line.unwrap());
        }
    }

    /// Waits for its end: the exit code, and all that it said.
    fn end(mut self) -> (Option<i32>, String) {
        for line in self.lines {
            self.said += &format!("{}\n", line.unwrap());
        }
        let code = self.child.wait().unwrap().code();
        assert!(!self.said.contains("0123456789"), "{}", self.said);
        (code, self.said)
    }
}

/// Makes a wrong address of a right one.
type Change = fn(&mut Url);

const BATCH: [&str; 4] = ["--google-sheets", "--workers", "4", "--quiet"];
const DRY: [&str; 2] = ["--google-sheets", "--dry-run"];

/// Runs a batch, which ends with this code and says all of this in one line.
fn expect(desk: &Desk, url: &str, args: &[&str], code: i32, says: &[&str]) {
    let mut command = desk.command(args);
    command.env("BRANDINTEL_STATE", url);
    let ended = ended(command.output().unwrap());
    assert_eq!(ended.code, Some(code), "{url}: {ended:#?}");
    for text in says {
        assert!(ended.err.contains(text), "no {text:?}: {}", ended.err);
    }
    let lines = ended.err.lines().filter(|line| !line.is_empty()).count();
    assert!(lines == 1 || code == 0, "{ended:#?}");
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn what_will_not_pass_is_said_at_once() {
    let server = Server::running();
    let database = Database::on(server.url().as_str());
    let desk = Desk::with_list(&list_of(2));
    let url = |change: Change| {
        let mut url = Url::parse(&database.url).unwrap();
        change(&mut url);
        url.to_string()
    };
    let place = format!(
        "error: postgres://brandintel@127.0.0.1:{}/desk_",
        server.port
    );
    let refused: [(Change, i32, &[&str]); 7] = [
        (
            |url| url.set_password(Some("0123456789")).unwrap(),
            3,
            &[&place, "password authentication failed", "%40"],
        ),
        (
            |url| url.set_password(None).unwrap(),
            3,
            &[&place, "password missing", "BRANDINTEL_STATE"],
        ),
        (
            |url| url.set_username("nobody").unwrap(),
            3,
            &["postgres://nobody@127", "failed for user \"nobody\""],
        ),
        (
            |url| url.set_path("nowhere"),
            2,
            &["/nowhere: ", "\"nowhere\" does not exist", "createdb"],
        ),
        (
            |url| url.set_query(Some("sslmode=require")),
            2,
            &[&place, "does not support TLS", "sslmode=disable"],
        ),
        (
            |url| url.set_query(Some("sslrootcert=nowhere.pem")),
            2,
            &[&place, "sslrootcert=nowhere.pem: no certificates"],
        ),
        (
            |url| url.set_path("a/b"),
            2,
            &["--state (BRANDINTEL_STATE)", "write @ as %40"],
        ),
    ];
    for (change, code, says) in refused {
        expect(&desk, &url(change), &BATCH, code, says);
    }

    server.sql(&format!("CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'"));
    let guest = url(|url| url.set_username("guest").unwrap());
    let says = ["permission denied for database", "GRANT CREATE"];
    expect(&desk, &guest, &BATCH, 3, &says);

    let name = name_of(&database);
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = ");
    server.sql(&format!("{read_only}on"));
    let says = ["read-only transaction", "may be written to"];
    expect(&desk, &database.url, &BATCH, 2, &says);
    server.sql(&format!("{read_only}off"));

    expect(&desk, &database.url, &BATCH, 0, &[]);
    // A guest may not use the tables of another user either.
    let says = ["permission denied for schema", "the user that made them"];
    expect(&desk, &guest, &BATCH, 3, &says);
    server.sql(&format!("{read_only}on"));
    expect(
        &desk,
        &database.url,
        &BATCH,
        2,
        &[&place, "may be written to"],
    );
    server.sql(&format!("{read_only}off"));
    database.query("UPDATE brandintel.version SET number = number + 1", &[]);
    let says = [&*place, "version 3", "up to 2", "on all hosts"];
    expect(&desk, &database.url, &BATCH, 2, &says);
    expect(&desk, &database.url, &DRY, 2, &says);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_server_that_is_none_is_told_from_one_that_is_away() {
    let desk = Desk::with_list(&list_of(2));
    let http = format!("postgres://u@{}/d", desk.sandbox.address());
    let says = ["does not speak as PostgreSQL does", "host and port"];
    expect(&desk, &http, &BATCH, 2, &says);
    expect(&desk, &format!("{http}?sslmode=disable"), &BATCH, 2, &says);
    let says = ["does not support TLS", "host and port"];
    expect(&desk, &format!("{http}?sslmode=require"), &BATCH, 2, &says);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("postgres://u@{}/d", silent.local_addr().unwrap());
    let says = ["it does not answer", "that PostgreSQL runs"];
    expect(&desk, &silent, &DRY, 6, &says);

    // Before the second try: whoever mistyped a name sees it at once.
    let unknown = "postgres://u:0123456789@nowhere.invalid/d";
    let mut running = Running::start(&desk, unknown, &BATCH);
    running.says("WARNING");
    assert!(running.said.contains("DNS"), "{}", running.said);
    let (code, said) = running.end();
    assert_eq!(code, Some(6), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_run_begins_as_soon_as_the_store_is_there() {
    let desk = Desk::with_list(&list_of(2));
    let server = Server::new();
    let mut running = Running::start(&desk, server.url().as_str(), &BATCH);
    running.says("Connection refused");
    server.start(&[]);
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("answers again after"), "{said}");

    let database = Database::on(server.url().as_str());
    server.sql(&format!(
        "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0 PASSWORD '{PASSWORD}'"
    ));
    server.sql(&format!(
        "GRANT CREATE ON DATABASE {} TO crowd",
        name_of(&database)
    ));
    let mut url = Url::parse(&database.url).unwrap();
    url.set_username("crowd").unwrap();
    let mut running = Running::start(&desk, url.as_str(), &BATCH);
    running.says("too many connections");
    assert!(running.said.contains("max_connections"), "{}", running.said);
    server.sql("ALTER ROLE crowd CONNECTION LIMIT 9");
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_run_goes_on_when_the_store_is_back() {
    const BRANDS: usize = 100;
    let desk = Desk::with_list(&list_of(BRANDS));
    let server = Server::running();
    let database = Database::on(server.url().as_str());
    let mut running = Running::start(&desk, &database.url, &BATCH);
    desk.wait_for_models(10);
    server.crash();
    running.says("the shared store is away");
    server.start(&[]);
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
    let about = |text| said.lines().filter(|line| line.contains(text)).count();
    assert_eq!(about("is away"), 1, "{said}");
    assert_eq!(about("answers again"), 1, "{said}");
    assert_eq!(database.registry().len(), BRANDS);
    let rows = desk.sandbox.rows();
    let status = rows[0].iter().position(|cell| cell == "brandintel status");
    let done = rows.iter().skip(1);
    let done = done.filter(|row| {
        row.get(status.unwrap())
            .is_some_and(|cell| !cell.is_empty())
    });
    assert_eq!(done.count(), BRANDS);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_run_waits_for_room_on_the_disk() {
    const BRANDS: usize = 60;
    let desk = Desk::with_list(&list_of(BRANDS));
    let server = Server::running();
    let small = Disk::mount(server.path("small"));
    server.hand_over("small");
    let database = Database::on(server.url().as_str());
    let name = name_of(&database);
    server.sql(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        small.0.display()
    ));
    server.sql(&format!("ALTER DATABASE {name} SET TABLESPACE small"));
    let mut running = Running::start(&desk, &database.url, &BATCH);
    desk.wait_for_models(4);
    small.fill();
    running.says("No space left on device");
    assert!(running.said.contains("Make room"), "{}", running.said);
    small.make_room();
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(database.registry().len(), BRANDS);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn certificates_count_as_the_url_says() {
    let server = Server::running();
    let folder = server.folder.path();
    let make = |line: &str| {
        let mut openssl = Command::new("openssl");
        let made = openssl.current_dir(folder).args(line.split(' ')).output();
        assert!(made.unwrap().status.success(), "openssl {line}");
    };
    for name in ["own", "other"] {
        make(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }
    make("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
    fs::write(server.path("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    make(
        "x509 -req -in server.csr -CA own.pem -CAkey own.key -days 9 -extfile names -out server.pem",
    );
    let certificate = |name: &str| {
        for file in [format!("{name}.pem"), format!("{name}.key")] {
            server.hand_over(&file);
        }
        let setting = |of: &str, ending: &str| {
            format!(
                "ssl_{of}_file={}",
                server.path(&format!("{name}.{ending}")).display()
            )
        };
        let settings = [setting("cert", "pem"), setting("key", "key")];
        server.crash();
        server.start(&["ssl=on", &settings[0], &settings[1]]);
    };
    let desk = Desk::with_list(&list_of(2));
    for name in ["own", "other"] {
        fs::copy(
            server.path(&format!("{name}.pem")),
            desk.path(&format!("{name}.pem")),
        )
        .unwrap();
    }
    let dry_run = |host: &str, query: &str, code: i32, says: &[&str]| {
        let mut url = server.url();
        url.set_host(Some(host)).unwrap();
        url.set_query(Some(query));
        expect(&desk, url.as_str(), &DRY, code, says);
    };
    let [here, other_name] = ["127.0.0.1", "localhost"];

    certificate("server");
    dry_run(here, "sslmode=require", 0, &[]);
    dry_run(here, "sslmode=verify-full&sslrootcert=own.pem", 0, &[]);
    let unknown = ["UnknownIssuer", "sslrootcert", "sslmode=require"];
    dry_run(here, "sslmode=verify-full", 2, &unknown);
    dry_run(
        here,
        "sslmode=verify-full&sslrootcert=other.pem",
        2,
        &unknown,
    );
    dry_run(here, "sslmode=verify-ca&sslrootcert=other.pem", 2, &unknown);
    let name = ["not valid for name \"localhost\"", "the host's name"];
    dry_run(other_name, "sslrootcert=own.pem", 2, &name);
    dry_run(other_name, "sslmode=verify-ca&sslrootcert=own.pem", 0, &[]);

    // A certificate that has signed itself, as the manual of PostgreSQL makes it.
    certificate("own");
    dry_run(here, "sslmode=require&sslrootcert=own.pem", 0, &[]);
    dry_run(
        here,
        "sslmode=require&sslrootcert=other.pem",
        2,
        &["certificate"],
    );
    dry_run(
        here,
        "sslmode=verify-full&sslrootcert=own.pem",
        2,
        &["not valid for name"],
    );

    let rules = "hostssl all all all scram-sha-256\n";
    fs::write(server.path("data/pg_hba.conf"), rules).unwrap();
    certificate("server");
    dry_run(
        here,
        "sslmode=disable",
        3,
        &["no encryption", "write sslmode=require"],
    );
    dry_run(here, "", 0, &[]);
}

fn name_of(database: &Database) -> String {
    let url = Url::parse(&database.url).unwrap();
    url.path().trim_start_matches('/').to_owned()
}

/// A disk with little room, which is gone with this value.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]);
        let mounted = mount.arg(&at).status().unwrap();
        assert!(mounted.success(), "disks are mounted as root");
        Self(at)
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filled")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filled")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server may still look into it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
