//! A host: the program in a network namespace, with a folder of its own.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus},
};

use serde_json::Value;

use super::{network::Namespace, services::Services};
use crate::common::{binary, files};

/// A host.
#[derive(Debug)]
pub struct Host {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Host {
    /// A host that knows the services.
    pub fn of(services: &Services) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), services.settings()).unwrap();
        fs::write(folder.path().join("account.json"), &services.account).unwrap();
        Self {
            folder,
            running: None,
        }
    }

    /// Runs the program in a namespace, or where the tests are.
    pub fn start(&mut self, namespace: Option<&Namespace>, args: &[&str]) {
        let program = binary();
        let mut command = match namespace {
            Some(namespace) => namespace.command(program.to_str().unwrap()),
            None => Command::new(&program),
        };
        let said = File::options()
            .create(true)
            .append(true)
            .open(self.said_path())
            .unwrap();
        command
            .current_dir(self.folder.path())
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("LC_ALL", "C.UTF-8")
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        assert!(self.running.is_none(), "it runs already");
        self.running = Some(command.spawn().unwrap());
    }

    /// How it ended, as soon as it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.running.as_mut()?.try_wait().unwrap();
        if ended.is_some() {
            self.running = None;
        }
        ended
    }

    /// Waits until it ends.
    pub fn wait(&mut self) -> Option<i32> {
        self.running.take().unwrap().wait().unwrap().code()
    }

    /// Kills it, where it still runs, with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }

    /// What it printed.
    pub fn said(&self) -> String {
        fs::read_to_string(self.said_path()).unwrap_or_default()
    }

    /// Lines of its structured log with this message.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        let logs = files(&self.path("logs"));
        let logs = logs
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "jsonl"));
        let lines = logs.flat_map(|(_, bytes)| {
            String::from_utf8(bytes)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        // The last line before a kill may be cut off.
        let lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.filter(|line| line["message"] == message).collect()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn said_path(&self) -> PathBuf {
        self.path("said.txt")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            let said = self.said();
            let end = said.lines().rev().take(40).collect::<Vec<_>>();
            let end: Vec<_> = end.into_iter().rev().collect();
            eprintln!(
                "--- {} said last:\n{}",
                self.folder.path().display(),
                end.join("\n")
            );
        }
    }
}

/// Which hosts said when of which brand, in which run, that it is done, where that was said more than once.
pub fn reported_again(hosts: &[Host]) -> Vec<(String, Vec<String>)> {
    let mut reported = HashMap::<_, Vec<_>>::new();
    for (number, host) in hosts.iter().enumerate() {
        for line in host.logged("brand done") {
            let brand = format!("{} in {}", line["brand"], line["run_id"]);
            let said = format!("host {number} at {}", line["timestamp"]);
            reported.entry(brand).or_default().push(said);
        }
    }
    reported.retain(|_, said| said.len() > 1);
    reported.into_iter().collect()
}
