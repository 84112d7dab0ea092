//! The command line: what was typed -> [`Invocation`], what is meant. Touches its arguments only.

mod error;
pub mod help;
mod invocation;
pub mod table;
#[cfg(test)]
mod tests;
mod time;
mod verbosity;

pub use error::Error;
pub use invocation::{
    CheckOptions, ExemptOptions, ExemptWish, ExplainOptions, Filter, HistoryOptions, NotifyOptions,
    RunOptions, ScanOptions, SelftestOptions, StatusOptions,
};
pub use time::Since;
pub use verbosity::Verbosity;

use crate::config::NamePattern;
use crate::nearest::nearest;
use crate::quantities::Pid;
use std::ffi::OsString;
use std::path::PathBuf;
use table::{COMMANDS, Command, Opt, RUN};

use lexopt::Arg::{Long, Short, Value};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run in the foreground.
    Run(RunOptions),
    /// One look, no signals.
    Scan(ScanOptions),
    /// Why a process is, or is not, ended.
    Explain(ExplainOptions),
    /// Check a configuration.
    Check(CheckOptions),
    /// End processes of its own.
    Selftest(SelftestOptions),
    /// Spare a process for a while.
    Exempt(ExemptOptions),
    /// What was ended.
    History(HistoryOptions),
    /// Tell people of events.
    Notify(NotifyOptions),
    /// Whether the daemon runs.
    Status(StatusOptions),
    /// Print this help.
    Help(String),
    /// Print the version.
    Version,
}

/// The options as typed, before it is known what is meant.
#[derive(Default)]
struct Typed {
    given: Vec<(&'static Opt, OsString)>,
}

impl Typed {
    fn has(&self, long: &str) -> bool {
        self.given.iter().any(|(option, _)| option.long == long)
    }

    fn value(&self, long: &str) -> Option<&OsString> {
        let mut given = self.given.iter().rev();
        given
            .find(|(option, _)| option.long == long)
            .map(|(_, value)| value)
    }

    /// The value as `read` makes it, or what it must be.
    fn read<T>(
        &self,
        long: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.value(long) else {
            return Ok(None);
        };
        let value = value.to_string_lossy();
        match read(&value) {
            Ok(read) => Ok(Some(read)),
            Err(allowed) => Err(Error::Value(
                format!("--{long}"),
                value.into_owned(),
                allowed,
            )),
        }
    }

    fn config(&self) -> Option<PathBuf> {
        self.value("config").map(PathBuf::from)
    }

    fn filter(&self) -> Result<Filter, Error> {
        let name = |text: &str| NamePattern::new(text).map_err(|error| error.to_string());
        let name = self.read("name", |text| {
            name(text).map_err(|error| format!("a name or a pattern ({error})"))
        })?;
        let user = self.read("user", |text| Ok(text.to_owned()))?;
        Ok(Filter { user, name })
    }

    fn console(&self) -> Result<Verbosity, Error> {
        match (self.has("quiet"), self.has("verbose")) {
            (true, true) => Err(Error::Contradiction("--quiet", "--verbose")),
            (true, false) => Ok(Verbosity::Quiet),
            (false, true) => Ok(Verbosity::Verbose),
            (false, false) => Ok(Verbosity::Normal),
        }
    }
}

/// Reads the arguments, the program's name left out.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut typed = Typed::default();
    let mut command: Option<&'static Command> = None;
    let mut operand: Option<OsString> = None;
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Long(long) => {
                let option = table::find(|option| option.long == long);
                option.ok_or_else(|| unknown_option(long))?
            }
            Short(short) => table::find(|option| option.short == Some(short))
                .ok_or_else(|| Error::UnknownOption(format!("-{short}"), None))?,
            Value(word) => {
                match command {
                    None => command = Some(find_command(&word)?),
                    Some(Command { operand: "", .. }) => {
                        return Err(Value(word).unexpected().into());
                    }
                    Some(_) if operand.is_some() => return Err(Value(word).unexpected().into()),
                    Some(_) => operand = Some(word),
                }
                continue;
            }
        };
        let value = if option.value.is_empty() {
            OsString::new()
        } else {
            parser.value()?
        };
        typed.given.push((option, value));
    }
    if typed.has("help") {
        return Ok(Invocation::Help(
            command.map_or_else(help::general, help::of),
        ));
    }
    if typed.has("version") {
        return Ok(Invocation::Version);
    }
    meant(command.unwrap_or(&RUN), operand, &typed)
}

/// What is meant by a command with these options.
fn meant(
    command: &'static Command,
    operand: Option<OsString>,
    typed: &Typed,
) -> Result<Invocation, Error> {
    let misplaced = typed.given.iter().find(|(option, _)| !command.has(option));
    if let Some((option, _)) = misplaced {
        let option = format!("--{}", option.long);
        return Err(Error::Misplaced(option, command.title()));
    }
    let (config, json, console) = (typed.config(), typed.has("json"), typed.console()?);
    Ok(match command.name {
        "scan" => Invocation::Scan(scan(typed, console)?),
        "explain" => {
            let pid = operand.ok_or(Error::Missing("explain", "the number of a process"))?;
            Invocation::Explain(ExplainOptions {
                pid: read_pid(&pid)?,
                config,
                json,
            })
        }
        "check" => {
            if operand.is_some() && config.is_some() {
                return Err(Error::Contradiction("--config", "FILE"));
            }
            let names = typed.has("names");
            if names && json {
                return Err(Error::Contradiction("--names", "--json"));
            }
            Invocation::Check(CheckOptions {
                config: operand.map(PathBuf::from).or(config),
                json,
                names,
            })
        }
        "selftest" => {
            let (sandbox, notify) = (typed.has("sandbox"), typed.has("notify"));
            if sandbox && notify {
                return Err(Error::Contradiction("--sandbox", "--notify"));
            }
            Invocation::Selftest(SelftestOptions {
                json,
                sandbox,
                notify,
            })
        }
        "notify" => Invocation::Notify(NotifyOptions { config, console }),
        "history" => Invocation::History(HistoryOptions {
            since: typed.read("since", |text| {
                time::since(text)
                    .ok_or_else(|| "a time as 30m, 2h or 3d, or a date as 2026-11-20".to_owned())
            })?,
            filter: typed.filter()?,
            json,
        }),
        "exempt" => Invocation::Exempt(exempt(operand.as_ref(), typed)?),
        "status" => Invocation::Status(StatusOptions { json }),
        _ => Invocation::Run(RunOptions {
            config,
            dry_run: typed.has("dry-run"),
            once: typed.has("once"),
            console,
        }),
    })
}

fn exempt(operand: Option<&OsString>, typed: &Typed) -> Result<ExemptOptions, Error> {
    let time = typed.read("for", |text| {
        time::span(text).ok_or_else(|| "a time as 30m, 2h or 3d".to_owned())
    })?;
    let reason = typed.read("reason", |text| Ok(text.to_owned()))?;
    let pid = operand.map(read_pid).transpose()?;
    let typed_too = |long| if typed.has(long) { Some(long) } else { None };
    let contradiction = |one| {
        let others = ["for", "reason", "end", "list"];
        let other = others
            .into_iter()
            .filter(|&other| other != one)
            .find_map(typed_too)?;
        Some(Error::Contradiction(option(one), option(other)))
    };
    let wish = if typed.has("list") {
        match (contradiction("list"), pid) {
            (Some(error), _) => return Err(error),
            (None, Some(_)) => return Err(Error::Contradiction("--list", "PID")),
            (None, None) => ExemptWish::List,
        }
    } else {
        let pid = pid.ok_or(Error::Missing(
            "exempt",
            "the number of a process, or --list",
        ))?;
        if typed.has("end") {
            match contradiction("end") {
                Some(error) => return Err(error),
                None => ExemptWish::End(pid),
            }
        } else {
            let time = time.ok_or(Error::Missing(
                "exempt",
                "--for with a time as 2h, or --end",
            ))?;
            ExemptWish::Exempt(pid, time, reason.unwrap_or_default())
        }
    };
    let json = typed.has("json");
    Ok(ExemptOptions { wish, json })
}

/// An option of `exempt` as it is typed.
fn option(long: &str) -> &'static str {
    match long {
        "for" => "--for",
        "reason" => "--reason",
        "end" => "--end",
        _ => "--list",
    }
}

fn scan(typed: &Typed, console: Verbosity) -> Result<ScanOptions, Error> {
    let options = ScanOptions {
        config: typed.config(),
        json: typed.has("json"),
        console,
        filter: typed.filter()?,
        all: typed.has("all"),
        top: typed.read("top", |text| {
            text.parse().map_err(|_| "a whole number over 0".to_owned())
        })?,
        watch: typed.has("watch"),
        suggest: typed.read("suggest", |text| {
            time::span(text).ok_or_else(|| "a time as 30s, 10m or 2h".to_owned())
        })?,
    };
    let contradictions = [
        ("--watch", options.watch, "--json", options.json),
        (
            "--watch",
            options.watch,
            "--suggest",
            options.suggest.is_some(),
        ),
        ("--all", options.all, "--top", options.top.is_some()),
    ];
    match contradictions
        .iter()
        .find(|(_, one, _, other)| *one && *other)
    {
        Some((one, _, other, _)) => Err(Error::Contradiction(one, other)),
        None => Ok(options),
    }
}

fn find_command(word: &OsString) -> Result<&'static Command, Error> {
    let known = COMMANDS.iter().find(|command| word == command.name);
    known.ok_or_else(|| {
        let word = word.to_string_lossy().into_owned();
        let nearest = nearest(&word, help::words());
        Error::UnknownCommand(word, nearest)
    })
}

fn read_pid(typed: &OsString) -> Result<Pid, Error> {
    let typed = typed.to_string_lossy();
    typed.parse().ok().and_then(Pid::new).ok_or_else(|| {
        Error::Value(
            "PID".to_owned(),
            typed.into_owned(),
            "a number from 1 to 2147483647".to_owned(),
        )
    })
}

fn unknown_option(long: &str) -> Error {
    let words = table::all_commands()
        .flat_map(Command::all_options)
        .map(|option| option.long);
    let nearest = nearest(long, words).map(|nearest| format!("--{nearest}"));
    Error::UnknownOption(format!("--{long}"), nearest)
}
