//! The kinds of events: a name for programs and a MESSAGE_ID for the journal each. Both stay as they are
//! for ever; the catalog in etc/systemd explains them.

#![allow(clippy::unreadable_literal)] // they are never read, only compared

use super::event::Event;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its MESSAGE_ID, sd-id128(3).
    pub message_id: u128,
}

/// What is no event of the daemon's work: that a sink fails or works again.
pub(super) const LOG: Kind = Kind::new("log", 0xe561dd4b205936820dec786b30923968);

/// What people want to hear of at once; the notifier gets these and no others.
const NOTIFIED: [&str; 11] = [
    "killing",
    "would_kill",
    "escalating",
    "ended",
    "survives",
    "near",
    "withheld",
    "restart_loop",
    "not_permitted",
    "signal_failed",
    "reload_refused",
];

impl Kind {
    const fn new(name: &'static str, message_id: u128) -> Self {
        Self { name, message_id }
    }

    /// Whether the notifier gets it.
    pub fn is_notified(self) -> bool {
        NOTIFIED.contains(&self.name)
    }

    /// Of this event.
    pub const fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Started(..) => Self::new("started", 0xf916a100f090d2bcad25c44426877068),
            Event::ConfigWarning(..) => {
                Self::new("config_warning", 0x714ee3ae9d3e287cacb8657792b833fc)
            }
            Event::Reloaded(..) => Self::new("reloaded", 0x05a42ae92401165561f8358fab9afc23),
            Event::ReloadRejected(..) => {
                Self::new("reload_refused", 0x07e1649d3f7eecac91dbb0a65af8c942)
            }
            Event::Changed(..) => Self::new("changed", 0xd1131a753684ac543399bdd64b0d6642),
            Event::Schedule(..) => Self::new("schedule", 0x4dd478ef816a97f1aba456f26623a0d9),
            Event::PidUnused(..) => Self::new("pin_missing", 0x2b157ba39d909c256eec6064819e649a),
            Event::PidEnded(..) => Self::new("pin_ended", 0x6a985cdf32c9b35da85f0e5bb733f2ed),
            Event::OnlyOwnProcesses => {
                Self::new("only_own_processes", 0x90753b5318cbe5f56fc22c04a11ba1c5)
            }
            Event::Hidepid => Self::new("hidepid", 0x6e8a655f071687a28961dea4e4f9a581),
            Event::FeatureUnavailable(..) => {
                Self::new("does_without", 0xbf7bba771c58e27087336a236ecb6242)
            }
            Event::Memory(..) => Self::new("memory", 0xe6ffb689e400014339bafb759331e1c3),
            Event::ScanComplete { .. } => {
                Self::new("scan_complete", 0x0b7eebdf158cf96332efc880777a47c2)
            }
            Event::ScanFailed(..) => Self::new("scan_failed", 0x87c4750eef673bc0360b03e84d11e69a),
            Event::Unreadable { .. } => Self::new("unreadable", 0xa85582491d6f3a1206f49e8e82988f75),
            Event::Killing(..) => Self::new("killing", 0x7897c3fb898ce88330f5cef3dc3769a6),
            Event::WouldKill(..) => Self::new("would_kill", 0xcab9a3fafd9e9cd22a81a52b4112eb39),
            Event::Reason(..) => Self::new("reason", 0xdbb9de3a13a989f54f07a878a999bfc0),
            Event::Protected(..) => Self::new("spared", 0xfd73e4d93faf4c44db357ae950239672),
            Event::Exempted(..) => Self::new("exempted", 0x8e1cbf4f2322ef09058c9b9d95c32acc),
            Event::ExemptionOver(..) => {
                Self::new("exemption_over", 0xb713582f6ce3bc3cbc22a20b942a3492)
            }
            Event::ExemptionsRejected(..) => {
                Self::new("grants_refused", 0xd2d4ab659986f8f7070b08e8e8cb16f9)
            }
            Event::Near(..) => Self::new("near", 0x957f98495b525a79422bf831d8754db4),
            Event::KillDelayed(..) => Self::new("waits", 0x6512c120dbc11a9401a712f75b05503c),
            Event::RestartLoop(..) => Self::new("restart_loop", 0xf7a3331a00aaa10596421d546eb1e170),
            Event::KillLimitReached(..) => {
                Self::new("withheld", 0x2f05b7c430199edcfddce04111660802)
            }
            Event::NotPermitted(..) => {
                Self::new("not_permitted", 0xb95edc6b0f0503b4a62e63de5dac649f)
            }
            Event::SignalFailed(..) => {
                Self::new("signal_failed", 0x4c11d4f577cdc266d99d0c05f767e02a)
            }
            Event::Escalating(..) => Self::new("escalating", 0xbb03b95cad2662894ea9ddf7a85d8ec8),
            Event::KillCancelled(..) => Self::new("let_go", 0x52a035558a14f8eae3550e029c5620f5),
            Event::Survives(..) => Self::new("survives", 0xadc55bd7fcea05c54ff3133e5e8db257),
            Event::Ended(..) => Self::new("ended", 0xb05063b4ea513ee37c4af0f966cfeb89),
            Event::Stopping(..) => Self::new("stopping", 0x83e17b172e82d47a38e2d0413a3b73c5),
        }
    }
}
