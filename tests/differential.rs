//! All samples of the machine's own processes against what `ps` says of them. Reads only.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by them")]

use memory_monitor::proc::{NoQuestions, ProcRoot, Process, Sampler, Snapshot};
use memory_monitor::quantities::Bytes;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

/// A process as ps shows it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    rss: Bytes,
    uid: u32,
    comm: String,
}

fn ps() -> BTreeMap<u32, Row> {
    let mut command = Command::new("ps");
    command
        .args(["-e", "-o", "pid=,rss=,ruid=,comm="])
        .env("LC_ALL", "C");
    let output = command.output().expect("ps, of the package procps");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| {
        let (pid, rest) = line.trim_start().split_once(' ')?;
        let (rss, rest) = rest.trim_start().split_once(' ')?;
        let (uid, comm) = rest.trim_start().split_once(' ')?;
        let (rss, uid) = (Bytes::from_kib(rss.parse().ok()?), uid.parse().ok()?);
        let comm = comm.to_owned();
        Some((pid.parse().ok()?, Row { rss, uid, comm }))
    };
    let rows = text
        .lines()
        .map(|line| row(line).unwrap_or_else(|| panic!("ps: {line:?}")));
    rows.collect()
}

/// Processes that stay as they are, so that there is always something to compare.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start() -> Self {
        let start = |_| {
            let mut command = Command::new("sleep");
            command
                .arg("1000")
                .stdin(Stdio::null())
                .spawn()
                .expect("sleep")
        };
        Self((0..5).map(start).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child
                .kill()
                .and_then(|()| child.wait())
                .expect("a child of ours");
        }
    }
}

#[test]
fn every_sample_agrees_with_ps() {
    let sleepers = Sleepers::start();
    let mut sampler = Sampler::new(ProcRoot::system().expect("/proc"));
    let mut snapshot = Snapshot::default();
    // What changes between two runs of ps can't be compared: then the next attempt has to do.
    let mut compared = BTreeMap::new();
    for _ in 0..100 {
        let before = ps();
        sampler
            .scan_all(&NoQuestions(Bytes::ZERO), &mut snapshot)
            .expect("a scan");
        let after = ps();
        for (pid, row) in &before {
            if after.get(pid) == Some(row) {
                compared.insert(*pid, row.rss);
                compare(*pid, row, &snapshot);
            }
        }
        for process in &snapshot.near {
            let pid = process.pid.get();
            let known = before.contains_key(&pid) || after.contains_key(&pid);
            assert!(known || ps_can_not_know(pid), "ps knows no process {pid}");
        }
        if sleepers
            .0
            .iter()
            .all(|child| compared.contains_key(&child.id()))
        {
            break;
        }
    }
    for child in &sleepers.0 {
        let rss = compared.get(&child.id()).expect("a sleeper was compared");
        assert!(*rss > Bytes::ZERO);
    }
}

/// Whether the process came after the first run of ps and was gone before the second.
fn ps_can_not_know(pid: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

fn compare(pid: u32, row: &Row, snapshot: &Snapshot) {
    let sample = snapshot
        .near
        .iter()
        .find(|process| process.pid.get() == pid);
    match sample {
        None => assert_eq!(row.rss, Bytes::ZERO, "{pid} is missing: {row:?}"),
        Some(process) => agree(process, row),
    }
}

fn agree(process: &Process, row: &Row) {
    let facts = process.facts.as_ref().expect("ps could read it");
    // What exits frees its memory between the two.
    if !facts.state.is_zombie() {
        assert_eq!(process.rss, row.rss, "{process:?}, {row:?}");
    }
    assert_eq!(facts.uid.get(), row.uid, "{process:?}, {row:?}");
    let name = facts.name.as_bytes();
    let is_plain = name.iter().all(u8::is_ascii_graphic);
    // ps shows the kernel's 15 bytes and has its own way with what is not plain.
    if is_plain && !row.comm.contains("<defunct>") {
        assert!(
            name.starts_with(row.comm.as_bytes()),
            "{process:?}, {row:?}"
        );
        assert!(
            name.len() == row.comm.len() || row.comm.len() == 15,
            "{process:?}, {row:?}"
        );
    }
}
