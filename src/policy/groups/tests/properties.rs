//! Properties of the sums, on machines made at random.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn any_machine() -> impl Strategy<Value = Vec<Made>> {
    let one = (1_u32..5, 0_u64..30_000, 0_u64..=100, 1_u32..40, 0_usize..3);
    let one = one.prop_map(|(uid, rss, share, parent, name)| Made {
        parent,
        name: ["a", "b", "c"][name],
        ..made(uid, rss, rss * share / 100)
    });
    prop::collection::vec(one, 0..120)
}

proptest! {
    /// Whatever is left out, what is said is what all of it says.
    #[test]
    fn the_bounds_say_what_the_whole_sum_says(
        machine in any_machine(),
        threshold in 1.0_f64..60.0,
        patience in prop::option::of(0_usize..200),
        by in prop::sample::select(vec!["user", "tree", "all"]),
        metric in prop::sample::select(vec!["pss", "rss", "anon"]),
    ) {
        let name = if by == "user" { "" } else { "name = \"a\"\n" };
        let group = format!(
            "[[group]]\nby = \"{by}\"\n{name}metric = \"{metric}\"\nram_percent_threshold = {threshold}\n"
        );
        let policy = policy(&group);
        let mut whole = Sums::thorough();
        World::of(&machine).sum(&policy, &mut whole);
        let whole: HashMap<_, _> = whole.all().iter().map(|sum| (sum.key, sum.standing)).collect();
        let mut world = World::of(&machine);
        world.patience = patience;
        let mut sums = Sums::default();
        world.sum(&policy, &mut sums);
        for sum in sums.all() {
            let expected = whole[&sum.key];
            prop_assert_ne!(expected, GroupStanding::Open);
            if patience.is_none() || sum.standing != GroupStanding::Open {
                prop_assert_eq!(sum.standing, expected);
            }
        }
        if patience.is_none() {
            // What has no sum can't be over.
            for (key, standing) in whole {
                let is_known = sums.all().iter().any(|sum| sum.key == key);
                prop_assert!(is_known || standing == GroupStanding::Within);
            }
        }
    }

    /// The largest is the largest of those that are candidates, and never another one.
    #[test]
    fn the_largest_is_never_one_that_is_protected(machine in any_machine(), protected in any::<u64>()) {
        let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 5\n");
        let mut world = World::of(&machine);
        let mut sums = Sums::default();
        let mut sizes = world.sum(&policy, &mut sums);
        let is_candidate = |pid: Pid| protected & (1 << (pid.get() % 64)) == 0;
        for index in 0..sums.all().len() {
            let GroupKey::User(uid) = sums.all()[index].key else { panic!() };
            let reader = &mut World::of(&machine);
            let largest = sums.largest(index, &policy, &mut sizes, reader, &mut { is_candidate });
            let own = (2..).zip(&machine).filter(|(pid, made)| {
                made.uid == uid.get() && is_candidate(Pid::new(*pid).unwrap())
            });
            let most = own.map(|(_, made)| made.pss.unwrap()).max().filter(|most| *most > 0);
            let chosen = match largest {
                MemberChoice::Member(pid, memory) => Some((pid, memory.unwrap().get())),
                MemberChoice::Later => panic!("there is time"),
                MemberChoice::None => None,
            };
            prop_assert_eq!(chosen.map(|(_, memory)| memory), most);
            if let Some((pid, _)) = chosen {
                prop_assert!(is_candidate(pid));
                prop_assert_eq!(world.processes[&pid.get()].uid, uid.get());
            }
        }
    }
}
