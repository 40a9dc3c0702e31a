//! The source of answers: a terminal, or a pipe with one answer a line. Questions go to standard error.

use std::io::{self, BufRead, IsTerminal, Write};

use console::Term;
use secrecy::SecretString;

use crate::{
    cli,
    config::dotenv::{known_names, tidy, unwrapped},
    exit::{Exit, Failure, OrExit},
};

/// The one who answers.
pub struct Console {
    /// What is typed has to be hidden where it is secret.
    terminal: Option<Term>,
}

impl Console {
    /// The terminal, or what is piped in.
    pub fn open() -> Result<Self, Failure> {
        let terminal = io::stdin().is_terminal().then(Term::stderr);
        if terminal.as_ref().is_some_and(|term| !term.is_term()) {
            return Err(Failure::new(
                Exit::Usage,
                "init asks on standard error, which is no terminal: run it without redirecting standard error",
            ));
        }
        Ok(Self { terminal })
    }

    /// An answer, without the blanks and quotation marks around it that come with what is pasted; empty for Enter.
    pub fn ask(&self, question: &str) -> Result<String, Failure> {
        prompt(question);
        self.line().map(|line| plain(&line).to_owned())
    }

    /// As [`Self::ask`], and on a terminal what is typed is not shown.
    pub fn ask_secret(&self, question: &str) -> Result<SecretString, Failure> {
        prompt(question);
        let Some(term) = &self.terminal else {
            return self.line().map(|line| plain(&line).into());
        };
        let line = term.read_secure_line().or_exit(Exit::Machine)?;
        prompt("\n");
        Ok(plain(&line).into())
    }

    /// Yes is what Enter says; what is neither yes nor no is asked again.
    pub fn ask_yes(&self, question: &str) -> Result<bool, Failure> {
        loop {
            match self
                .ask(&format!("{question} [Y/n] "))?
                .to_lowercase()
                .as_str()
            {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => {}
            }
        }
    }

    fn line(&self) -> Result<String, Failure> {
        let mut line = String::new();
        let read = io::stdin()
            .lock()
            .read_line(&mut line)
            .or_exit(Exit::Machine)?;
        if self.terminal.is_none() {
            prompt("\n");
        }
        match read {
            0 => Err(Failure::new(
                Exit::Usage,
                "no more answers: what was answered so far is in .env, and brandintel init goes on from there",
            )),
            _ => Ok(line),
        }
    }
}

fn prompt(question: &str) {
    let mut to = io::stderr();
    // Who has closed standard error does not read questions.
    let _ = write!(to, "{question}").and_then(|()| to.flush());
}

/// Terminals put quotation marks around a file that is dropped on them, chats put invisible ones around an address, and
/// people copy whole lines of `.env`.
fn plain(line: &str) -> &str {
    let line = tidy(line);
    let value = match line.split_once('=') {
        Some((name, value))
            if known_names(&cli::variables())
                .iter()
                .any(|known| known == tidy(name)) =>
        {
            tidy(value)
        }
        _ => line,
    };
    unwrapped(value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_pasting_is_taken_off() {
        for (line, answer) in [
            ("  tvly-1 \r\n", "tvly-1"),
            ("'C:\\Users\\me\\key.json'", "C:\\Users\\me\\key.json"),
            ("TAVILY_API_KEY=\"tvly-1\"", "tvly-1"),
            (
                "https://docs.google.com/x?a=b",
                "https://docs.google.com/x?a=b",
            ),
            ("\u{200F}“tvly-1”\u{200E}\n", "tvly-1"),
            ("\n", ""),
            ("\"", "\""),
        ] {
            assert_eq!(plain(line), answer);
        }
    }
}
