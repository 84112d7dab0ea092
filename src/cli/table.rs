//! Every command and every option, once: the parser, the help texts, the pages and the completions
//! are held to this table.

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Its word; empty for running in the foreground.
    pub name: &'static str,
    /// What follows the word, as in a synopsis; empty for nothing.
    pub operand: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What else is to be said in its help.
    pub about: &'static str,
    /// The options it has, beside those that every command has.
    pub options: &'static [&'static Opt],
}

/// An option.
#[derive(Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its letter.
    pub short: Option<char>,
    /// Its word.
    pub long: &'static str,
    /// What its value is called; empty where it takes none.
    pub value: &'static str,
    /// What it does.
    pub does: &'static str,
}

const fn opt(
    short: Option<char>,
    long: &'static str,
    value: &'static str,
    does: &'static str,
) -> Opt {
    Opt {
        short,
        long,
        value,
        does,
    }
}

static CONFIG: Opt = opt(
    Some('c'),
    "config",
    "FILE",
    "read this configuration instead of /etc/memory-monitor/config.toml",
);
static DRY_RUN: Opt = opt(
    Some('n'),
    "dry-run",
    "",
    "decide and log, but signal nobody",
);
static ONCE: Opt = opt(
    None,
    "once",
    "",
    "one check, then exit when all it asked to end has ended",
);
static JSON: Opt = opt(None, "json", "", "print JSON");
static VERBOSE: Opt = opt(
    Some('v'),
    "verbose",
    "",
    "show debug messages on the terminal",
);
static QUIET: Opt = opt(Some('q'), "quiet", "", "print errors only");
static ALL: Opt = opt(None, "all", "", "show every process, not only the nearest");
static USER: Opt = opt(
    None,
    "user",
    "USER",
    "only what belongs to this user, by name or number",
);
static NAME: Opt = opt(
    None,
    "name",
    "PATTERN",
    "only what has this name, or matches this pattern",
);
static TOP: Opt = opt(None, "top", "N", "show no more than N processes");
static WATCH: Opt = opt(None, "watch", "", "look every second until q or Ctrl-C");
static SUGGEST: Opt = opt(
    None,
    "suggest",
    "TIME",
    "observe for TIME (30s, 10m, 2h), then suggest thresholds",
);
static SINCE: Opt = opt(
    None,
    "since",
    "WHEN",
    "only what ended since then: 2h, 3d or a date as 2026-11-20",
);
static SANDBOX: Opt = opt(
    None,
    "sandbox",
    "",
    "run it by systemd-run with the settings of the installed unit",
);
static NAMES: Opt = opt(
    None,
    "names",
    "",
    "print only the names of the whitelist and of the rules, one a line",
);
static NOTIFY: Opt = opt(
    None,
    "notify",
    "",
    "have the running notifier send one of each, and nothing else",
);
static FOR: Opt = opt(None, "for", "TIME", "spare it for TIME (90s, 30m, 2h, 3d)");
static REASON: Opt = opt(None, "reason", "TEXT", "why, for the log and for others");
static END: Opt = opt(None, "end", "", "spare it no longer");
static LIST: Opt = opt(None, "list", "", "show who is exempt, until when and why");
static HELP: Opt = opt(Some('h'), "help", "", "print this help");
static VERSION: Opt = opt(Some('V'), "version", "", "print the version");

/// What every command has.
pub static COMMON: [&Opt; 2] = [&HELP, &VERSION];

/// Running in the foreground, which has no word.
pub static RUN: Command = Command {
    name: "",
    operand: "",
    summary: "run in the foreground, as the service does",
    about: "",
    options: &[&CONFIG, &DRY_RUN, &ONCE, &VERBOSE, &QUIET],
};

/// The commands, in the order in which they are shown.
pub static COMMANDS: [Command; 8] = [
    Command {
        name: "scan",
        operand: "",
        summary: "one look at the processes nearest to their threshold",
        about: "\
Shows the processes nearest to their thresholds, each with the share of the
threshold that it has used, its verdict and the reason for it. Signals nobody.",
        options: &[
            &CONFIG, &JSON, &ALL, &USER, &NAME, &TOP, &WATCH, &SUGGEST, &QUIET,
        ],
    },
    Command {
        name: "explain",
        operand: "PID",
        summary: "why that process is, or is not, ended, test by test",
        about: "\
Makes the tests of a check on one process, in their order, and says which one
decides and by which line of the configuration. Whether it could be signalled is
really asked, with signal 0. Ends nothing.",
        options: &[&CONFIG, &JSON],
    },
    Command {
        name: "check",
        operand: "[FILE]",
        summary: "check a configuration and what it means here and now",
        about: "\
Reads a configuration and shows each value with where it comes from, then what it
means on this machine now. A refused one is an error with all its causes, and exit
status 78.",
        options: &[&CONFIG, &JSON, &NAMES],
    },
    Command {
        name: "selftest",
        operand: "",
        summary: "end two processes of its own and report each step",
        about: "\
Starts two processes of its own that take some memory and lets a second memory-monitor
end them: it sees, decides and reports like the service, but can end nothing else.
With --sandbox it finds out whether the service could end them. With --notify it
ends nothing: the running notifier sends one of each, and says how that went.",
        options: &[&JSON, &SANDBOX, &NOTIFY],
    },
    Command {
        name: "exempt",
        operand: "[PID]",
        summary: "spare a process for a while",
        about: "\
Root exempts one process for a while: until the time is over, the process has ended,
the machine is started again, or with --end. The daemon knows it at its next look, and
lets a process go that it has asked to end and that is still there.",
        options: &[&FOR, &REASON, &END, &LIST, &JSON],
    },
    Command {
        name: "history",
        operand: "",
        summary: "what was ended, when, why and how",
        about: "\
Reads the record that the daemon keeps in /var/lib/memory-monitor. A name that was
ended again within ten minutes is marked as a loop: something starts it again.",
        options: &[&JSON, &SINCE, &USER, &NAME],
    },
    Command {
        name: "notify",
        operand: "",
        summary: "tell people and programs of what the daemon does",
        about: "\
Takes the daemon's events and does with them what [notify] of the configuration says:
mail, programs, the terminals of owners, desktops. The service manager starts it when
there is something to tell; by hand it runs until Ctrl-C.",
        options: &[&CONFIG, &VERBOSE, &QUIET],
    },
    Command {
        name: "status",
        operand: "",
        summary: "whether the daemon runs, and what it did and will do",
        about: "\
Reads what the daemon leaves in /run/memory-monitor after each check, and says so when
that is stale.",
        options: &[&JSON],
    },
];

impl Command {
    /// Whether it has this option.
    pub fn has(&self, option: &Opt) -> bool {
        self.all_options().any(|own| own == option)
    }

    /// Its own options, then those that every command has.
    pub fn all_options(&self) -> impl Iterator<Item = &'static Opt> {
        self.options.iter().chain(&COMMON).copied()
    }

    /// As in a sentence.
    pub fn title(&self) -> &'static str {
        if self.name.is_empty() {
            "running"
        } else {
            self.name
        }
    }

    /// `memory-monitor explain PID [OPTIONS]`.
    pub fn usage(&self) -> String {
        let words = ["memory-monitor", self.name, self.operand, "[OPTIONS]"];
        let words = words.iter().copied().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Every command, running included.
pub fn all_commands() -> impl Iterator<Item = &'static Command> {
    std::iter::once(&RUN).chain(&COMMANDS)
}

/// The option with this word or letter.
pub fn find(matches: impl Fn(&Opt) -> bool) -> Option<&'static Opt> {
    all_commands()
        .flat_map(Command::all_options)
        .find(|option| matches(option))
}
