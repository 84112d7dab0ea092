//! Does once, before any shortage, all that is done in one but for the signals: what it needs is in memory then.

use super::{Context, SystemGuard};
use crate::kill::Signaller;
use crate::policy::system_guard::{Candidate, MOST, Need, Shortage, Tier, choose, floor_threshold};
use crate::quantities::Bytes;

impl SystemGuard {
    /// Brings the code, stack and heap of an order into memory.
    pub(in crate::daemon) fn rehearse(&mut self, context: &mut Context<'_>) {
        let (_, _) = self.tick(&context.policy.config, context.victims, context.now);
        self.note_scan(context.policy, context.machine, context.now);
        let _ = self.adopts(context.victims, context.now.monotonic);
        self.candidates.gather(&self.set_aside, context);
        let _ = choose(&self.candidates.all, &self.need());
        for _ in 0..MOST {
            self.rehearse_order(context);
        }
        self.orders.clear();
        self.shortage = Shortage::new(context.now.monotonic);
    }

    /// Chooses this process, and does to it all that is done to a victim, but for the signal.
    fn rehearse_order(&mut self, context: &mut Context<'_>) {
        let Context {
            policy, machine, ..
        } = context;
        let total = machine.snapshot.memory.total;
        let Some(glance) = machine.sampler.glance(*policy, policy.own) else {
            return;
        };
        let (Some(key), Ok(facts)) = (glance.process.key(), glance.process.facts) else {
            return;
        };
        let own = Candidate {
            key,
            gives: glance.gives(None),
            took: total,
            oom_score_adj: facts.oom_score_adj,
            tier: Tier::Normal,
            kin: glance.kin(),
        };
        self.candidates.touch(own);
        let threshold = floor_threshold(&policy.config.system, total);
        // As the largest one, as the one that has taken most, and with its kin.
        for (least, lost) in [(1, 0), (1, 1), (u64::MAX, 0)] {
            let need = Need {
                least: Bytes::new(least).min(own.gives),
                wanted: own.gives,
                lost: Bytes::new(lost),
            };
            if let Some(choice) = choose(&[own], &need) {
                let _ = self.is_still_short();
                let _ = self.signal(&choice, threshold, context, Some(Signaller::DryRun));
            }
        }
    }
}
