//! Who competes, and how it is started.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::peers::EARLYOOM;
use crate::program::{Daemon, Program};

/// A daemon with a configuration, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Contestant {
    /// memory-monitor with the configuration that the packages ship.
    Shipped,
    /// memory-monitor with the example for desktops.
    Desktop,
    Earlyoom,
    Nohang,
    /// The kernel alone.
    None,
}

impl Contestant {
    pub(super) const ALL: [Self; 5] = [
        Self::Shipped,
        Self::Desktop,
        Self::Earlyoom,
        Self::Nohang,
        Self::None,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Shipped => "memory-monitor",
            Self::Desktop => "memory-monitor-desktop",
            Self::Earlyoom => "earlyoom",
            Self::Nohang => "nohang",
            Self::None => "no-daemon",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Shipped | Self::Desktop)
    }

    /// Starts it, protected from the kernel's killer as the units of all of them are, and waits until it has had time
    /// to start. `scratch` is a directory of its own. Fails where it is not installed or has ended at once.
    pub(super) fn start(self, peers: &Path, scratch: &Path) -> Result<Option<Program>> {
        let ours = |configuration: &str| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(configuration);
            // The priority that its unit gives it; those of the others give none.
            let mut command = Command::new("nice");
            command
                .args(["-n", "-20", Daemon::FILE, "--config"])
                .arg(file)
                .env("STATE_DIRECTORY", scratch)
                .env("RUNTIME_DIRECTORY", scratch);
            command
        };
        let mut command = match self {
            Self::Shipped => ours("etc/memory-monitor/config.toml"),
            Self::Desktop => ours("etc/examples/desktop.toml"),
            // As its Debian package starts it.
            Self::Earlyoom => {
                let mut command = Command::new(peers.join(EARLYOOM));
                command.args(["-r", "3600"]);
                command
            }
            Self::Nohang => {
                let directory = peers.join("nohang");
                let mut command = Command::new("python3");
                command
                    .arg(directory.join("usr/sbin/nohang"))
                    .args(["--monitor", "--config"])
                    .arg(directory.join("etc/nohang/nohang.conf"));
                command
            }
            Self::None => return Ok(None),
        };
        let output = scratch.join("output");
        let file = File::create(&output)?;
        let mut program = Program::start(command.stdout(file.try_clone()?).stderr(file))?;
        // Until it has looked at the machine at least once: python3 takes a second to start.
        std::thread::sleep(Duration::from_secs(4));
        if program.has_ended()? {
            let said = fs::read_to_string(&output)?;
            return Err(said.trim().replace('\n', "; ").into());
        }
        Ok(Some(program))
    }
}
