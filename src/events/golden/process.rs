//! A process whose name is as bad as one can be.

use crate::proc::{Details, Facts, Name, Process, Unit, Unreadable};
use crate::quantities::{Bytes, Metric, Pid, StartTime};

pub(super) const HOSTILE: &[u8] = b"a\xff\n\"\\\x1b[2J\xe2\x80\xae{";

pub(super) fn process(facts: &Result<Facts, Unreadable>) -> Process {
    let name = Some(Name::new(HOSTILE));
    Process {
        pid: Pid::new(123).unwrap(),
        rss: Bytes::new(u64::MAX),
        facts: *facts,
        details: Details {
            exe: name,
            cmdline: name,
            unit: name.map(|name| Unit {
                name,
                service: None,
                is_of_user: false,
            }),
            anon: Some(Bytes::new(1)),
            swap: Some(Bytes::ZERO),
            memory: Some((Metric::Pss, Ok(Bytes::new(7)))),
            share: Some(Bytes::new(1)),
            own: Some(Bytes::new(1)),
            ..Details::default()
        },
    }
}

pub(super) fn facts() -> Facts {
    Facts {
        start_time: StartTime(99),
        parent: Pid::new(3),
        ..Facts::named(HOSTILE)
    }
}
