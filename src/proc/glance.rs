//! What can be read of a process without waiting for it: `cmdline`, `smaps_rollup` and `maps` take a lock that a
//! process holds while it waits for memory. On a machine that thrashes they took 11 to 36 s, and all that is read here
//! 76 ms at most. Touches the files of its directory; no heap allocation.

use super::exe_link::read_exe;
use super::facts::{Facts, State};
use super::name::{FULL_COMM, Name, base_name};
use super::package_manager;
use super::parse::{self, Status};
use super::process::{Details, Process};
use super::procfile::{self, BUFFER, Failure};
use super::questions::{Questions, RuleInput};
use super::scan::Sampler;
use super::unit::Unit;
use super::{ProcRoot, executable, facts_reader, memory, rule_inputs};
use crate::quantities::{Bytes, Digest, Pid};
use crate::sys::process::{ProcessDirectory, ProcessHandle};
use std::os::fd::AsFd;

/// The slice of the processes that a desktop consists of.
const SESSION: &[u8] = b"session.slice";

/// A process as it can be read while memory is short.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Its name is its comm, its rule the first that matches without its arguments, and its unit is read.
    pub process: Process,
    /// Whether it is in session.slice.
    pub is_session: bool,
    /// A digest of its control group.
    pub group: Digest,
    /// Its part of shared memory and tmpfs; None before Linux 4.5.
    pub shared: Option<Bytes>,
}

impl Glance {
    /// What its exit would give back. `ratio` is its PSS as a share of its RSS where that was measured: without it, all
    /// of its anonymous memory counts and half of the shared.
    pub fn gives(&self, ratio: Option<f64>) -> Bytes {
        let Details {
            anon, swap, huge, ..
        } = self.process.details;
        let Some(anon) = anon else {
            // An old kernel, or a main thread that has exited.
            return self.process.rss;
        };
        let shared = self.shared.unwrap_or(Bytes::ZERO);
        let resident = match ratio {
            Some(ratio) => anon.saturating_add(shared).part(ratio),
            None => anon.saturating_add(Bytes::new(shared.get() / 2)),
        };
        let rest = [swap, huge].into_iter().flatten();
        rest.fold(resident, Bytes::saturating_add)
    }

    /// A digest of its name, its user and its control group: the same for processes of one kind.
    pub fn kin(&self) -> u64 {
        let Ok(facts) = self.process.facts else {
            return 0;
        };
        let uid = facts.uid.get().to_ne_bytes();
        self.group.with(facts.name.as_bytes()).with(&uid).0
    }
}

impl Sampler {
    /// One process as it can be read without waiting for it; None if it has ended or can't be read.
    pub fn glance(&self, questions: &dyn Questions, pid: Pid) -> Option<Glance> {
        let directory = ProcessDirectory::open(self.root.as_fd(), pid).ok()?;
        read(&self.root, &directory, questions)
    }

    /// The same of a process that is held from now on.
    pub fn hold_at_a_glance(
        &self,
        questions: &dyn Questions,
        pid: Pid,
    ) -> Option<(Glance, ProcessHandle)> {
        let directory = ProcessDirectory::open(self.root.as_fd(), pid).ok()?;
        let handle = ProcessHandle::new(directory);
        Some((self.glance_held(questions, &handle)?, handle))
    }

    /// The same of a process that is held already.
    pub fn glance_held(&self, questions: &dyn Questions, handle: &ProcessHandle) -> Option<Glance> {
        read(&self.root, handle.directory(), questions)
    }
}

/// Reads the process behind an open directory; None if it has ended, or can't be read.
fn read(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    questions: &dyn Questions,
) -> Option<Glance> {
    try_read(root, directory, questions).ok()
}

fn try_read(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    questions: &dyn Questions,
) -> Result<Glance, Failure> {
    let mut buffer = [0; BUFFER];
    let text = procfile::read(directory, c"stat", &mut buffer)?;
    let stat = parse::stat(text).ok_or(Failure::unexpected("stat"))?;
    let (name, is_name_cut) = (Name::new(stat.comm), stat.comm.len() >= FULL_COMM);
    let (state, start_time, session) = (State(stat.state), stat.start_time, stat.session);
    let is_kernel_thread = stat.is_kernel_thread;
    let oom_score_adj = facts_reader::oom_score_adj(directory, &mut buffer)?;
    let mut status = Status::default();
    let mut shared = None;
    procfile::each_line(directory, c"status", |line| {
        status.take(line);
        shared = shared.or(parse::amount(line, b"RssShmem"));
    })?;
    let uid = status.uid.ok_or(Failure::unexpected("status"))?;
    let rss = memory::rss(root, directory)?;
    let huge = status.huge.unwrap_or(Bytes::ZERO);
    let mut exe = [0; BUFFER];
    let exe = procfile::unless_gone(read_exe(directory, &mut exe))?;
    // Whether it has given itself its name is in its arguments, and doubt protects.
    let base = exe.map_or(&b""[..], base_name);
    let is_alias = !base.is_empty() && base != name.as_bytes() && questions.matches_name(base);
    let facts = Facts {
        start_time,
        name,
        is_name_cut,
        alias: is_alias.then(|| Name::new(base)),
        uid,
        parent: status.parent,
        session,
        state,
        is_kernel_thread,
        oom_score_adj,
        is_package_manager: !is_kernel_thread
            && package_manager::is_of_root(root, directory, uid, name.as_bytes(), None),
    };
    let mut group = [0; BUFFER];
    let group = procfile::unless_gone(rule_inputs::read_cgroup(directory, &mut group))?;
    let own = group.unwrap_or_default();
    let files = questions.rule_files();
    let input = RuleInput {
        facts: &facts,
        exe: files.exe.then_some(exe),
        // What can't be found out is doubt, as for a process that is read in full.
        is_exe_forgeable: files.exe
            && executable::is_in_namespace_of_user(root.as_fd(), directory.as_fd())
                .unwrap_or(false),
        cmdline: None,
        cgroup: files.cgroup.then_some(group),
    };
    let details = Details {
        rule_match: Some(questions.match_rule(&input)),
        unit: Unit::of_cgroup(own),
        anon: status.anonymous,
        swap: status.swapped,
        huge: status.huge.filter(|&huge| huge > Bytes::ZERO),
        ..Details::default()
    };
    Ok(Glance {
        process: Process {
            pid: directory.pid(),
            rss: rss.saturating_add(huge),
            facts: Ok(facts),
            details,
        },
        is_session: own.split(|&byte| byte == b'/').any(|part| part == SESSION),
        group: Digest::default().with(own),
        shared,
    })
}
