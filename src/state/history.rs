//! The history of what was killed: one JSON object a line in /var/lib/memory-monitor/history.jsonl. The daemon
//! appends to it, `history` and `status` read it.

use super::atomic_file::{WriteErrors, directory, make_directory_of};
use super::process_record::Spelling;
use crate::paths;
use crate::sys::fs::{Links, open_regular, open_to_read};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// From this size on the file is moved to history.jsonl.1, which it replaces: about 3,000 entries each.
const LARGEST: u64 = 1 << 20;

/// One process that was killed. Names are escaped, as in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it had ended, in seconds since 1970.
    pub time: u64,
    /// When it was started, in seconds since 1970; None in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// Another process may have it by now.
    pub pid: u32,
    /// The full name.
    pub name: String,
    /// The user's name.
    pub user: String,
    /// The user's uid.
    pub uid: u32,
    /// The systemd unit or control group.
    #[serde(default)]
    pub unit: Option<String>,
    /// The PID of its parent; None in entries of earlier versions, as the next two are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The path of its executable, the first 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Its arguments with spaces between them, the first 255 bytes. They may hold a password: only root reads the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// Resident memory when it was sent SIGTERM.
    pub rss_bytes: u64,
    /// The same in percent of MemTotal.
    pub rss_percent: f64,
    /// The threshold it was over, as the log has it.
    pub threshold: String,
    /// The last signal it was sent.
    pub signal: String,
    /// From SIGTERM to its end.
    pub seconds: f64,
    /// What came back: anonymous memory that it shared with no other process. None where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed_bytes: Option<u64>,
    /// Whether its unit had no process left then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unit_empty: bool,
    /// `shortage` where the machine was short of memory, `group` where its group was over a threshold; None where it
    /// was over one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Which group was over its threshold, as the log has it; None where it was none, or an earlier daemon wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}

impl Entry {
    /// Makes plain what was written escaped.
    pub fn unescape(&mut self) {
        let Self {
            name,
            user,
            unit,
            exe,
            cmdline,
            ..
        } = self;
        let optional = [unit, exe, cmdline].into_iter().flatten();
        [name, user]
            .into_iter()
            .chain(optional)
            .for_each(Spelling::unescape);
    }
}

/// What the kernel's OOM killer did between two scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelKills {
    /// When it was noticed, in seconds since 1970.
    pub time: u64,
    /// How many processes it killed.
    pub kernel_oom_kills: u64,
}

/// One line of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Kernel(KernelKills),
    Entry(Box<Entry>),
}

/// The file, and what is to be said about it.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    errors: WriteErrors,
}

/// What was read of the file.
#[derive(Debug, Default)]
pub struct Past {
    /// The entries, the oldest first.
    pub entries: Vec<Entry>,
    /// What the kernel's OOM killer did, the oldest first.
    pub kernel: Vec<KernelKills>,
    /// Lines that are no entries: torn by a crash, or not written by the daemon.
    pub skipped: usize,
}

impl History {
    /// In the state directory of the service, or where it would be.
    pub fn usual() -> Self {
        Self::at(directory("STATE_DIRECTORY", paths::STATE_DIRECTORY).join("history.jsonl"))
    }

    /// In the file at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            errors: WriteErrors::default(),
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an entry; an error is logged, once for each reason.
    pub fn append(&mut self, entry: &Entry) {
        self.append_line(entry);
    }

    /// Appends what the kernel's OOM killer did; as [`History::append`].
    pub fn append_kernel(&mut self, kills: &KernelKills) {
        self.append_line(kills);
    }

    fn append_line(&mut self, line: &impl Serialize) {
        let result = self.try_append(line);
        self.errors.report("history", &self.path, result);
    }

    fn try_append(&self, entry: &impl Serialize) -> io::Result<()> {
        make_directory_of(&self.path)?;
        if fs::metadata(&self.path).is_ok_and(|file| file.len() >= LARGEST) {
            fs::rename(&self.path, self.older())?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = open_regular(&self.path, Links::Follow, &mut options)?;
        // Earlier versions kept no arguments in it, and let its group read it.
        file.set_permissions(Permissions::from_mode(0o600))?;
        let mut line = if ends_torn(&mut file)? {
            vec![b'\n']
        } else {
            Vec::new()
        };
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("jsonl.1")
    }

    /// All entries of both files; none where nothing was killed yet.
    ///
    /// # Errors
    /// A file is there and can't be read.
    pub fn read(&self) -> io::Result<Past> {
        let mut past = Past::default();
        for path in [self.older(), self.path.clone()] {
            match open_to_read(&path) {
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
                Ok(Line::Entry(entry)) => self.entries.push(*entry),
                Ok(Line::Kernel(kills)) => self.kernel.push(kills),
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

    fn entry(time: u64) -> Entry {
        Entry {
            time,
            started: Some(5),
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
            freed_bytes: Some(1 << 30),
            unit_empty: false,
            parent: Some(1),
            exe: Some("/usr/bin/x".into()),
            cmdline: Some("x y".into()),
            cause: None,
            group_name: None,
        }
    }

    #[test]
    fn what_is_appended_is_read_back_past_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut history = History::at(directory.path().join("state/history.jsonl"));
        assert!(history.read().unwrap().entries.is_empty());
        history.append(&entry(1));
        let mut file = OpenOptions::new()
            .append(true)
            .open(history.path())
            .unwrap();
        file.write_all(b"{\"time\":2,\"pi").unwrap();
        history.append(&entry(3));
        let kills = KernelKills {
            time: 4,
            kernel_oom_kills: 2,
        };
        history.append_kernel(&kills);
        let short = Entry {
            cause: Some("shortage".into()),
            ..entry(5)
        };
        history.append(&short);
        let of_group = Entry {
            cause: Some("group".into()),
            group_name: Some("users/ann".into()),
            ..entry(6)
        };
        history.append(&of_group);
        let past = history.read().unwrap();
        assert_eq!(past.entries, [entry(1), entry(3), short, of_group]);
        assert_eq!(past.kernel, [kills]);
        assert_eq!(past.skipped, 1);
    }

    #[test]
    fn it_is_rotated_and_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut history = History::at(directory.path().join("history.jsonl"));
        history.append(&entry(1));
        let file = OpenOptions::new()
            .append(true)
            .open(history.path())
            .unwrap();
        file.set_len(LARGEST).unwrap();
        history.append(&entry(2));
        history.append(&entry(3));
        let times = |past: Past| {
            past.entries
                .iter()
                .map(|entry| entry.time)
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

    /// What version 2.0.0 has written is read for ever.
    #[test]
    fn lines_of_earlier_versions_are_read() {
        let lines = r#"{"time":1,"pid":7,"name":"\"a\\x0a\"","user":"john","uid":1000,"unit":"a.service","rss_bytes":1073741824,"rss_percent":12.5,"threshold":"ram_gb_threshold = 0.50GB","signal":"SIGTERM","seconds":0.5,"freed_bytes":1073741824}
{"time":2,"pid":7,"name":"\"a\\x0a\"","user":"john","uid":1000,"unit":null,"rss_bytes":1073741824,"rss_percent":12.5,"threshold":"ram_gb_threshold = 0.50GB","signal":"SIGTERM","seconds":0.5,"freed_bytes":1073741824}
"#;
        let mut past = Past::default();
        past.read(lines.as_bytes()).unwrap();
        let of_then = |time| Entry {
            started: None,
            parent: None,
            exe: None,
            cmdline: None,
            ..entry(time)
        };
        let without_unit = Entry {
            unit: None,
            ..of_then(2)
        };
        assert_eq!(
            (past.entries, past.skipped),
            (vec![of_then(1), without_unit], 0)
        );
        let written = serde_json::to_string(&of_then(1)).unwrap();
        assert_eq!(lines.lines().next(), Some(written.as_str()));
    }
}
