//! The record of what was ended: one JSON object a line in /var/lib/memory-monitor/history.jsonl. The
//! daemon appends to it, `history` and `status` read it.

use super::atomic_file::{self, Once};
use crate::escape::Escaped;
use crate::paths;
use crate::policy::Victim;
use crate::proc::Name;
use crate::users::UserNames;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From this size on the file is moved to history.jsonl.1, which it replaces: about 3,000 records each.
const LARGEST: u64 = 1 << 20;

/// One process that was ended. Names are escaped, as in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it had ended, in seconds since 1970.
    pub time: u64,
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The name of its user.
    pub user: String,
    /// The number of its user.
    pub uid: u32,
    /// Its systemd unit or cgroup.
    #[serde(default)]
    pub unit: Option<String>,
    /// Its memory when it was asked to end.
    pub rss_bytes: u64,
    /// The same as a share of MemTotal.
    pub rss_percent: f64,
    /// The threshold it was over.
    pub threshold: String,
    /// The strongest signal it was sent.
    pub signal: String,
    /// How long it took to end after SIGTERM.
    pub seconds: f64,
    /// Its memory when it was last seen.
    pub freed_bytes: u64,
}

impl Record {
    /// Of a victim that ended so long after its SIGTERM.
    pub fn new(
        victim: &Victim,
        after: Duration,
        unit: Option<&Name>,
        users: &mut UserNames,
    ) -> Self {
        let facts = victim.process.facts.as_ref().ok();
        let shown = |bytes: &[u8]| Escaped(bytes).to_string();
        Self {
            time: seconds(SystemTime::now()),
            pid: victim.key.pid.get(),
            name: facts.map_or(String::new(), |facts| shown(facts.name.as_bytes())),
            user: facts.map_or(String::new(), |facts| shown(users.name(facts.uid))),
            uid: facts.map_or(0, |facts| facts.uid.get()),
            unit: unit.map(|unit| shown(unit.as_bytes())),
            rss_bytes: victim.breach.rss.get(),
            rss_percent: victim.breach.share.get(),
            threshold: victim.breach.to_string(),
            signal: victim.signal().name().to_owned(),
            seconds: after.as_secs_f64(),
            freed_bytes: victim.last_rss.get(),
        }
    }
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Where the record is kept.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    once: Once,
}

/// What was read of the record.
#[derive(Debug, Default)]
pub struct Past {
    /// The records, the oldest first.
    pub records: Vec<Record>,
    /// Lines that are no records: one that was torn by a crash, or another hand.
    pub skipped: usize,
}

impl History {
    /// In the state directory of the service, or where it would be.
    pub fn usual() -> Self {
        Self::at(
            atomic_file::directory("STATE_DIRECTORY", paths::STATE_DIRECTORY).join("history.jsonl"),
        )
    }

    /// In this file.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            once: Once::default(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record; what goes wrong is said once.
    pub fn append(&mut self, record: &Record) {
        let result = self.try_append(record);
        self.once.note("history", &self.path, result);
    }

    fn try_append(&self, record: &Record) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            atomic_file::make_directory(directory)?;
        }
        if fs::metadata(&self.path).is_ok_and(|file| file.len() >= LARGEST) {
            fs::rename(&self.path, self.older())?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&self.path)?;
        let mut line = if ends_torn(&mut file)? {
            vec![b'\n']
        } else {
            Vec::new()
        };
        serde_json::to_writer(&mut line, record)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("jsonl.1")
    }

    /// Everything that is kept; nothing where there is no record yet.
    pub fn read(&self) -> io::Result<Past> {
        let mut past = Past::default();
        for path in [self.older(), self.path.clone()] {
            match File::open(path) {
                Ok(file) => past.read(BufReader::new(file))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(past)
    }
}

impl Past {
    fn read(&mut self, reader: impl BufRead) -> io::Result<()> {
        for line in reader.split(b'\n') {
            let line = line?;
            match serde_json::from_slice(&line) {
                Ok(record) => self.records.push(record),
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => self.skipped += 1,
            }
        }
        Ok(())
    }
}

/// Whether the file ends within a line, as after a crash or on a disk that was full.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: u64) -> Record {
        Record {
            time,
            pid: 7,
            name: "\"a\\x0a\"".into(),
            user: "john".into(),
            uid: 1000,
            unit: Some("a.service".into()),
            rss_bytes: 1 << 30,
            rss_percent: 12.5,
            threshold: "ram_gb_threshold = 0.50GB".into(),
            signal: "SIGTERM".into(),
            seconds: 0.5,
            freed_bytes: 1 << 30,
        }
    }

    #[test]
    fn what_is_appended_is_read_back_past_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut history = History::at(directory.path().join("state/history.jsonl"));
        assert!(history.read().unwrap().records.is_empty());
        history.append(&record(1));
        let mut file = OpenOptions::new()
            .append(true)
            .open(history.path())
            .unwrap();
        file.write_all(b"{\"time\":2,\"pi").unwrap();
        history.append(&record(3));
        let past = history.read().unwrap();
        assert_eq!(past.records, [record(1), record(3)]);
        assert_eq!(past.skipped, 1);
    }

    #[test]
    fn it_is_rotated_and_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut history = History::at(directory.path().join("history.jsonl"));
        history.append(&record(1));
        let file = OpenOptions::new()
            .append(true)
            .open(history.path())
            .unwrap();
        file.set_len(LARGEST).unwrap();
        history.append(&record(2));
        history.append(&record(3));
        let times = |past: Past| {
            past.records
                .iter()
                .map(|record| record.time)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(history.read().unwrap()), [1, 2, 3]);
        assert!(fs::metadata(history.path()).unwrap().len() < 1000);
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["history.jsonl", "history.jsonl.1"]);
    }
}
