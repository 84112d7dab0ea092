//! What groups need to know of their members: fewer files than a decision about one process needs, since a group has
//! many of them. Touches the files of a process's directory; what can block is read by the helper.

use super::blocking::Request;
use super::facts::{Facts, State};
use super::memory;
use super::name::Name;
use super::parse::{self, Levels, Status};
use super::procfile::{self, BUFFER, Failure};
use super::questions::{Questions, RuleInput};
use super::scan::Sampler;
use super::sizes::{Pss, Sizes};
use super::{exe_link, executable, facts_reader, rule_inputs};
use crate::quantities::{Bytes, Pid, ProcessKey, StartTime};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::AsFd;

/// What groups want to be read of a process beside its real user, its parent and its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberFiles {
    /// What of its status.
    pub wanted: Wanted,
    /// Its executable.
    pub exe: bool,
    /// Its control group.
    pub cgroup: bool,
}

/// How much of a process is read beside its executable and its control group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Its real user alone. The owner of its directory costs a tenth of its status, and is its effective user: root or
    /// a system account where it is a program that sets its user ID, and then the status says.
    #[default]
    User,
    /// Its memory as well.
    Memory,
    /// All facts, with its name, and when it was started.
    Facts,
}

/// A process that may be a member of a group.
#[derive(Clone, Copy, Debug)]
pub struct Member<'b> {
    /// What it is matched by. The name is empty, and the start time 0, where they were not wanted.
    pub input: RuleInput<'b>,
    /// Its memory that no file backs, in RAM and in swap; zero where the kernel does not say.
    pub anonymous: Bytes,
    /// What of it is in swap.
    pub swapped: Bytes,
}

impl<'b> Member<'b> {
    fn new(facts: &'b Facts, status: &Status) -> Self {
        Self {
            input: RuleInput {
                facts,
                exe: None,
                is_exe_forgeable: false,
                cmdline: None,
                cgroup: None,
            },
            anonymous: memory::anonymous(status).unwrap_or(Bytes::ZERO),
            swapped: status.swapped.unwrap_or(Bytes::ZERO),
        }
    }
}

impl Sampler {
    /// What /proc/meminfo says now of the memory that processes have.
    pub fn levels(&self) -> Levels {
        let mut buffer = [0; BUFFER];
        let text = fs::read_at(self.root.as_fd(), c"meminfo", &mut buffer).ok();
        let text = text.filter(|text| text.len() < BUFFER);
        text.map_or_else(Levels::default, parse::levels)
    }

    /// Reads a process and hands it to `take`; false where it has ended, or can't be read.
    pub fn member(
        &self,
        questions: &dyn Questions,
        pid: Pid,
        files: MemberFiles,
        take: &mut dyn FnMut(&Member<'_>),
    ) -> bool {
        let light = match files {
            MemberFiles {
                exe: false,
                cgroup: false,
                wanted,
            } if wanted != Wanted::Facts => self.light_status(pid, wanted),
            _ => None,
        };
        if let Some((facts, status)) = light.and_then(light_facts) {
            take(&Member::new(&facts, &status));
            return true;
        }
        let directory = ProcessDirectory::open(self.root.as_fd(), pid);
        directory.is_ok_and(|directory| self.try_member(questions, &directory, files, take).is_ok())
    }

    fn try_member(
        &self,
        questions: &dyn Questions,
        directory: &ProcessDirectory,
        files: MemberFiles,
        take: &mut dyn FnMut(&Member<'_>),
    ) -> Result<(), Failure> {
        let (facts, status) = if files.wanted == Wanted::Facts {
            let context = self.context(questions, false);
            let (facts, status, _) = facts_reader::read(directory, context)?;
            (facts, status)
        } else {
            let mut status = Status::default();
            procfile::each_line(directory, c"status", |line| status.take(line))?;
            light_facts(status).ok_or(Failure::unexpected("status"))?
        };
        let (mut exe, mut cgroup) = ([0; BUFFER], [0; BUFFER]);
        let exe = files.exe.then(|| exe_link::read_exe(directory, &mut exe));
        let cgroup = files
            .cgroup
            .then(|| rule_inputs::read_cgroup(directory, &mut cgroup));
        let proc = self.root.as_fd();
        // What can't be found out is doubt, and what is in doubt is no member.
        let is_forgeable =
            || executable::is_in_namespace_of_user(proc, directory.as_fd()).unwrap_or(true);
        let mut member = Member::new(&facts, &status);
        member.input.exe = exe.map(procfile::unless_gone).transpose()?;
        member.input.is_exe_forgeable = files.exe && is_forgeable();
        member.input.cgroup = cgroup.map(procfile::unless_gone).transpose()?;
        take(&member);
        Ok(())
    }

    /// The status alone, with three system calls, or its user with one; None where it is too long for that, or can't be
    /// read.
    fn light_status(&self, pid: Pid, wanted: Wanted) -> Option<Status> {
        let mut path = [0; 32];
        if wanted == Wanted::User {
            write!(path.as_mut_slice(), "{pid}").ok()?;
            let owner = fs::owner_at(self.root.as_fd(), CStr::from_bytes_until_nul(&path).ok()?);
            // A program that sets its user ID belongs to an account of the system.
            if let Some(uid) = owner.ok().filter(|owner| !owner.is_of_system()) {
                return Some(Status {
                    uid: Some(uid),
                    ..Status::default()
                });
            }
        }
        // Ten digits, the file's name and the final NUL always fit.
        write!(path.as_mut_slice(), "{pid}/status").ok()?;
        let path = CStr::from_bytes_until_nul(&path).ok()?;
        let mut buffer = [0; BUFFER];
        let text = fs::read_at(self.root.as_fd(), path, &mut buffer).ok()?;
        (text.len() < BUFFER).then(|| parse::status(text))
    }

    /// The PSS of a process. Of one that keeps it from being read, anonymous memory and swap stand in: no mapping can
    /// make that larger than it is, and no lock keeps it from being read.
    pub fn member_pss(&self, pid: Pid) -> Pss {
        let Ok(directory) = ProcessDirectory::open(self.root.as_fd(), pid) else {
            return Pss::Ended;
        };
        let Ok(start_time) = facts_reader::read_start_time(&directory) else {
            return Pss::Ended;
        };
        let key = ProcessKey { pid, start_time };
        let mut text = self.blocking.take_text();
        let read = self
            .blocking
            .read(&directory, key, Request::SmapsRollup, &mut text);
        let pss = match read {
            Ok(()) => parse::amount(&text, b"Pss").map_or(Pss::Unreadable, Pss::Known),
            Err(Failure::Gone) => Pss::Ended,
            Err(Failure::Unreadable(unreadable)) if unreadable.is_late() => {
                if self.blocking.is_blocked(key) {
                    anonymous_of(&directory)
                } else {
                    Pss::NoTime
                }
            }
            Err(Failure::Unreadable(_)) => Pss::Unreadable,
        };
        self.blocking.give_back(text);
        pss
    }

    /// Adds the processes whose main thread has exited: they show neither RSS nor PSS there, and RSS counts, which is
    /// not less.
    pub(super) fn add_leaders(&self, sizes: &mut Sizes) {
        let leaders = std::mem::take(&mut sizes.leaders);
        for &pid in &leaders {
            if let Ok(directory) = ProcessDirectory::open(self.root.as_fd(), pid) {
                if let Ok(rss) = memory::rss(&self.root, &directory) {
                    sizes.add(pid, rss, Pss::Known(rss));
                }
            }
        }
        sizes.leaders = leaders;
    }
}

/// The user and the parent, which cost one file, and what of the memory is there; None where it has no user.
fn light_facts(status: Status) -> Option<(Facts, Status)> {
    let facts = Facts {
        start_time: StartTime::default(),
        name: Name::new(b""),
        is_name_cut: false,
        alias: None,
        uid: status.uid?,
        parent: status.parent,
        session: None,
        state: State(b'?'),
        is_kernel_thread: false,
        is_package_manager: false,
        oom_score_adj: 0,
    };
    Some((facts, status))
}

fn anonymous_of(directory: &ProcessDirectory) -> Pss {
    let mut status = Status::default();
    let read = procfile::each_line(directory, c"status", |line| status.take(line));
    match (read, memory::anonymous(&status)) {
        (Ok(()), Some(anonymous)) => Pss::Known(anonymous),
        (Ok(()), None) | (Err(Failure::Unreadable(_)), _) => Pss::Unreadable,
        (Err(Failure::Gone), _) => Pss::Ended,
    }
}
