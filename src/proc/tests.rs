//! Every file of a process that is read into a fixed buffer, longer than that buffer: read whole where it is bounded,
//! doubt where not. Those of the machine as a whole are in system_files/tests.rs.

use super::*;
use crate::quantities::{Bytes, Metric, Pid, Uid};
use crate::sys::effective_uid;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::process::Command;

/// A text as a rule sees it.
type Seen = Result<Vec<u8>, Unreadable>;

/// Wants all that can be wanted, and keeps it.
#[derive(Default)]
struct Asked {
    /// Command line and control group, as rules see them.
    seen: RefCell<Vec<[Seen; 2]>>,
}

impl Questions for Asked {
    fn sieve(&self, _: &SystemMemory) -> Bytes {
        Bytes::ZERO
    }

    fn anonymous_sieve(&self, _: Bytes) -> Option<Bytes> {
        None
    }

    fn rule_files(&self) -> RuleFiles {
        RuleFiles {
            exe: true,
            cmdline: true,
            cgroup: true,
        }
    }

    fn match_rule(&self, input: &RuleInput<'_>) -> RuleMatch {
        let text = |text: Option<Text<'_>>| text.unwrap().map(<[u8]>::to_vec);
        let seen = [text(input.cmdline), text(input.cgroup)];
        self.seen.borrow_mut().push(seen);
        RuleMatch::default()
    }

    fn metric(&self, _: RuleMatch, _: Bytes, _: Bytes) -> Metric {
        Metric::Anon
    }

    fn matches_name(&self, _: &[u8]) -> bool {
        false
    }

    fn matches_longer_name(&self, _: &[u8]) -> bool {
        true
    }

    fn protecting_name<'f>(&self, _: &'f Facts) -> Option<&'f Name> {
        None
    }

    fn verifies(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

/// A process like any other, with another text for one file.
fn process(file: &str, text: &[u8]) -> (Option<Process>, Asked) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::write(root.join("meminfo"), "MemTotal: 16777216 kB\n").unwrap();
    let own = root.join("7");
    fs::create_dir_all(own.join("task/7")).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(own.join(name), text).unwrap();
    write(
        "stat",
        b"7 (hog) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n",
    );
    write("statm", b"1000 500 0 0 0 0 0\n");
    write(
        "status",
        b"Name:\thog\nUid:\t5\t5\t5\t5\nRssAnon:\t 8 kB\nVmSwap:\t 0 kB\n",
    );
    write("oom_score_adj", b"0\n");
    write("cmdline", b"hog\0");
    write("cgroup", b"0::/system.slice/hog.service\n");
    symlink("/usr/bin/hog", own.join("exe")).unwrap();
    write(file, text);
    let root = ProcRoot::open(Path::new(root), 4096).unwrap();
    let asked = Asked::default();
    let sampler = Sampler::new(root).for_command();
    let process = sampler.read(&asked, Pid::new(7).unwrap());
    (process, asked)
}

fn doubt(file: &str, text: &[u8]) -> String {
    let (process, _) = process(file, text);
    process.unwrap().facts.unwrap_err().to_string()
}

#[test]
fn a_status_with_all_groups_is_read_whole() {
    let groups = "4000000000 ".repeat(65_536);
    let status = |groups: &str| {
        format!(
            "Name:\thog\nUid:\t5\t5\t5\t5\nGroups:\t{groups}\nRssAnon:\t 12 kB\nVmSwap:\t 4 kB\n"
        )
    };
    let (process, _) = process("status", status(&groups).as_bytes());
    let process = process.unwrap();
    assert_eq!(process.facts.unwrap().uid.get(), 5);
    assert_eq!(process.memory(), Ok(Bytes::from_kib(16)));
    let text = status(&groups.repeat(2));
    assert_eq!(doubt("status", text.as_bytes()), "status: too long");
}

/// Of a process that runs with the rights of another user, as a set-user-ID program does, that one owns the directory.
#[test]
fn a_member_belongs_to_its_real_user() {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("7");
    fs::create_dir(&own).unwrap();
    fs::write(directory.path().join("meminfo"), "MemTotal: 16777216 kB\n").unwrap();
    let effective = if effective_uid() == Uid::ROOT {
        chown(&own, Some(990), None).unwrap();
        990
    } else {
        effective_uid().get()
    };
    let real = effective + 1;
    let write = |name: &str, text: String| fs::write(own.join(name), text).unwrap();
    write(
        "status",
        format!("Name:\thog\nUid:\t{real}\t{effective}\t{effective}\t{effective}\n"),
    );
    write(
        "stat",
        "7 (hog) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n".to_owned(),
    );
    write("oom_score_adj", "0\n".to_owned());
    write("cmdline", "hog\0".to_owned());
    let sampler = Sampler::new(ProcRoot::open(directory.path(), 4096).unwrap());
    for wanted in [Wanted::User, Wanted::Memory, Wanted::Facts] {
        // The owner is believed where it is a person.
        if wanted == Wanted::User && effective >= 1000 {
            continue;
        }
        let files = MemberFiles {
            wanted,
            ..MemberFiles::default()
        };
        let mut user = None;
        let questions = NoQuestions(Bytes::ZERO);
        let is_read = sampler.member(&questions, Pid::new(7).unwrap(), files, &mut |member| {
            user = Some(member.input.facts.uid);
        });
        assert!(is_read);
        assert_eq!(user, Some(Uid::new(real)), "{wanted:?}");
    }
}

#[test]
fn a_control_group_is_found_behind_long_lines() {
    let others = format!("4:cpu:/{}\n", "x".repeat(4000)).repeat(12);
    let text = format!("{others}0::/system.slice/hog.service\n");
    let (_, asked) = process("cgroup", text.as_bytes());
    let seen = asked.seen.borrow();
    assert_eq!(seen[0][1], Ok(b"/system.slice/hog.service".to_vec()));
    let text = format!("0::/{}\n", "x".repeat(4096));
    let (_, asked) = process("cgroup", text.as_bytes());
    let unreadable = asked.seen.borrow()[0][1].clone().unwrap_err();
    assert_eq!(unreadable.to_string(), "cgroup: too long");
}

#[test]
fn arguments_are_read_whole_or_not_at_all() {
    let mut text = b"java\0-cp\0".to_vec();
    text.extend(b"x".repeat(100 * 1024));
    text.extend(b"\0end\0");
    let (_, asked) = process("cmdline", &text);
    let seen = asked.seen.borrow()[0][0].clone().unwrap();
    assert!(seen.starts_with(b"java -cp x") && seen.ends_with(b"x end"));
    let (_, asked) = process("cmdline", &b"x".repeat(200 * 1024));
    let unreadable = asked.seen.borrow()[0][0].clone().unwrap_err();
    assert_eq!(unreadable.to_string(), "cmdline: too long");
}

#[test]
fn what_has_one_line_and_fills_its_buffer_is_doubt() {
    let long = [b'1'; 5000];
    assert_eq!(doubt("stat", &long), "stat: too long");
    assert_eq!(doubt("oom_score_adj", &long), "oom_score_adj: too long");
    assert_eq!(doubt("statm", &long), "statm: too long");
}

#[test]
fn a_machine_whose_meminfo_has_no_end_is_not_measured() {
    let directory = tempfile::tempdir().unwrap();
    let text = "MemTotal: 16 kB\n".to_owned() + &"X: 1 kB\n".repeat(3000);
    fs::write(directory.path().join("meminfo"), text).unwrap();
    let root = ProcRoot::open(directory.path(), 4096).unwrap();
    assert_eq!(Watch::new(&root).unwrap().levels(), Levels::default());
    assert!(Sampler::new(root).memory().is_err());
}

#[test]
fn a_scan_of_a_few_reads_the_young_ones_and_those_that_are_wanted() {
    let mut sampler = Sampler::new(ProcRoot::system().unwrap());
    let (mut all, mut few) = (Snapshot::default(), Snapshot::default());
    let questions = NoQuestions(Bytes::ZERO);
    let start = || Command::new("sleep").arg("60").spawn().unwrap();
    // Not this process: the PIDs may have begun again since it was started.
    let before = start();
    sampler.list(&questions, &mut all).unwrap();
    let children = [before, start()];
    let [old, young] = children
        .each_ref()
        .map(|child| Pid::new(child.id()).unwrap());
    let count = |sampler: &Sampler, pid| {
        let pids = (0..sampler.candidates()).filter_map(|index| sampler.candidate_pid(index));
        pids.filter(|&candidate| candidate == pid).count()
    };
    for (wanted, expected) in [(&[][..], 0), (&[old, young][..], 1)] {
        sampler.list_few(&questions, wanted, &mut few).unwrap();
        assert_eq!(count(&sampler, young), 1);
        assert_eq!(count(&sampler, old), expected);
        assert!(few.young > Bytes::ZERO);
        assert!(sampler.is_young(young) && !sampler.is_young(old));
    }
    // After the next scan of all it is an old one.
    sampler.list(&questions, &mut all).unwrap();
    assert_eq!(count(&sampler, young), 1);
    sampler.list_few(&questions, &[], &mut few).unwrap();
    assert_eq!(count(&sampler, young), 0);
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
