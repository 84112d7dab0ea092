//! Reads the members of groups by the sampler, for the sums of the policy. Touches /proc.

use crate::policy::Policy;
use crate::policy::groups::MemberReader;
use crate::proc::{Member, MemberFiles, Pss, Sampler};
use crate::quantities::Pid;
use std::time::{Duration, Instant};

/// Reads members by the sampler, until a time.
pub(crate) struct Reader<'r> {
    sampler: &'r Sampler,
    policy: &'r Policy,
    files: MemberFiles,
    until: Instant,
}

impl<'r> Reader<'r> {
    /// With so much time from now on.
    pub(crate) fn new(sampler: &'r Sampler, policy: &'r Policy, time: Duration) -> Self {
        Self::until(sampler, policy, Instant::now() + time)
    }

    /// Until this time.
    pub(crate) fn until(sampler: &'r Sampler, policy: &'r Policy, until: Instant) -> Self {
        Self {
            sampler,
            policy,
            files: policy.member_files(),
            until,
        }
    }
}

impl MemberReader for Reader<'_> {
    fn member(&mut self, pid: Pid, take: &mut dyn FnMut(&Member<'_>)) {
        self.sampler.member(self.policy, pid, self.files, take);
    }

    fn pss(&mut self, pid: Pid) -> Pss {
        self.sampler.member_pss(pid)
    }

    fn is_time_over(&mut self) -> bool {
        Instant::now() >= self.until
    }
}
