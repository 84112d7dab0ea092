//! Runs each test as pid 1 of a pid namespace of its own, by starting this executable again.

use crate::harness::group::Group;
use crate::harness::os;
use libtest_mimic::{Completion, Failed, Trial};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The first argument of this executable when it is to run one test inside the namespaces.
pub(crate) const WORD: &str = "--inside";

/// One test.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// Of the function, from the crate on; [`Case::name`] is without it.
    pub(crate) path: &'static str,
    /// What the machine must have for it.
    pub(crate) needs: &'static [Needs],
    /// Passes by returning.
    pub(crate) run: fn(),
}

impl Case {
    /// `MODULE::FUNCTION`, as the test runner shows it and takes it.
    fn name(&self) -> &'static str {
        self.path
            .split_once("::")
            .map_or(self.path, |(_, name)| name)
    }
}

/// What a test needs beside the namespaces.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// Processes of several users, which a user namespace doesn't give.
    Users,
    /// This file of another program.
    File(&'static str),
    /// What tests/programs/install unpacks in this directory of the cache.
    Cached(&'static str),
    /// FUSE, by a device that root makes.
    Device,
    /// A control group of the test's own, with limits.
    Group,
}

/// Why a test can't run on this machine.
#[derive(Clone)]
enum Obstacle {
    /// Something that it should have.
    Missing(String),
    /// Something that it need not have: the case runs where it is there.
    Elsewhere(String),
}

/// The cases of a module, each by the name of its function: `cases![NAME, NAME: [NEEDS, ...], ...]`. A
/// function that is missing here is dead code, which the compiler reports.
macro_rules! cases {
    ($($run:ident $(: [$($needs:expr),+])?),+ $(,)?) => {
        &[$($crate::harness::confine::Case {
            path: concat!(module_path!(), "::", stringify!($run)),
            needs: &[$($($needs),+)?],
            run: $run,
        }),+]
    };
}
pub(crate) use cases;

/// One trial a case. A case that can't run here is shown as ignored, with the reason on stderr; for
/// root, and where CI is set, it fails instead. One that runs elsewhere in any case is ignored beside its reason.
pub(crate) fn trials(cases: &[Case]) -> Vec<Trial> {
    let must_run = is_root() || std::env::var_os("CI").is_some();
    let mut reasons = Vec::new();
    let trials = cases.iter().map(|case| {
        let name = case.name();
        match obstacle(case.needs) {
            None => Trial::test(name, move || run_inside(name)),
            Some(Obstacle::Missing(reason)) if must_run => {
                Trial::test(name, move || Err(Failed::from(reason)))
            }
            Some(Obstacle::Missing(reason)) => {
                reasons.push(reason);
                Trial::test(name, || Ok(())).with_ignored_flag(true)
            }
            Some(Obstacle::Elsewhere(reason)) => {
                Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
            }
        }
    });
    let trials = trials.collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        eprintln!("some system tests are ignored: {reason}");
    }
    trials
}

/// The body of the namespace's first process.
pub(crate) fn run_here(cases: &[Case], name: Option<&OsStr>) {
    assert_eq!(std::process::id(), 1, "only for pid 1 of a namespace");
    os::compete_as_session();
    let case = cases.iter().find(|case| name == Some(case.name().as_ref()));
    (case.expect("a test's name").run)();
}

/// The name of the case that this process runs; see [`Case::name`].
pub(crate) fn current() -> String {
    std::env::args().nth(2).expect("the process of a case")
}

/// A directory of the cache, which scripts/lib.sh has at the same place.
pub(crate) fn cached(name: &str) -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|base| !base.is_empty());
    let base = base.map_or_else(|| "/var/tmp".into(), PathBuf::from);
    base.join("memory-monitor-test").join(name)
}

fn obstacle(needs: &[Needs]) -> Option<Obstacle> {
    static NAMESPACES: OnceLock<Option<String>> = OnceLock::new();
    let namespaces = NAMESPACES.get_or_init(|| {
        let output = unshare().arg("true").stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("unshare: {error}")),
        }
        .map(|cause| format!("no pid and mount namespaces here: {cause}"))
    });
    let missing = |needs: &Needs| match needs {
        Needs::Users if !is_root() => Some("they need root for several users".to_owned()),
        Needs::File(path) if !Path::new(path).exists() => Some(format!(
            "'{path}' is missing: see scripts/test for the package"
        )),
        // It is written when all is unpacked.
        Needs::Cached(name) if !cached(name).join(".recipe").exists() => Some(format!(
            "'{}' is missing: run tests/programs/install",
            cached(name).display()
        )),
        _ => None,
    };
    let elsewhere = |needs: &Needs| match needs {
        Needs::Device => no_device(),
        Needs::Group => no_group(),
        _ => None,
    };
    namespaces
        .clone()
        .or_else(|| needs.iter().find_map(missing))
        .map(Obstacle::Missing)
        .or_else(|| needs.iter().find_map(elsewhere))
}

fn no_group() -> Option<Obstacle> {
    static GROUP: OnceLock<Option<Obstacle>> = OnceLock::new();
    let group = GROUP.get_or_init(|| {
        let error = Group::new().err()?;
        Some(Obstacle::Elsewhere(format!(
            "no control group with limits can be made here: {error}"
        )))
    });
    group.clone()
}

fn no_device() -> Option<Obstacle> {
    static DEVICE: OnceLock<Option<Obstacle>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory below /tmp");
        let path = directory.path().join("device");
        let opened = os::make_fuse(&path).and_then(|()| fs::File::open(&path));
        let error = opened.err()?;
        Some(Obstacle::Elsewhere(format!(
            "no device of FUSE here: {error}; it runs in tests/packages/machine-hostile"
        )))
    });
    device.clone()
}

fn run_inside(name: &str) -> Result<(), Failed> {
    let this = std::env::current_exe()?;
    // Whatever the test leaves behind goes with this directory, which other users must get into.
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let mut command = unshare();
    command
        .arg(this)
        .args([WORD, name])
        .env("TMPDIR", directory.path())
        .env("STATE_DIRECTORY", directory.path())
        .env("RUNTIME_DIRECTORY", directory.path());
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        // What it has measured.
        print!("{}", String::from_utf8_lossy(&output.stdout));
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&text).trim_end().into())
}

/// The program that makes the namespaces; its end, or its first process's, is the end of all in them.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]);
    command.arg("--");
    command
}

fn is_root() -> bool {
    os::effective_uid() == 0
}
