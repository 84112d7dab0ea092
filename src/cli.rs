//! The command line: what was typed -> [`Invocation`], what is meant. Touches its arguments only.

use crate::report::ConsoleMode;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run in the foreground.
    Run(RunOptions),
    /// One look, no signals.
    Scan(ScanOptions),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// How to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Signal nobody, whatever the configuration says.
    pub dry_run: bool,
    /// End after one check, and after the end of those it asked to end.
    pub once: bool,
    /// How much to say on the terminal.
    pub console: ConsoleMode,
}

/// How to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// How much to say.
    pub console: ConsoleMode,
}

/// What was typed makes no sense.
#[derive(Debug)]
pub enum Error {
    /// Unknown command, and the nearest known one.
    UnknownCommand(String, Option<&'static str>),
    /// Unknown option, and the nearest known one.
    UnknownOption(String, Option<&'static str>),
    /// An option that this command does not have.
    Misplaced(&'static str, &'static str),
    /// Two options that contradict each other.
    Contradiction(&'static str, &'static str),
    /// What lexopt has to say: a missing or unexpected value.
    Syntax(lexopt::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(typed, nearest) => {
                write!(f, "unknown command {}", quoted(typed))?;
                suggest(f, *nearest)
            }
            Self::UnknownOption(typed, nearest) => {
                write!(f, "unknown option {}", quoted(typed))?;
                suggest(f, *nearest)
            }
            Self::Misplaced(option, command) => {
                write!(
                    f,
                    "option \"{option}\" does not go with {command}, see --help"
                )
            }
            Self::Contradiction(one, other) => {
                write!(f, "\"{one}\" and \"{other}\" contradict each other")
            }
            Self::Syntax(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

/// What `--help` prints.
pub const HELP: &str = "\
memory-monitor ends processes that use more memory than they were allowed.

Usage:
  memory-monitor [OPTIONS]          run in the foreground, as the service does
  memory-monitor scan [OPTIONS]     one look at the largest processes and what would become of
                                    them; never signals anybody

Options:
  -c, --config FILE   read this configuration instead of /etc/memory-monitor/config.toml
  -n, --dry-run       decide and log, but signal nobody
      --once          one check, then exit when all it asked to end has ended
      --json          print JSON (scan)
  -v, --verbose       show debug messages on the terminal
  -q, --quiet         print errors only
  -h, --help          print this help
  -V, --version       print the version

Signals: TERM and INT stop it, HUP reads the configuration again, USR1 opens the log file again.
Exit status: 0 well, 1 failed while running, 64 wrong usage, 78 wrong configuration.
More: man memory-monitor, man 5 memory-monitor-config
";

const COMMANDS: [&str; 1] = ["scan"];
const OPTIONS: [&str; 8] = [
    "--config",
    "--dry-run",
    "--once",
    "--json",
    "--verbose",
    "--quiet",
    "--help",
    "--version",
];

/// Reads the arguments, the program's name left out.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut scan, mut config) = (false, None);
    let (mut dry_run, mut once, mut json, mut verbose, mut quiet) =
        (false, false, false, false, false);
    let mut is_first_word = true;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Invocation::Help),
            Short('V') | Long("version") => return Ok(Invocation::Version),
            Short('c') | Long("config") => config = Some(PathBuf::from(parser.value()?)),
            Short('n') | Long("dry-run") => dry_run = true,
            Long("once") => once = true,
            Long("json") => json = true,
            Short('v') | Long("verbose") => verbose = true,
            Short('q') | Long("quiet") => quiet = true,
            Value(word) if is_first_word && word == "scan" => {
                (scan, is_first_word) = (true, false);
            }
            Value(word) if is_first_word => {
                let word = word.to_string_lossy().into_owned();
                let nearest = nearest(&word, &COMMANDS);
                return Err(Error::UnknownCommand(word, nearest));
            }
            Long(option) => {
                let option = format!("--{option}");
                let nearest = nearest(&option, &OPTIONS);
                return Err(Error::UnknownOption(option, nearest));
            }
            Short(option) => return Err(Error::UnknownOption(format!("-{option}"), None)),
            argument @ Value(_) => return Err(argument.unexpected().into()),
        }
    }
    let console = match (quiet, verbose) {
        (true, true) => return Err(Error::Contradiction("--quiet", "--verbose")),
        (true, false) => ConsoleMode::Quiet,
        (false, true) => ConsoleMode::Verbose,
        (false, false) => ConsoleMode::Normal,
    };
    if scan {
        // A scan never signals, so a dry run is what it is anyway.
        if once {
            return Err(Error::Misplaced("--once", "scan"));
        }
        Ok(Invocation::Scan(ScanOptions {
            config,
            json,
            console,
        }))
    } else if json {
        Err(Error::Misplaced("--json", "running"))
    } else {
        Ok(Invocation::Run(RunOptions {
            config,
            dry_run,
            once,
            console,
        }))
    }
}

fn nearest(typed: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|&candidate| (strsim::damerau_levenshtein(typed, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

fn quoted(text: &str) -> impl fmt::Display {
    format!("\"{}\"", text.escape_debug())
}

fn suggest(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    match nearest {
        Some(nearest) => write!(f, ", did you mean \"{nearest}\"?"),
        None => write!(f, ", see --help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_understood() {
        assert_eq!(typed(""), Ok(Invocation::Run(RunOptions::default())));
        let options = RunOptions {
            config: Some("a.toml".into()),
            dry_run: true,
            once: true,
            console: ConsoleMode::Verbose,
        };
        assert_eq!(
            typed("-nvc a.toml --once"),
            Ok(Invocation::Run(options.clone()))
        );
        assert_eq!(
            typed("--config=a.toml --dry-run --verbose --once"),
            Ok(Invocation::Run(options))
        );
        let options = ScanOptions {
            config: Some("b".into()),
            json: true,
            console: ConsoleMode::Quiet,
        };
        assert_eq!(typed("-q scan --json -c b"), Ok(Invocation::Scan(options)));
        assert_eq!(
            typed("scan --nonsense --help"),
            Err("unknown option \"--nonsense\", see --help".into())
        );
        assert_eq!(typed("-h"), Ok(Invocation::Help));
        assert_eq!(typed("scan --version"), Ok(Invocation::Version));
    }

    #[test]
    fn mistakes_are_named_with_their_mend() {
        for (line, message) in [
            ("scn", "unknown command \"scn\", did you mean \"scan\"?"),
            ("frobnicate", "unknown command \"frobnicate\", see --help"),
            (
                "--dryrun",
                "unknown option \"--dryrun\", did you mean \"--dry-run\"?",
            ),
            ("-x", "unknown option \"-x\", see --help"),
            (
                "--json",
                "option \"--json\" does not go with running, see --help",
            ),
            (
                "scan --once",
                "option \"--once\" does not go with scan, see --help",
            ),
            ("-qv", "\"--quiet\" and \"--verbose\" contradict each other"),
            ("-c", "missing argument for option '-c'"),
            ("scan x", "unexpected argument \"x\""),
        ] {
            assert_eq!(typed(line), Err(message.into()), "{line}");
        }
    }

    #[test]
    fn help_knows_every_option_and_command() {
        for word in OPTIONS.iter().chain(&COMMANDS) {
            assert!(HELP.contains(word), "{word}");
        }
    }
}
