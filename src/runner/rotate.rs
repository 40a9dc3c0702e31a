//! The rotation of logs: a file that has grown too long goes on as another part, and old ones are removed.
//!
//! tracing-appender cannot do it: it joins prefix, date and suffix with dots (`batch.2027-03-21.log`), by UTC's days, and
//! keeps a number of files, where users rely on `batch_2027-03-21.log`, the local day and `--keep-logs` in days.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::{ToSpan, civil::Date};

/// Bytes after which the file of a day goes on as another part.
const PART: u64 = 32 << 20;

/// Bytes that all logs may take together, those that are being written aside.
const ALL: u64 = 1 << 30;

/// A log that is appended to.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    written: u64,
    part: u64,
}

impl RotatingFile {
    /// Opens the log, or makes it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_parts_of(path, PART)
    }

    /// Opens the log for a few lines beside those of another run, which alone goes on with it in another part.
    pub fn beside(path: &Path) -> io::Result<Self> {
        Self::with_parts_of(path, u64::MAX)
    }

    fn with_parts_of(path: &Path, part: u64) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let file = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            written: file.metadata()?.len(),
            file,
            part,
        })
    }

    /// Puts what was written so far aside under the next free number. Lines are never lost for it: where it cannot be
    /// done, the file grows on.
    fn rotate(&mut self) -> io::Result<()> {
        // Nobody else does so, because the run holds the state folder.
        let mut numbers = 1..;
        let aside = numbers
            .find_map(|number| {
                let aside = self.path.with_extension(format!(
                    "{number}.{}",
                    self.path.extension().unwrap_or_default().to_string_lossy()
                ));
                (!aside.exists()).then_some(aside)
            })
            .unwrap_or_default();
        fs::rename(&self.path, aside)?;
        self.file = append_to(&self.path)?;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written >= self.part {
            // Tried again only after as much more.
            self.written = 0;
            if let Err(error) = self.rotate() {
                writeln!(self.file, "this log cannot go on as another file: {error}")?;
            }
        }
        let written = self.file.write(line)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A log of the past.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Old {
    day: Date,
    /// The part of the day; the file without a number is its last.
    part: u64,
    path: PathBuf,
    bytes: u64,
}

/// Removes logs from before so many days, and the oldest of the others while all of them take too much room. Only files
/// that have the names of logs are looked at, and never those of today. Returns how many were removed.
pub fn remove_old(folder: &Path, today: Date, days: u32) -> usize {
    remove_beyond(folder, today, days, ALL)
}

fn remove_beyond(folder: &Path, today: Date, days: u32, all: u64) -> usize {
    let first = today
        .checked_sub(i64::from(days).days())
        .unwrap_or(Date::MIN);
    let mut logs = logs_in(folder);
    logs.sort();
    let mut bytes: u64 = logs.iter().map(|log| log.bytes).sum();
    let mut removed = 0;
    for log in logs.iter().filter(|log| log.day < today) {
        if (log.day < first || bytes > all) && fs::remove_file(&log.path).is_ok() {
            bytes -= log.bytes;
            removed += 1;
        }
    }
    removed
}

fn logs_in(folder: &Path) -> Vec<Old> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let (day, part) = parse(entry.file_name().to_str()?)?;
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Old {
                day,
                part,
                path: entry.path(),
                bytes: about.len(),
            })
        })
        .collect()
}

/// The day and the part of a log's name: `batch_2027-03-21.log`, `batch_2027-03-21.2.jsonl`.
fn parse(name: &str) -> Option<(Date, u64)> {
    let rest = name.strip_prefix("batch_")?;
    let rest = rest
        .strip_suffix(".log")
        .or_else(|| rest.strip_suffix(".jsonl"))?;
    let (day, part) = match rest.split_once('.') {
        Some((day, part)) => (day, part.parse().ok()?),
        None => (rest, u64::MAX),
    };
    let day = Date::strptime("%Y-%m-%d", day).ok()?;
    Some((day, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_long_log_goes_on_as_another_part_and_loses_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/batch_2027-03-21.log");
        for from in [0, 50] {
            let mut log = RotatingFile::with_parts_of(&path, 300).unwrap();
            for line in from..from + 50 {
                writeln!(log, "line {line:02}").unwrap();
            }
        }
        let logs = path.parent().unwrap();
        assert_eq!(
            names(logs),
            [
                "batch_2027-03-21.1.log",
                "batch_2027-03-21.2.log",
                "batch_2027-03-21.log"
            ]
        );
        let text: String = names(logs)
            .iter()
            .map(|name| fs::read_to_string(logs.join(name)).unwrap())
            .collect();
        let expected: Vec<String> = (0..100).map(|line| format!("line {line:02}")).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn old_logs_go_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let kept = [
            "batch_2027-02-19.log",
            "batch_2027-03-21.1.jsonl",
            "batch_2027-03-21.log",
            "batch_2027-03-22.log",
            "batch_2026-99-01.log",
            "batch_2026-01-01.log.gz",
            "batch_2026-01-01.old.log",
            "my_2026-01-01.log",
        ];
        let old = [
            "batch_2027-02-18.log",
            "batch_2027-02-18.3.log",
            "batch_2026-01-01.jsonl",
        ];
        for name in kept.iter().chain(&old) {
            fs::write(folder.path().join(name), "0123456789").unwrap();
        }
        fs::create_dir(folder.path().join("batch_2026-01-02.log")).unwrap();
        let today = date(2027, 3, 21);
        assert_eq!(remove_old(folder.path(), today, 30), 3);
        for name in kept {
            assert!(folder.path().join(name).exists(), "{name}");
        }
        assert!(folder.path().join("batch_2026-01-02.log").is_dir());
        assert_eq!(remove_old(&folder.path().join("none"), today, 30), 0);
    }

    #[test]
    fn the_oldest_go_where_all_take_too_much_room() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "batch_2027-03-18.log",
            "batch_2027-03-19.log",
            "batch_2027-03-19.1.log",
            "batch_2027-03-20.log",
            "batch_2027-03-21.1.log",
            "batch_2027-03-21.log",
        ] {
            fs::write(folder.path().join(name), [b'x'; 100]).unwrap();
        }
        let today = date(2027, 3, 21);
        assert_eq!(remove_beyond(folder.path(), today, 30, 450), 2);
        assert_eq!(
            names(folder.path()),
            [
                "batch_2027-03-19.log",
                "batch_2027-03-20.log",
                "batch_2027-03-21.1.log",
                "batch_2027-03-21.log"
            ]
        );
        // What is of today stays, whatever it takes.
        assert_eq!(remove_beyond(folder.path(), today, 30, 0), 2);
        assert_eq!(names(folder.path()).len(), 2);
    }
}
