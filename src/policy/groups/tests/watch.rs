//! What is done about a group over its threshold, from scan to scan.

use super::*;

fn watched(settings: &str) -> (Policy, Sums) {
    let group = format!("[[group]]\nby = \"user\"\nram_percent_threshold = 10\n{settings}");
    let policy = policy(&group);
    let mut sums = Sums::default();
    World::of(&[made(1, 200_000, 200_000)]).sum(&policy, &mut sums);
    assert_eq!(sums.all()[0].standing, GroupStanding::Over);
    (policy, sums)
}

/// A group over its threshold, from scan to scan.
struct Watching {
    policy: Policy,
    sums: Sums,
    watch: GroupWatch,
    ledger: Ledger,
    start: Instant,
}

impl Watching {
    fn new(settings: &str) -> Self {
        let (policy, sums) = watched(settings);
        Self {
            policy,
            sums,
            watch: GroupWatch::default(),
            ledger: Ledger::default(),
            start: Instant::now(),
        }
    }

    fn sum(&self) -> GroupSum {
        self.sums.all()[0]
    }

    fn after(&self, seconds: u64) -> Now {
        at(self.start + Duration::from_secs(seconds))
    }

    /// A scan at this time that finds it over its threshold.
    fn step(&mut self, seconds: u64) -> GroupStep {
        let (sum, now) = (self.sum(), self.after(seconds));
        let step = self
            .watch
            .step(&sum, &self.policy, &memory(), &self.ledger, &now);
        self.watch.forget_unseen(false, &self.ledger, now.monotonic);
        step.unwrap()
    }

    /// One that does not.
    fn step_within(&mut self, is_incomplete: bool, seconds: u64) {
        let now = self.after(seconds).monotonic;
        self.watch.forget_unseen(is_incomplete, &self.ledger, now);
    }

    fn kill(&mut self, pid: u32, seconds: u64) {
        let (sum, now, victim) = (self.sum(), self.after(seconds), process(pid));
        let breach = self.policy.group_breach(&sum, (&victim, None), TOTAL);
        self.ledger
            .record_kill(key(pid), victim, breach.unwrap(), &now);
        self.watch.record_kill(&sum, key(pid));
    }

    fn is_first(&mut self, what: SaidOfGroup) -> bool {
        let sum = self.sum();
        self.watch.is_first(&sum, what)
    }
}

#[test]
fn there_is_never_a_second_order_while_one_waits() {
    let mut group = Watching::new("sustained = 30\n");
    let until = group.start + Duration::from_secs(30);
    assert_eq!(group.step(0), GroupStep::Delay(until));
    assert!(group.is_first(SaidOfGroup::Over));
    assert!(!group.is_first(SaidOfGroup::Over));
    assert_eq!(group.step(29), GroupStep::Delay(until));
    assert_eq!(group.step(30), GroupStep::Kill);
    group.kill(5, 30);
    assert_eq!(group.step(31), GroupStep::Await);
    assert_eq!(group.step(400), GroupStep::Await);
    group.ledger.end(key(5), &group.after(401));
    assert_eq!(group.step(402), GroupStep::Kill);
    // A scan that finds it within starts the time again.
    group.step_within(false, 403);
    let until = group.start + Duration::from_secs(434);
    assert_eq!(group.step(404), GroupStep::Delay(until));
    assert!(group.is_first(SaidOfGroup::Over));
}

#[test]
fn a_group_that_swings_waits_for_its_victims_too() {
    let mut group = Watching::new("");
    assert_eq!(group.step(0), GroupStep::Kill);
    group.kill(5, 0);
    group.step_within(false, 30);
    assert!(group.watch.group_of(key(5)).is_some());
    assert_eq!(group.step(60), GroupStep::Await, "its victim has not ended");
    group.ledger.end(key(5), &group.after(61));
    assert_eq!(group.step(62), GroupStep::Kill);
    group.step_within(false, 63);
    assert!(group.watch.group_of(key(5)).is_none());
}

#[test]
fn what_survives_sigkill_does_not_keep_the_others_alive() {
    let mut group = Watching::new("");
    assert_eq!(group.step(0), GroupStep::Kill);
    group.kill(5, 0);
    group.ledger.record_stage(key(5), Stage::Surviving);
    assert_eq!(group.step(30), GroupStep::Kill);
}

#[test]
fn a_scan_that_can_t_tell_of_all_forgets_none() {
    let mut group = Watching::new("sustained = 30\n");
    let until = group.start + Duration::from_secs(30);
    assert_eq!(group.step(0), GroupStep::Delay(until));
    group.step_within(true, 15);
    assert_eq!(group.step(20), GroupStep::Delay(until));
}

#[test]
fn a_reload_does_not_kill_a_second_one() {
    let mut group = Watching::new("");
    assert_eq!(group.step(0), GroupStep::Kill);
    group.kill(5, 0);
    group.watch.forget();
    assert_eq!(group.step(30), GroupStep::Await);
    group.ledger.end(key(5), &group.after(31));
    assert_eq!(group.step(60), GroupStep::Kill);
}

#[test]
fn what_is_killed_for_a_threshold_of_its_own_is_waited_for() {
    let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 10\n");
    let mut sums = Sums::default();
    let machine = [made(1, 90_000, 80_000), made(1, 90_000, 80_000)];
    let sizes = World::of(&machine).sum(&policy, &mut sums);
    let sum = sums.all()[0];
    assert_eq!(sum.standing, GroupStanding::Over);
    let without = |pids: &[u32]| {
        let pids = pids.iter().map(|pid| Pid::new(*pid).unwrap()).collect();
        policy.is_group_over_without(&sum, sums.memory_of(0, &sizes, &pids), TOTAL)
    };
    assert!(without(&[]));
    assert!(without(&[99]));
    assert!(!without(&[2]));
}

#[test]
fn one_group_s_many_units_leave_place_for_another_s() {
    let groups = "[[group]]\nby = \"tree\"\nname = \"x\"\nram_percent_threshold = 50\n\
        [[group]]\nby = \"all\"\nname = \"y\"\nram_percent_threshold = 10\n";
    let mut machine = vec![made(1, 1000, 1000); 5000];
    machine.push(Made {
        name: "y",
        ..made(2, 900, 900)
    });
    let mut sums = Sums::thorough();
    World::of(&machine).sum(&policy(groups), &mut sums);
    assert!(sums.is_incomplete());
    assert!(sums.all().iter().any(|sum| sum.key == GroupKey::All));
}

#[test]
fn it_is_only_reported_where_that_is_configured_or_memory_is_plentiful() {
    let ledger = Ledger::default();
    let now = at(Instant::now());
    for (settings, expected) in [
        ("action = \"warn\"\n", GroupStep::Warn),
        (
            "only_below_available_percent = 20\n",
            GroupStep::Plentiful(Percent::new(50.0).unwrap()),
        ),
        ("only_below_available_percent = 60\n", GroupStep::Kill),
    ] {
        let (policy, sums) = watched(settings);
        let sum = &sums.all()[0];
        let step = GroupWatch::default().step(sum, &policy, &memory(), &ledger, &now);
        assert_eq!(step, Some(expected), "{settings}");
    }
}

/// What each member has now, by PID; None where it has ended.
fn is_still_over(settings: &str, now: &[(u32, Option<Process>)], without: &[u32]) -> bool {
    let group = format!("[[group]]\nby = \"user\"\nram_percent_threshold = 10\n{settings}");
    let policy = policy(&group);
    let mut sums = Sums::default();
    let mut world = World::of(&[made(1, 90_000, 90_000), made(1, 20_000, 20_000)]);
    let sizes = world.sum(&policy, &mut sums);
    assert!(sums.all()[0].is_proven);
    let without = without.iter().filter_map(|pid| Pid::new(*pid)).collect();
    sums.is_still_over(0, &sizes, &without, &mut |pid, metric| {
        let own = now.iter().find(|own| own.0 == pid.get());
        let own = own.and_then(|own| own.1);
        own.map_or(Bytes::ZERO, |process| most_by(&process, metric))
    })
}

#[test]
fn none_dies_for_what_members_had_that_have_shrunk_or_ended() {
    let has = |pid, rss| (pid, Some(sized(rss, 0)));
    for settings in ["", "metric = \"rss\"\n", "metric = \"anon\"\n"] {
        let is_over = |now: &[_], without: &[_]| is_still_over(settings, now, without);
        assert!(is_over(&[has(2, 90_000), has(3, 20_000)], &[]));
        // What has grown since is for the next scan.
        assert!(!is_over(&[has(2, 80_000), has(3, 90_000)], &[]));
        assert!(is_over(&[has(2, 80_001), has(3, 20_000)], &[]));
        assert!(!is_over(&[(2, None), has(3, 20_000)], &[]));
        assert!(!is_over(&[has(2, 90_000), (3, None)], &[]));
        assert!(!is_over(&[has(2, 90_000), has(3, 20_000)], &[3]));
    }
}

#[test]
fn what_is_in_swap_is_not_taken_for_given_back() {
    let swapped = |swap| [(2, Some(sized(40_000, swap))), (3, Some(sized(20_000, 0)))];
    assert!(is_still_over("", &swapped(50_000), &[]));
    assert!(!is_still_over("", &swapped(30_000), &[]));
}

fn sized(rss: u64, swapped: u64) -> Process {
    let mut process = process(2);
    process.rss = Bytes::new(rss);
    process.details.anon = Some(Bytes::new(rss));
    process.details.swap = Some(Bytes::new(swapped));
    process
}
