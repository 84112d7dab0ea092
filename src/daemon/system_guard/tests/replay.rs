//! A replay of a recording, by the daemon's own parts.

use super::super::*;
use super::recording::{Recorded, Recording, Sample};
use super::world::{World, Zram, number_of};
use crate::config::Origin;
use crate::policy::{Exemptions, Extent};
use crate::proc::ProcRoot;
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
            ended: Vec::new(),
            outcome: Outcome::default(),
        };
        replay.guard = SystemGuard::new(replay.guard.files, &now(start, 0, 0));
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
            self.turn(millis, &now);
            if now.monotonic >= next_scan {
                self.scan(&now);
                next_scan += interval;
            }
            let next = self.guard.shortage.next_tick().min(next_scan);
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
    fn turn(&mut self, millis: u64, now: &Now) {
        self.outcome.readings += 1;
        let read = self.guard.read(now);
        let config = &self.policy.config.system;
        let step = self.guard.step(config, &self.victims, (&read, COST), now);
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
            let name = process.facts.unwrap().name;
            names.push(String::from_utf8_lossy(name.as_bytes()).into_owned());
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

    fn scan(&mut self, now: &Now) {
        let mut context = crate::daemon::scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        };
        self.machine.scan(Extent::All, &mut context).unwrap();
        self.guard.note_scan(&self.policy, &mut self.machine, now);
        let due = self.machine.judged();
        let due = due.filter(|(_, judged)| judged.counts().1);
        let names = due.map(|(process, _)| process.facts.unwrap().name);
        let names = names.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        self.outcome.over.extend(names.filter(|name| name != "hog"));
    }
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
