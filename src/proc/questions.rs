//! What a scan has to find out for the policy: the questions, which the policy answers, and the data they are asked
//! with. Pure; knows nothing of how a rule is written.

use super::facts::Facts;
use super::name::Name;
use super::parse::SystemMemory;
use super::procfile::Unreadable;
use crate::quantities::{Bytes, Metric};

/// The questions that a scan asks about the processes near a threshold. Implementations are pure.
pub trait Questions {
    /// Processes with more RSS than this are read in detail.
    fn sieve(&self, memory: &SystemMemory) -> Bytes;
    /// The sieve for anonymous memory and swap; None where nothing is measured by that.
    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes>;
    /// The files that [`Questions::match_rule`] needs.
    fn rule_files(&self) -> RuleFiles;
    /// Which rule a process belongs to.
    fn match_rule(&self, input: &RuleInput<'_>) -> RuleMatch;
    /// By which metric a process of this rule is measured on a machine with `total` memory; RSS where that alone shows
    /// that it is within its thresholds.
    fn metric(&self, matched: RuleMatch, rss: Bytes, total: Bytes) -> Metric;
    /// Whether a pattern for names, of a protection or a rule, matches this one.
    fn matches_name(&self, name: &[u8]) -> bool;
    /// Whether one matches this name or a longer one that begins with it: then the whole name must be known.
    fn matches_longer_name(&self, start: &[u8]) -> bool;
    /// By which of its names a process is protected; None where by none.
    fn protecting_name<'f>(&self, facts: &'f Facts) -> Option<&'f Name>;
    /// Whether a file called `file` verifies that a process called `name` is one that is protected.
    fn verifies(&self, name: &[u8], file: &[u8]) -> bool;
}

/// Without a policy: every process is measured by RSS, and read in detail if that is more than this.
#[derive(Clone, Copy, Debug)]
pub struct NoQuestions(pub Bytes);

impl Questions for NoQuestions {
    fn sieve(&self, _: &SystemMemory) -> Bytes {
        self.0
    }

    fn anonymous_sieve(&self, _: Bytes) -> Option<Bytes> {
        None
    }

    fn rule_files(&self) -> RuleFiles {
        RuleFiles::default()
    }

    fn match_rule(&self, _: &RuleInput<'_>) -> RuleMatch {
        RuleMatch::default()
    }

    fn metric(&self, _: RuleMatch, _: Bytes, _: Bytes) -> Metric {
        Metric::Rss
    }

    fn matches_name(&self, _: &[u8]) -> bool {
        false
    }

    fn matches_longer_name(&self, _: &[u8]) -> bool {
        false
    }

    fn protecting_name<'f>(&self, _: &'f Facts) -> Option<&'f Name> {
        None
    }

    fn verifies(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

/// The files that rules need. Nothing is read that no rule asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleFiles {
    /// The exe link.
    pub exe: bool,
    /// The command line.
    pub cmdline: bool,
    /// The path of the control group.
    pub cgroup: bool,
}

/// A text of a process, or why it can't be read.
pub type Text<'b> = Result<&'b [u8], Unreadable>;

/// A process as a rule sees it. A text is None where [`RuleFiles`] did not ask for it.
#[derive(Clone, Copy, Debug)]
pub struct RuleInput<'b> {
    /// Name and user.
    pub facts: &'b Facts,
    /// The path of the executable; empty where there is none.
    pub exe: Option<Text<'b>>,
    /// Whether the process runs where its user can forge that path.
    pub is_exe_forgeable: bool,
    /// The arguments with spaces between them, as ps(1) shows them.
    pub cmdline: Option<Text<'b>>,
    /// The path of the control group.
    pub cgroup: Option<Text<'b>>,
}

/// Which rule a process belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleMatch {
    /// The index of the first rule that matches; None where none does.
    pub rule: Option<u16>,
    /// The index of an earlier rule that may match, and what could not be read of the process to tell.
    pub doubt: Option<(u16, Unreadable)>,
}
