//! Every command and every option, once: parser, usage errors, help texts, the SYNOPSIS of memory-monitor(8) and the
//! completions are made from this table. A new command is one row here, its options in `invocation.rs`, its directory
//! in `src/commands` and its section in the page.

use super::error::Error;
use super::given::Given;
use super::invocation::{
    CheckOptions, ExemptOptions, ExplainOptions, HistoryOptions, Invocation, NotifyOptions,
    RunOptions, ScanOptions, SelftestOptions, StatusOptions,
};

/// A command as the row of the table states it.
#[derive(Debug)]
pub struct Command {
    /// The word that is typed; empty for running in the foreground.
    pub name: &'static str,
    /// What may follow the word.
    pub operand: Option<Value>,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The text of its help below the usage.
    pub about: &'static str,
    /// The options it has beside [`COMMON`].
    pub options: &'static [&'static Opt],
    /// Sets of options and operands, as typed, of which only one can be given.
    pub exclusive: &'static [&'static [&'static str]],
    /// Sets of options and operands, as typed, of which one must be given.
    pub required: &'static [&'static [&'static str]],
    /// From what was given to what is meant.
    pub(super) read: fn(&Given) -> Result<Invocation, Error>,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// The letter that is short for it.
    pub short: Option<char>,
    /// As typed, `--json`.
    pub long: &'static str,
    /// None where it takes none.
    pub value: Option<Value>,
    /// What it does, for the help and the completions.
    pub does: &'static str,
}

/// The value of an option, or an operand.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// As a usage line names it, in capitals.
    pub name: &'static str,
    /// What the completions offer for it.
    pub offer: Offer,
}

/// What the completions offer for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Paths of files.
    Files,
    /// Names of users.
    Users,
    /// PIDs of running processes.
    Processes,
    /// Names of running processes, and the patterns that `check --names` prints.
    Names,
    /// The commands of this table.
    Commands,
    /// Examples.
    Words(&'static [&'static str]),
    /// Nothing: any text will do.
    Nothing,
}

const fn opt(long: &'static str, does: &'static str) -> Opt {
    Opt {
        short: None,
        long,
        value: None,
        does,
    }
}

const fn value(name: &'static str, offer: Offer) -> Value {
    Value { name, offer }
}

impl Value {
    /// The first of the examples that the completions offer; None where they offer none.
    pub(super) fn example(&self) -> Option<&'static str> {
        match self.offer {
            Offer::Words(words) => words.first().copied(),
            _ => None,
        }
    }
}

impl Opt {
    const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    const fn takes(mut self, name: &'static str, offer: Offer) -> Self {
        self.value = Some(value(name, offer));
        self
    }
}

static CONFIG: Opt = opt(
    "--config",
    "read FILE instead of /etc/memory-monitor/config.toml",
)
.short('c')
.takes("FILE", Offer::Files);
static DRY_RUN: Opt = opt("--dry-run", "decide and log, but send no signal").short('n');
static ONCE: Opt = opt(
    "--once",
    "scan once, exit when the processes it killed are gone",
);
static JSON: Opt = opt("--json", "print JSON");
static VERBOSE: Opt = opt("--verbose", "print debug messages too").short('v');
static QUIET: Opt = opt("--quiet", "print no messages but errors").short('q');
static ALL: Opt = opt("--all", "show every process");
static OVER: Opt = opt(
    "--over",
    "show only what would be killed, by rules and groups too",
);
static USER: Opt = opt(
    "--user",
    "only processes of this user, given by name or number",
)
.takes("USER", Offer::Users);
static NAME: Opt = opt(
    "--name",
    "only processes with this name, or that match this pattern",
)
.takes("PATTERN", Offer::Names);
static TOP: Opt =
    opt("--top", "show at most N processes").takes("N", Offer::Words(&["5", "10", "20"]));
static WATCH: Opt = opt(
    "--watch",
    "scan every second, with keys to sort, filter and explain",
);
static SUGGEST: Opt = opt(
    "--suggest",
    "observe for TIME (30s, 10m, 2h), then suggest thresholds",
)
.takes("TIME", Offer::Words(&["1m", "10m", "1h"]));
static SINCE: Opt = opt(
    "--since",
    "only kills since then: 2h, 3d or a date such as 2026-11-20",
)
.takes("WHEN", Offer::Words(&["1h", "1d", "1w"]));
static SANDBOX: Opt = opt(
    "--sandbox",
    "run the test with the settings of the service, by systemd-run",
);
static NAMES: Opt = opt(
    "--names",
    "print only names in the whitelist and rules, one per line",
);
static NOTIFY: Opt = opt("--notify", "test only the channels of the running notifier");
static FOR: Opt = opt("--for", "protect the process for TIME (90s, 30m, 2h, 3d)")
    .takes("TIME", Offer::Words(&["30m", "2h", "1d"]));
static REASON: Opt =
    opt("--reason", "why, for the log and for other administrators").takes("TEXT", Offer::Nothing);
static END: Opt = opt("--end", "end the exemption");
static LIST: Opt = opt("--list", "list the exemptions");
static HELP: Opt = opt("--help", "print this help").short('h');
static VERSION: Opt = opt("--version", "print the version").short('V');

/// The options of every command.
pub static COMMON: [&Opt; 2] = [&HELP, &VERSION];

/// Running in the foreground, which has no word.
pub static RUN: Command = Command {
    name: "",
    operand: None,
    summary: "run in the foreground, as the service does",
    about: "",
    options: &[&CONFIG, &DRY_RUN, &ONCE, &VERBOSE, &QUIET],
    exclusive: &[&["--quiet", "--verbose"]],
    required: &[],
    read: |given| Ok(Invocation::Run(RunOptions::read(given)?)),
};

/// The commands, in the order in which they are shown.
pub static COMMANDS: [Command; 9] = [
    Command {
        name: "scan",
        operand: None,
        summary: "show what is closest to a threshold, and what would be killed",
        about: "\
Scans once and shows the processes closest to their thresholds: the share of the
threshold that each has used, its verdict and the reason. Sends no signal. With
--quiet, warnings about the configuration are not printed.",
        options: &[
            &CONFIG, &JSON, &WATCH, &SUGGEST, &ALL, &TOP, &OVER, &USER, &NAME, &QUIET,
        ],
        exclusive: &[
            &["--json", "--watch"],
            &["--watch", "--suggest"],
            // What is observed is every process, and a sum of all that was seen.
            &["--suggest", "--all", "--top", "--over"],
            &["--suggest", "--user"],
            &["--suggest", "--name"],
            &["--json", "--over"],
            &["--watch", "--over"],
        ],
        required: &[],
        read: |given| Ok(Invocation::Scan(ScanOptions::read(given)?)),
    },
    Command {
        name: "explain",
        operand: Some(value("PID", Offer::Processes)),
        summary: "show why a process would, or would not, be killed",
        about: "\
Runs the tests of a scan on one process, in their order, and shows which of
them decides, and by which line of the configuration. Kills nothing: it sends
only signal 0, which tells whether this user may signal the process.",
        options: &[&CONFIG, &JSON],
        exclusive: &[],
        required: &[&["PID"]],
        read: |given| Ok(Invocation::Explain(ExplainOptions::read(given)?)),
    },
    Command {
        name: "check",
        operand: Some(value("FILE", Offer::Files)),
        summary: "check a configuration and show what it means on this machine",
        about: "\
Reads a configuration and shows each value with the line that sets it, then
what it matches on this machine now. If it is rejected, prints all errors and
exits with status 78, also for what only the running daemon would reject at a
reload. If FILE is -, it reads standard input. With --quiet, it prints errors
only.",
        options: &[&CONFIG, &JSON, &NAMES, &QUIET],
        exclusive: &[&["--config", "FILE"], &["--json", "--names", "--quiet"]],
        required: &[],
        read: |given| Ok(Invocation::Check(CheckOptions::read(given)?)),
    },
    Command {
        name: "selftest",
        operand: None,
        summary: "kill processes of its own and report each step",
        about: "\
Starts two processes that use some memory, and a second memory-monitor that
kills them: it scans, decides and logs like the service, but can't signal any
other process. As root, it also makes a control group short of memory, and the
process in it is killed. With --sandbox, it has the privileges of the service.
With --notify, nothing is killed: the running notifier sends a test message on
each of its channels.",
        options: &[&JSON, &SANDBOX, &NOTIFY],
        exclusive: &[&["--sandbox", "--notify"]],
        required: &[],
        read: |given| Ok(Invocation::Selftest(SelftestOptions::read(given))),
    },
    Command {
        name: "exempt",
        operand: Some(value("PID", Offer::Processes)),
        summary: "protect a process for a limited time",
        about: "\
Protects one process until the time is over, the process has ended, the machine
is rebooted or the exemption is ended with --end. The daemon applies it before
its next verdict; a kill in its grace period is cancelled. Only root can change
exemptions; every user can list them.",
        options: &[&FOR, &END, &REASON, &LIST, &JSON],
        exclusive: &[
            &["PID", "--list"],
            &["--for", "--end", "--list"],
            &["--reason", "--end", "--list"],
            &["--end", "--json"],
        ],
        required: &[&["PID", "--list"], &["--for", "--end", "--list"]],
        read: |given| Ok(Invocation::Exempt(ExemptOptions::read(given)?)),
    },
    Command {
        name: "history",
        operand: None,
        summary: "show what was killed, when and why",
        about: "\
Reads the history that the daemon keeps in /var/lib/memory-monitor. Only root
may read it, because it has the arguments of the killed processes. A program
that was killed again within ten minutes is marked as a restart loop.",
        options: &[&JSON, &SINCE, &USER, &NAME],
        exclusive: &[],
        required: &[],
        read: |given| Ok(Invocation::History(HistoryOptions::read(given)?)),
    },
    Command {
        name: "notify",
        operand: None,
        summary: "notify people and programs of the daemon's events",
        about: "\
Receives the daemon's events and notifies by mail, commands, terminals and
desktops, as [notify] in the configuration says. systemd starts it on demand;
started by hand, it runs until Ctrl-C.",
        options: &[&CONFIG, &VERBOSE, &QUIET],
        exclusive: &[&["--quiet", "--verbose"]],
        required: &[],
        read: |given| Ok(Invocation::Notify(NotifyOptions::read(given)?)),
    },
    Command {
        name: "status",
        operand: None,
        summary: "show whether the daemon runs, what it did and what it will do",
        about: "\
Reads the status file that the daemon writes to /run/memory-monitor after each
scan, and says so if that file is stale. Exits with status 1 if no daemon runs.",
        options: &[&CONFIG, &JSON],
        exclusive: &[],
        required: &[],
        read: |given| Ok(Invocation::Status(StatusOptions::read(given)?)),
    },
    Command {
        name: "help",
        operand: Some(value("COMMAND", Offer::Commands)),
        summary: "print this help, or that of a command",
        about: "Prints what memory-monitor COMMAND --help prints.",
        options: &[],
        exclusive: &[],
        required: &[],
        read: |given| Ok(Invocation::Help(given.get("COMMAND")?.unwrap_or_default())),
    },
];

impl Command {
    /// Whether it has the option that is typed so, as `--json`.
    pub fn has(&self, long: &str) -> bool {
        self.all_options().any(|option| option.long == long)
    }

    /// Its own options, then the common ones.
    pub fn all_options(&self) -> impl Iterator<Item = &'static Opt> {
        self.options.iter().chain(&COMMON).copied()
    }

    /// What is given with it, checked against this table.
    pub(super) fn check(&self, given: &Given) -> Result<(), Error> {
        for &(word, _) in &given.arguments {
            if word.starts_with("--") && !self.has(word) {
                return Err(Error::Misplaced(word, self.name, owners(word)));
            }
        }
        for set in self.exclusive {
            let mut both = set.iter().filter(|word| given.has(word));
            if let (Some(one), Some(other)) = (both.next(), both.next()) {
                return Err(Error::Exclusive(one, other));
            }
        }
        let missing = |set: &&&[&str]| !set.iter().any(|word| given.has(word));
        match self.required.iter().find(missing) {
            Some(set) => Err(Error::Missing(self.name, set.to_vec())),
            None => Ok(()),
        }
    }

    /// Whether its operand is required.
    pub fn needs_operand(&self) -> bool {
        let is_needed = |operand: Value| self.required.contains(&[operand.name].as_slice());
        self.operand.is_some_and(is_needed)
    }

    /// Its words as a usage line has them: those in one slot exclude each other. An operand that is needed stands first
    /// and alone.
    pub fn slots(&self) -> Vec<Vec<&'static str>> {
        let operand = self.operand.iter().map(|operand| operand.name);
        let words: Vec<_> = operand
            .chain(self.options.iter().map(|option| option.long))
            .collect();
        let mut slots: Vec<Vec<&str>> = Vec::new();
        for &word in &words {
            if slots.iter().flatten().any(|other| *other == word) {
                continue;
            }
            let exclusive = self.exclusive.iter().find(|set| set.contains(&word));
            let others = words.iter().copied().filter(|other| {
                *other != word
                    && exclusive.is_some_and(|set| set.contains(other))
                    && !slots.iter().flatten().any(|placed| placed == other)
            });
            slots.push(std::iter::once(word).chain(others).collect());
        }
        slots
    }
}

/// Every command, running included.
pub fn all_commands() -> impl Iterator<Item = &'static Command> {
    std::iter::once(&RUN).chain(&COMMANDS)
}

/// The commands that have an option, where they are few enough to be named.
fn owners(long: &str) -> Vec<&'static str> {
    let owners = COMMANDS.iter().filter(|command| command.has(long));
    let owners: Vec<_> = owners.map(|command| command.name).collect();
    if owners.len() > 2 { Vec::new() } else { owners }
}
