//! The events about the memory of the machine as a whole.

use crate::events::event::Event;
use crate::events::system::{Reason, SystemEvent, Whereabouts};
use crate::policy::system_guard::{Candidate, Level, Tier, Why};
use crate::policy::{Breach, ShownProtection, Threshold};
use crate::proc::{OtherMemory, Process};
use crate::quantities::{Bytes, Percent};
use std::time::Duration;

/// Hands each of them to `take`.
pub(super) fn each(
    process: &Process,
    over: &Breach,
    protection: ShownProtection<'_>,
    take: &mut dyn FnMut(&Event<'_>),
) {
    let breach = |threshold| Breach {
        threshold,
        sustained: Duration::ZERO,
        ..*over
    };
    let short = breach(Threshold::Available(Percent::new(4.0).unwrap()));
    let stalled = breach(Threshold::Stall(Duration::from_secs(4)));
    let plenty = Percent::new(62.3).unwrap();
    let level = |stall| Level {
        total: Bytes::new(16 << 30),
        left: Bytes::new(1 << 30),
        floor: Bytes::new(655 << 20),
        grown_floor: Bytes::new(655 << 20),
        speed: Bytes::ZERO,
        stall,
        trigger: None,
    };
    let falling = Level {
        left: Bytes::new(700 << 20),
        grown_floor: Bytes::new(755 << 20),
        speed: Bytes::new(1000 << 20),
        trigger: Some(short.threshold),
        ..level(None)
    };
    let stalling = Level {
        trigger: Some(stalled.threshold),
        ..level(Some(Duration::from_millis(4100)))
    };
    let candidate = Candidate {
        key: process.key().unwrap(),
        gives: Bytes::new(9 << 30),
        took: Bytes::new(2 << 30),
        oom_score_adj: 0,
        tier: Tier::Normal,
        kin: 0,
    };
    let reason = |why| Reason {
        level: if why == Why::Took {
            &falling
        } else {
            &stalling
        },
        victim: &candidate,
        why,
        lost: (Bytes::new(3 << 30), Duration::from_secs(12)),
        victims: 8,
    };
    let whereabouts = Whereabouts {
        protected: Bytes::new(11 << 30),
        largest: Some((process, protection)),
        other: OtherMemory {
            shared: Bytes::new(2 << 30),
            kernel: Bytes::new(1 << 30),
        },
        is_any_small: false,
    };
    for event in [
        Event::System(SystemEvent::Plentiful(process, over, plenty)),
        Event::System(SystemEvent::Short(&level(None), Some(process))),
        Event::System(SystemEvent::Short(
            &level(Some(Duration::from_secs(2))),
            None,
        )),
        Event::Killing(process, &short),
        Event::System(SystemEvent::Reason(process, &short, reason(Why::Took))),
        Event::System(SystemEvent::Reason(process, &stalled, reason(Why::Kin))),
        Event::System(SystemEvent::Over(&level(None), Duration::from_secs(1), 1)),
        Event::System(SystemEvent::NoCandidate(whereabouts)),
        Event::System(SystemEvent::NoCandidate(Whereabouts {
            largest: None,
            is_any_small: true,
            ..whereabouts
        })),
        Event::System(SystemEvent::KernelKills(1)),
        Event::System(SystemEvent::KernelKills(3)),
    ] {
        take(&event);
    }
}
