//! A replay of a recording, by the daemon's own parts.

use super::super::*;
use super::recording::{Recorded, Recording, Sample};
use super::world::{World, Zram, number_of};
use crate::config::Origin;
use crate::daemon::early_scan::EarlyScan;
use crate::daemon::groups::{GroupReport, Groups};
use crate::daemon::scan;
use crate::policy::{Decision, Exemptions, Extent};
use crate::proc::{Levels, ProcRoot};
use crate::quantities::{Pid, StartTime, Uid};
use std::path::Path;
use std::time::SystemTime;

/// How long the machine had been up at the start, in seconds.
const BOOT: u64 = 10_000;
/// A victim ends so long after its order, in milliseconds.
const EXIT: u64 = 60;
/// What a reading costs: with what it costs here no two replays would be read at the same times.
const COST: Duration = Duration::from_micros(20);
const HOG: u32 = 900_000;
pub(super) const SHIPPED: &str = "memory-monitor/config.toml";
pub(super) const DESKTOP: &str = "examples/desktop.toml";

pub(super) fn config(name: &str) -> Config {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc").join(name);
    let text = std::fs::read(&file).unwrap();
    let lookup = |name: &str| Ok((name == "root").then_some(Uid::ROOT));
    let loaded = Config::parse(&text, Origin::File(file), &lookup);
    let mut config = loaded.map_err(|error| error.to_string()).unwrap().config;
    config.dry_run = true;
    config
}

/// What happens on top of what was recorded.
#[derive(Clone, Default)]
pub(super) struct Extra {
    /// How often the recording is repeated.
    pub(super) rounds: u64,
    /// When a process begins that takes 200 MiB a second, in milliseconds.
    pub(super) hog_from: Option<u64>,
    pub(super) zram: Option<Zram>,
    /// So many KiB less are available than were.
    pub(super) taken: u64,
    /// When the machine is suspended, in milliseconds. For 8 of the next 10 s all work waits then.
    pub(super) suspends: Vec<u64>,
    /// How long each time, in milliseconds.
    pub(super) asleep: u64,
    /// Whether scans kill as well, early ones and those of groups; else the guard alone does.
    pub(super) do_scans_kill: bool,
}

const HOG_RATE: u64 = 200 << 10;

/// What the daemon would have sent signals for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) millis: u64,
    pub(super) victims: Vec<String>,
    pub(super) reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) orders: Vec<Order>,
    /// What was over a threshold of its own at a regular scan, except for the hog.
    pub(super) over: Vec<String>,
    pub(super) readings: usize,
    /// What scans would have killed: when, its name, and for which group.
    pub(super) killed: Vec<(u64, String, Option<&'static str>)>,
    /// How many scans were early.
    pub(super) early_scans: usize,
}

pub(super) struct Replay<'r> {
    recording: &'r Recording,
    extra: Extra,
    world: World,
    start: Instant,
    policy: Policy,
    pub(super) machine: Machine,
    victims: Victims,
    guard: SystemGuard,
    groups: Groups,
    early: Option<EarlyScan>,
    /// The processes that were ended.
    ended: Vec<u32>,
    outcome: Outcome,
}

pub(super) fn replay(recording: &Recording, config: Config, extra: &Extra) -> Outcome {
    Replay::new(recording, config, extra.clone()).run()
}

impl<'r> Replay<'r> {
    pub(super) fn new(recording: &'r Recording, config: Config, extra: Extra) -> Self {
        let mut world = World::new(recording.total);
        let start = Instant::now();
        world.show(&recording.at(0), extra.zram, BOOT);
        let root = ProcRoot::open(&world.path("proc"), 4096).unwrap();
        let block = sys::fs::open_directory(&world.path("block")).unwrap();
        let files = SystemFiles::with_block(&root, Some(block)).unwrap();
        let policy = Policy {
            config,
            pinned: Vec::new(),
            own: Pid::new(1).unwrap(),
            exemptions: Exemptions::default(),
        };
        let mut replay = Self {
            recording,
            extra,
            world,
            start,
            policy,
            machine: Machine::with_capacity(8, Sampler::new(root), None),
            victims: Victims::with_capacity(8),
            guard: SystemGuard::new(files, &sys::now()),
            groups: Groups::default(),
            early: None,
            ended: Vec::new(),
            outcome: Outcome::default(),
        };
        replay.guard = SystemGuard::new(replay.guard.files, &now(start, 0, 0));
        if replay.extra.do_scans_kill {
            let early = EarlyScan::new(&replay.machine.sampler, start);
            replay.early = Some(early.unwrap().0);
        }
        replay
    }

    pub(super) fn run(mut self) -> Outcome {
        let end = self.recording.length() * self.extra.rounds.max(1);
        let interval = self.policy.config.check_interval;
        let (mut millis, mut next_scan) = (0, self.start);
        while millis < end {
            let suspends = self.extra.suspends.iter();
            let before = suspends.filter(|at| **at <= millis).count() as u64;
            let now = now(self.start, millis, before * self.extra.asleep);
            self.end_victims(&now);
            let (sample, zram) = self.sample(millis);
            self.world.show(&sample, zram, BOOT);
            self.machine.sampler.begin_turn();
            let levels = self.turn(millis, &now);
            if now.monotonic >= next_scan {
                self.scan(millis, &now);
                next_scan += interval;
            } else {
                self.tick(millis, &levels, &now);
            }
            let early = self.early.as_ref().map(EarlyScan::next_tick);
            let next = self.guard.shortage.next_tick().min(next_scan);
            let next = early.map_or(next, |early| early.min(next));
            let wait = next.saturating_duration_since(now.monotonic).as_millis();
            millis += u64::try_from(wait).unwrap().max(1);
        }
        self.outcome
    }

    /// What the machine shows at this time.
    fn sample(&self, millis: u64) -> (Sample, Option<Zram>) {
        let mut sample = self.recording.at(millis);
        for since in &self.extra.suspends {
            sample.full += millis.saturating_sub(*since).min(10_000) * 800;
        }
        sample.available = sample.available.saturating_sub(self.extra.taken);
        sample.free = sample.free.min(sample.available);
        let mut zram = self.extra.zram;
        let hog_from = self.extra.hog_from.filter(|from| *from <= millis);
        if let Some(from) = hog_from {
            let size = ((millis - from) * HOG_RATE / 1000).min(self.recording.total);
            let hog = Recorded {
                name: "hog".to_owned(),
                rss: size,
                anon: size,
                swap: 0,
                began: from,
            };
            sample.processes.insert(HOG, hog);
        }
        let ended = &self.ended;
        sample.processes.retain(|number, _| !ended.contains(number));
        if let Some(hog) = sample.processes.get_mut(&HOG) {
            // The kernel swaps it out as soon as only a little is left.
            let resident = hog.rss.min(sample.available / 4 * 3);
            let swapped = zram.map_or(0, |zram| zram.size - zram.used);
            let swapped = swapped.min(hog.rss - resident);
            (hog.rss, hog.swap) = (hog.rss - swapped, swapped);
            hog.anon = hog.rss;
            if let Some(zram) = &mut zram {
                zram.used += swapped;
            }
            sample.available = sample.available.saturating_sub(hog.rss);
            sample.free = sample.free.min(sample.available);
            sample.anon += hog.rss;
        }
        (sample, zram)
    }

    fn end_victims(&mut self, now: &Now) {
        let victims: Vec<_> = self.victims.ledger.victims().to_vec();
        for victim in victims {
            if now.monotonic >= victim.terminated + Duration::from_millis(EXIT) {
                self.victims.ledger.end(victim.key, now).unwrap();
                self.ended.push(number_of(victim.key.pid.get()));
            }
        }
    }

    /// What the daemon does at each turn of its loop, but for signals and reports.
    fn turn(&mut self, millis: u64, now: &Now) -> Levels {
        self.outcome.readings += 1;
        let read = self.guard.read(now);
        self.follow(millis, &read, now);
        read.levels
    }

    fn follow(&mut self, millis: u64, read: &SystemReading, now: &Now) {
        let config = &self.policy.config.system;
        let step = self.guard.step(config, &self.victims, (read, COST), now);
        self.victims.ledger.is_short = self.guard.shortage.is_short();
        match step {
            Step::Choose => {}
            Step::Escalate => {
                for key in self.guard.victims.clone() {
                    let stage = Stage::Killed(now.monotonic);
                    self.victims.ledger.record_stage(key, stage);
                }
                return;
            }
            _ => return,
        }
        let outcome = self.guard.order(&mut Context {
            policy: &self.policy,
            machine: &mut self.machine,
            victims: &mut self.victims,
            now,
        });
        match outcome {
            OrderOutcome::DryRun => {}
            OrderOutcome::Awaited => {
                self.guard.shortage.ordered(0, now.monotonic);
                return;
            }
            OrderOutcome::NoCandidate => {
                self.guard.shortage.found_none(now.monotonic);
                return;
            }
            OrderOutcome::Changed => {
                self.guard.shortage.choose_again(now.monotonic);
                return;
            }
            OrderOutcome::Signalled(_) => unreachable!("this is a dry run"),
        }
        let mut names = Vec::new();
        for ordered in self.guard.orders.drain(..) {
            let (key, process) = (ordered.candidate.key, ordered.process);
            names.push(name_of(&process));
            let ledger = &mut self.victims.ledger;
            let _ = ledger.record_kill(key, process, ordered.breach, now);
            self.guard.victims.push(key);
        }
        self.guard.shortage.ordered(names.len(), now.monotonic);
        self.outcome.orders.push(Order {
            millis,
            victims: names,
            reason: self.guard.level().to_string(),
        });
    }

    /// A regular scan.
    fn scan(&mut self, millis: u64, now: &Now) {
        let is_wanted = self.extra.do_scans_kill && !self.victims.ledger.is_short;
        self.groups
            .prepare(&mut self.machine, &self.policy, is_wanted);
        self.scan_processes(Extent::All, now);
        let mut context = scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        };
        self.groups.scan(&mut self.machine, &mut context);
        self.guard.note_scan(&self.policy, &mut self.machine, now);
        let due = self.machine.judged();
        let due = due.filter(|(_, judged)| judged.counts().1);
        let names = due.map(|(process, _)| name_of(process));
        self.outcome.over.extend(names.filter(|name| name != "hog"));
        self.end_what_scans_kill(millis, now);
        self.renew(Extent::All, None, now);
    }

    fn scan_processes(&mut self, extent: Extent, now: &Now) {
        let mut context = scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        };
        self.machine.scan(extent, &mut context).unwrap();
    }

    /// A tick, and the scans that it calls for.
    fn tick(&mut self, millis: u64, levels: &Levels, now: &Now) {
        let Some(early) = &mut self.early else { return };
        if now.monotonic < early.next_tick() {
            return;
        }
        let due = early.tick(&mut self.machine, false, Some(levels), now.monotonic);
        let Some(extent) = due else { return };
        let wants_all = extent == Extent::All || early.wants_all(now.monotonic);
        self.outcome.early_scans += 1;
        for extent in [Extent::Few, Extent::All] {
            if extent == Extent::All && !wants_all {
                break;
            }
            self.scan_processes(extent, now);
            let has_killed = self.end_what_scans_kill(millis, now);
            self.renew(extent, (!has_killed).then_some(COST), now);
            if has_killed {
                break;
            }
        }
    }

    fn renew(&mut self, extent: Extent, cost: Option<Duration>, now: &Now) {
        let (over, times) = (&self.victims.ledger.over, (now.monotonic, now));
        if let Some(early) = &mut self.early {
            early.renew(&self.policy, over, &mut self.machine, (extent, cost), times);
        }
    }

    /// Ends what the last scan would have killed; whether there was any.
    fn end_what_scans_kill(&mut self, millis: u64, now: &Now) -> bool {
        if !self.extra.do_scans_kill {
            return false;
        }
        let mut due = Vec::new();
        for (process, judged) in self.machine.judged() {
            if let Decision::Terminate(breach) = judged.decision {
                due.push((*process, breach, None));
            }
        }
        for report in self.groups.reports.drain(..) {
            if let GroupReport::Signal(signalled) = report {
                let group = self.policy.group(&signalled.sum).unwrap();
                let by = Some(group.by().name());
                due.push((signalled.process, signalled.breach, by));
            }
        }
        let ledger = &mut self.victims.ledger;
        due.retain(|(process, ..)| !ledger.is_victim(process.key().unwrap()));
        for (process, breach, by) in &due {
            let _ = ledger.record_kill(process.key().unwrap(), *process, *breach, now);
            self.outcome.killed.push((millis, name_of(process), *by));
        }
        !due.is_empty()
    }
}

fn name_of(process: &Process) -> String {
    let name = process.facts.unwrap().name;
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}

/// `asleep` is how long the machine has been suspended so far.
fn now(start: Instant, millis: u64, asleep: u64) -> Now {
    Now {
        monotonic: start + Duration::from_millis(millis),
        since_boot: Duration::from_millis(BOOT * 1000 + millis + asleep),
        ticks: StartTime(BOOT * 100 + (millis + asleep) / 10),
        wall: SystemTime::UNIX_EPOCH + Duration::from_millis(millis + asleep),
    }
}
