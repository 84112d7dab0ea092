//! The events about groups of processes.

use crate::config::GroupKill;
use crate::events::event::Event;
use crate::events::group::{GroupEvent, GroupNote};
use crate::events::group_name::{GroupMemory, GroupName};
use crate::policy::groups::GroupKey;
use crate::policy::{Breach, OverGroup};
use crate::proc::{Name, Process};
use crate::quantities::{Bytes, Metric, Percent, Uid};

/// Hands each of them to `take`.
pub(super) fn each(process: &Process, over: &Breach, take: &mut dyn FnMut(&Event<'_>)) {
    let breach = Breach {
        group: Some(OverGroup {
            number: 2,
            metric: Metric::Pss,
        }),
        ..*over
    };
    let unit = Name::new(super::HOSTILE);
    let group = |key| GroupMemory {
        name: GroupName {
            number: 2,
            label: "sums",
            key,
            unit: &unit,
        },
        members: 214,
        memory: Bytes::new(54 << 30),
        share: Percent::new(21.17).unwrap(),
    };
    let plenty = Percent::new(62.3).unwrap();
    let user = group(GroupKey::User(Uid::ROOT));
    for event in [
        GroupEvent::Over(user, GroupNote::None),
        GroupEvent::Over(group(GroupKey::Unit(1)), GroupNote::Warn),
        GroupEvent::Over(group(GroupKey::All), GroupNote::Plentiful(plenty)),
        GroupEvent::Reason(process, &breach, user.name, GroupKill::Largest),
        GroupEvent::Reason(process, &breach, user.name, GroupKill::Newest),
        GroupEvent::Reason(
            process,
            &breach,
            group(GroupKey::Tree(process.key().unwrap())).name,
            GroupKill::All,
        ),
        GroupEvent::Protected(user),
        GroupEvent::Unknown {
            known: 4096,
            of: 12_000,
        },
    ] {
        take(&Event::Group(event));
    }
    take(&Event::InGroup(user, &Event::Killing(process, &breach)));
}
