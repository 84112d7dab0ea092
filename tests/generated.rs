//! The files that are made from src/cli/table.rs: the completions and the SYNOPSIS of memory-monitor(8). Each must be
//! what the table prints; `cargo test --test generated -- write` writes them.

#![allow(clippy::expect_used, reason = "a test fails by them")]

use libtest_mimic::{Arguments, Failed, Trial};
use memory_monitor::cli::{completions, synopsis};
use std::fs;
use std::process::{Command, ExitCode};

/// A file, or the part of it between two marker lines, and what it must be.
struct Generated {
    path: &'static str,
    markers: Option<(&'static str, &'static str)>,
    print: fn() -> String,
}

const FILES: [Generated; 4] = [
    Generated {
        path: "etc/completions/memory-monitor.bash",
        markers: None,
        print: completions::bash,
    },
    Generated {
        path: "etc/completions/_memory-monitor",
        markers: None,
        print: completions::zsh,
    },
    Generated {
        path: "etc/completions/memory-monitor.fish",
        markers: None,
        print: completions::fish,
    },
    Generated {
        path: "man/memory-monitor.8",
        markers: Some((
            ".\\\" Generated from src/cli/table.rs by cargo test --test generated -- write.\n",
            ".\\\" End of what is generated.\n",
        )),
        print: synopsis::mdoc,
    },
];

impl Generated {
    /// The whole file as it is and as it must be.
    fn texts(&self) -> Result<(String, String), Failed> {
        let is = fs::read_to_string(self.path)?;
        let Some((begin, end)) = self.markers else {
            return Ok((is, (self.print)()));
        };
        let (head, rest) = is.split_once(begin).ok_or("the first marker is missing")?;
        let (_, tail) = rest.split_once(end).ok_or("the second marker is missing")?;
        let must = format!("{head}{begin}{}{end}{tail}", (self.print)());
        Ok((is, must))
    }

    fn check(&self) -> Result<(), Failed> {
        let (is, must) = self.texts()?;
        if is == must {
            return Ok(());
        }
        let directory = tempfile::tempdir()?;
        let generated = directory.path().join("generated");
        fs::write(&generated, must)?;
        let diff = Command::new("diff")
            .args(["-u", self.path])
            .arg(&generated)
            .output()?;
        let diff = String::from_utf8_lossy(&diff.stdout).into_owned();
        let fix = "write it: cargo test --test generated -- write";
        Err(format!("{} is not what the table prints, {fix}\n{diff}", self.path).into())
    }
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "write") {
        for file in &FILES {
            let (_, must) = file.texts().expect("the file and its markers");
            fs::write(file.path, must).expect("the file can be written");
        }
        return ExitCode::SUCCESS;
    }
    let trials = FILES
        .iter()
        .map(|file| Trial::test(file.path, || file.check()));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
