//! Machines as directories of files: each tests/fixtures/NN-name holds a `proc` and a `config.toml`, and
//! `expected` is what `scan` shows of them. `GOLDEN=write cargo test --test golden` writes the latter
//! anew, for a person to read before it is committed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by them")]

use libtest_mimic::{Arguments, Failed, Trial};
use memory_monitor::commands::scan::{Layout, ScanReport, View};
use memory_monitor::config::Config;
use memory_monitor::policy::{Exemptions, Policy};
use memory_monitor::proc::{ProcRoot, Sampler, Snapshot, SystemFiles};
use memory_monitor::quantities::Pid;
use memory_monitor::sys;
use memory_monitor::users::UserNames;
use std::fs;
use std::path::Path;

/// The page size of all these machines.
const PAGE_SIZE: u64 = 4096;
/// memory-monitor's own PID on all of them.
const OWN: u32 = 900;

fn main() -> std::process::ExitCode {
    let fixtures = Path::new("tests/fixtures");
    let mut names: Vec<String> = fs::read_dir(fixtures)
        .expect("tests run in the package's directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let trial = |name: &String| {
        let directory = fixtures.join(name);
        Trial::test(name.clone(), move || agrees(&directory))
    };
    libtest_mimic::run(&Arguments::from_args(), names.iter().map(trial).collect()).exit_code()
}

fn agrees(directory: &Path) -> Result<(), Failed> {
    let seen = scan(directory)?;
    let path = directory.join("expected");
    if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
        fs::write(&path, &seen)?;
    }
    let expected = fs::read_to_string(&path)?;
    if seen == expected {
        Ok(())
    } else {
        Err(format!("expected:\n{expected}\nseen:\n{seen}").into())
    }
}

fn scan(directory: &Path) -> Result<String, Failed> {
    let config = Config::load(Some(&directory.join("config.toml")))?.config;
    let mut sampler =
        Sampler::new(ProcRoot::open(&directory.join("proc"), PAGE_SIZE)?).for_command();
    let pins = config.whitelist.pids.iter();
    let pinned = pins
        .filter_map(|&pid| sampler.identify(pid).ok().flatten())
        .collect();
    let own = Pid::new(OWN).ok_or("a number")?;
    let policy = Policy {
        config,
        pinned,
        own,
        exemptions: Exemptions::default(),
    };
    let mut snapshot = Snapshot::default();
    ScanReport::prepare(&policy, &mut snapshot);
    sampler.scan_all(&policy, &mut snapshot)?;
    let system = SystemFiles::open(sampler.root())?.read();
    let users = &mut UserNames::default();
    let report = ScanReport::new(
        &policy,
        &sampler,
        &mut snapshot,
        &system,
        &View::default(),
        &sys::now(),
        users,
    );
    Ok(report.table(Layout::default()))
}
