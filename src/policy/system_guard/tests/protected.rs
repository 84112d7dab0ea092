//! Whatever protects a process does so while memory is short.

use super::super::*;
use crate::config::{Config, Origin};
use crate::policy::Policy;
use crate::policy::exemptions::{Exemption, Exemptions};
use crate::policy::tests::{at, process};
use crate::proc::{Name, Process, RuleMatch, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Pid, Uid};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const CONFIG: &str = "[whitelist]\nnames = [\"precious\", \"a-name-of-many-letters\"]\nusers = [\"1001\"]\n\
                      protect_root = true\n[[rule]]\nname = \"a\"\naction = \"protect\"\n[[rule]]\nname = \"b\"\n\
                      action = \"warn\"\n[[rule]]\nname = \"c\"\nwhen_short = \"spare\"\n[[rule]]\nname = \"d\"\n\
                      when_short = \"last\"\n[[rule]]\nname = \"e\"\nwhen_short = \"first\"\n[[rule]]\nname = \"f\"\n";

/// One with these, and whether anything protects it.
#[derive(Clone, Debug)]
struct Made {
    pid: u32,
    name: &'static str,
    uid: u32,
    oom_score_adj: i16,
    /// A kernel thread, a package manager, one whose name is cut, one that can't be read, one that is exempt.
    traits: [bool; 5],
    rule: Option<u16>,
    /// The first rule that may match.
    doubt: Option<u16>,
}

impl Made {
    fn process(&self) -> Process {
        let unreadable = Unreadable {
            file: "cmdline",
            errno: None,
        };
        let mut process = process(self.pid);
        if let Ok(facts) = &mut process.facts {
            facts.name = Name::new(self.name.as_bytes());
            facts.uid = Uid::new(self.uid);
            facts.oom_score_adj = self.oom_score_adj;
            facts.is_kernel_thread = self.traits[0];
            facts.is_package_manager = self.traits[1];
            facts.is_name_cut = self.traits[2] && self.name.len() == 15;
        }
        if self.traits[3] {
            process.facts = Err(unreadable);
        }
        process.details.rule_match = Some(RuleMatch {
            rule: self.rule,
            doubt: self.doubt.map(|index| (index, unreadable)),
        });
        process
    }

    fn is_protected(&self) -> bool {
        let Self { pid, name, uid, .. } = *self;
        let is_cut = self.traits[2] && name.len() == 15;
        let is_listed = name == "precious" || (is_cut && name == "a-name-of-many-");
        [1, 7, 42].contains(&pid)
            || is_listed
            || [0, 1001].contains(&uid)
            || self.oom_score_adj == -1000
            || self.traits[0]
            || self.traits[1]
            || self.traits[3]
            || self.traits[4]
            // The first three rules protect.
            || self.rule.is_some_and(|rule| rule < 3)
    }
}

fn made() -> impl Strategy<Value = Made> {
    let name = prop::sample::select(vec!["hog", "precious", "a-name-of-many-", "a", "b"]);
    let adj = prop::sample::select(vec![-1000_i16, -999, -500, 0, 1000]);
    let rare = || prop::bool::weighted(0.1);
    let traits = (rare(), rare(), any::<bool>(), rare(), rare());
    let pid = prop::sample::select(vec![1_u32, 7, 42, 50, 51, 52, 53]);
    let uid = prop::sample::select(vec![0_u32, 1000, 1001, 1002]);
    let rules = (prop::option::of(0_u16..6), prop::option::of(0_u16..6));
    (pid, name, uid, adj, traits, rules).prop_map(|(pid, name, uid, adj, traits, rules)| Made {
        pid,
        name,
        uid,
        oom_score_adj: adj,
        traits: [traits.0, traits.1, traits.2, traits.3, traits.4],
        rule: rules.0,
        doubt: rules.1,
    })
}

fn standing(made: &Made) -> ShortageStanding {
    let loaded = Config::parse(CONFIG.as_bytes(), Origin::File("c".into()), &|_| Ok(None));
    let mut policy = Policy::new(loaded.unwrap().config, Pid::new(7).unwrap());
    policy.pinned.extend(process(42).key());
    let now = at(Instant::now());
    if made.traits[4] {
        policy.exemptions = Exemptions::new(vec![Exemption {
            process: process(made.pid).key().unwrap(),
            name: Vec::new(),
            until: now.since_boot + Duration::from_secs(60),
            reason: String::new(),
        }]);
    }
    let memory = SystemMemory {
        total: Bytes::new(100 << 30),
        ..SystemMemory::default()
    };
    policy.standing(&made.process(), false, &memory, &now)
}

proptest! {
    #[test]
    fn nothing_that_is_protected_is_a_candidate(made in made()) {
        match standing(&made) {
            ShortageStanding::Candidate(tier) => {
                prop_assert!(!made.is_protected());
                let expected = match made.rule {
                    Some(3) => Tier::Last,
                    Some(4) => Tier::First,
                    _ if made.oom_score_adj <= -500 => Tier::Last,
                    _ => Tier::Normal,
                };
                prop_assert_eq!(tier, expected);
            }
            // What may be of a rule that protects is protected as well.
            ShortageStanding::Protected(_) => {
                prop_assert!(made.is_protected() || made.doubt.is_some());
            }
        }
    }
}
