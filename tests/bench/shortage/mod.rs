//! Who acts first when memory runs out, on small machines: control groups of 512 MiB and 1 GiB, each with the
//! /proc/meminfo of a machine of that size (lxcfs). Every contestant has a group of its own, in which it runs from the
//! first round to the last; the rounds of the contestants alternate. `scripts/bench-race` starts it.
//!
//! It signals only what it started: every group is a pid namespace as well.

mod arena;
mod contestant;
mod group;
mod load;
mod outcome;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use crate::{Result, kernel};
use contestant::Contestant;
use group::Group;
use load::Kind;
use outcome::{Outcome, Summary};

/// Arguments that make this program a part of it.
pub(crate) const SHORTAGE: &str = "--shortage";
pub(crate) const ARENA: &str = "--arena";
pub(crate) const LOAD: &str = "--load";

pub(crate) use arena::be_an_arena;
pub(crate) use load::be_a_load;

/// How much memory the machines have, in MiB.
const SIZES: [u64; 2] = [512, 1024];

/// One contestant on one machine.
struct Lane {
    contestant: Contestant,
    size: u64,
    arena: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    // After the arena, whose processes are in it.
    _group: Group,
}

impl Lane {
    /// Starts it. Fails where there are no control groups or namespaces, or where the contestant does not start.
    fn start(contestant: Contestant, size: u64, peers: &Path, lxcfs: &Path) -> Result<Self> {
        let group = Group::create(
            &format!(
                "{}-{size}-{}",
                contestant.name(),
                kernel::monotonic_time()?.as_nanos()
            ),
            size << 20,
        )?;
        let mut command = Command::new("unshare");
        command
            .args([
                "--pid",
                "--mount",
                "--fork",
                "--mount-proc",
                "--kill-child",
                "--",
            ])
            .arg(std::env::current_exe()?)
            .args([ARENA, contestant.name()])
            .arg(group.directory())
            .args([peers, lxcfs])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut arena = kernel::die_with_parent(&mut command).spawn()?;
        let requests = arena.stdin.take().ok_or("no pipe")?;
        let mut answers = BufReader::new(arena.stdout.take().ok_or("no pipe")?);
        let mut ready = String::new();
        answers.read_line(&mut ready)?;
        if ready.trim() != "ready" {
            return Err(format!("it did not start: {}", ready.trim()).into());
        }
        Ok(Self {
            contestant,
            size,
            arena,
            requests,
            answers,
            _group: group,
        })
    }

    fn round(&mut self, kind: Kind, reader: bool) -> Result<Outcome> {
        writeln!(self.requests, "{} {reader}", kind.name())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Outcome::parse(answer.trim())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // unshare ends the namespace with it. Both fail only where it has ended already.
        let _ = self.arena.kill();
        let _ = self.arena.wait();
    }
}

/// Runs `rounds` rounds of each kind, or of those kinds that are named, and prints a table.
/// Arguments: the directory of the peers, the mount point of lxcfs, the number of rounds, kinds.
pub(crate) fn measure(arguments: &[std::ffi::OsString]) -> Result<ExitCode> {
    kernel::exit_on_interrupt();
    let [_, peers, lxcfs, rounds, kinds @ ..] = arguments else {
        return Err("usage: --shortage PEERS LXCFS ROUNDS [KIND...]".into());
    };
    let (peers, lxcfs) = (PathBuf::from(peers), PathBuf::from(lxcfs));
    let rounds: usize = rounds.to_str().ok_or("no number")?.parse()?;
    let kinds: Vec<Kind> = if kinds.is_empty() {
        Kind::ALL.to_vec()
    } else {
        let named = kinds
            .iter()
            .map(|kind| Kind::named(&kind.to_string_lossy()));
        named
            .collect::<Option<_>>()
            .ok_or("an unknown kind of load")?
    };
    let mut holds = true;
    for size in SIZES {
        println!(
            "{size} MiB, {rounds} rounds of each kind, every second one beside a reader of a large file"
        );
        let mut lanes = Vec::new();
        for contestant in Contestant::ALL {
            match Lane::start(contestant, size, &peers, &lxcfs) {
                Ok(lane) => lanes.push(lane),
                Err(error) => println!("  not measured: {}: {error}", contestant.name()),
            }
        }
        for &kind in &kinds {
            let mut outcomes: Vec<Vec<Outcome>> = lanes.iter().map(|_| Vec::new()).collect();
            for round in 0..rounds {
                for (lane, outcomes) in lanes.iter_mut().zip(&mut outcomes) {
                    let outcome = lane.round(kind, round % 2 == 1)?;
                    eprintln!(
                        "{} {size} MiB, {}: {}",
                        kind.name(),
                        lane.contestant.name(),
                        outcome.line()
                    );
                    outcomes.push(outcome);
                }
            }
            println!("  {}", kind.name());
            let without = lanes
                .iter()
                .zip(&outcomes)
                .find(|(lane, _)| lane.contestant == Contestant::None);
            let kernel_kills = without
                .map(|(_, outcomes)| outcomes.iter().map(|outcome| outcome.kernel_kills).sum());
            for (lane, outcomes) in lanes.iter().zip(&outcomes) {
                let summary = Summary::of(outcomes);
                let judgement = match lane.contestant.is_ours() {
                    true if summary.holds(kind, kernel_kills) => "",
                    true => "  FAILS",
                    false => "",
                };
                holds &= judgement.is_empty();
                println!("    {:<24} {summary}{judgement}", lane.contestant.name());
            }
            debug_assert!(lanes.iter().all(|lane| lane.size == size));
        }
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
