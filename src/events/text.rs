//! The parts of which the texts of events are made. Each is written only when a sink writes the text, so that the user
//! database is asked for no name that no sink shows.

use crate::config::Config;
use crate::escape::{Escaped, write_one_line};
use crate::policy::{Breach, Exemption};
use crate::proc::{Process, SystemMemory};
use crate::quantities::{Bytes, Metric, Percent, Uid};
use crate::users::UserNames;
use std::cell::RefCell;
use std::fmt::{self, Display, Formatter, Write};

/// `System Memory: 45.2% used (7.24GB / 16.00GB)`.
pub(crate) struct MemoryInUse<'a>(pub(crate) &'a SystemMemory);

impl Display for MemoryInUse<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = self.0.total;
        match self.0.used() {
            Some(used) => {
                let share = Percent::share(used, total);
                write!(f, "System Memory: {share:.1} used ({used} / {total})")
            }
            None => write!(
                f,
                "System Memory: {total} in total, the kernel does not say how much is used"
            ),
        }
    }
}

/// `configuration a.toml and 2 drop-ins, thresholds 10.00% of RAM or 2.00GB, check interval 30 s, 2 groups`.
pub(super) struct Files<'a>(pub(super) &'a Config);

impl Display for Files<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.0.sources(), Thresholds(self.0))?;
        match self.0.groups.len() {
            0 => {}
            1 => f.write_str(", 1 group")?,
            count => write!(f, ", {count} groups")?,
        }
        f.write_str(if self.0.dry_run {
            ", dry run: nothing is killed"
        } else {
            ""
        })
    }
}

/// `thresholds 10.00% of RAM or 2.00GB, check interval 30 s`; `thresholds off` where both are.
pub(super) struct Thresholds<'a>(pub(super) &'a Config);

impl Display for Thresholds<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let thresholds = self.0.thresholds;
        f.write_str("thresholds ")?;
        match (thresholds.percent(), thresholds.amount()) {
            (Some(percent), Some(amount)) => write!(f, "{percent} of RAM or {amount}")?,
            (Some(percent), None) => write!(f, "{percent} of RAM")?,
            (None, Some(amount)) => write!(f, "{amount}")?,
            (None, None) => f.write_str("off")?,
        }
        let interval = self.0.check_interval.as_secs_f64();
        write!(f, ", check interval {interval} s")
    }
}

/// `PID=12345, Name=chrome, Reason=backup`.
pub(super) struct Exempt<'a>(pub(super) &'a Exemption);

impl Display for Exempt<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = Escaped(&self.0.name);
        write!(f, "PID={}, Name={name}", self.0.process.pid)?;
        match self.0.reason.as_str() {
            "" => Ok(()),
            reason => write!(f, ", Reason={}", Escaped(reason.as_bytes())),
        }
    }
}

/// `PID=12345, Name=chrome, User=john, RAM=3.50GB (21.88%)`, as far as it is known and wanted.
pub(super) struct Shown<'a> {
    process: &'a Process,
    users: Option<&'a RefCell<UserNames>>,
    /// RSS, and as a share of MemTotal.
    memory: Option<(Bytes, Percent)>,
    /// Its memory by the metric that decides, where that is another one.
    measured: Option<(Metric, Bytes)>,
}

impl<'a> Shown<'a> {
    pub(super) fn named(process: &'a Process) -> Self {
        Self {
            process,
            users: None,
            memory: None,
            measured: None,
        }
    }

    pub(super) fn owned(process: &'a Process, users: &'a RefCell<UserNames>) -> Self {
        let users = Some(users);
        Self {
            users,
            ..Self::named(process)
        }
    }

    /// With the memory that is over a threshold.
    pub(super) fn over(
        process: &'a Process,
        breach: &Breach,
        users: &'a RefCell<UserNames>,
    ) -> Self {
        let memory = Some((breach.rss, breach.rss_share));
        let measured = Some((breach.metric, breach.memory));
        Self {
            memory,
            measured: measured.filter(|(metric, _)| *metric != Metric::Rss),
            ..Self::owned(process, users)
        }
    }

    /// With the memory of a process that is protected, where it is known.
    pub(super) fn protected(
        process: &'a Process,
        share: Percent,
        users: &'a RefCell<UserNames>,
    ) -> Self {
        let memory = process.facts.is_ok().then_some((process.rss, share));
        Self {
            memory,
            ..Self::owned(process, users)
        }
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "PID={}", self.process.pid)?;
        if let Ok(facts) = &self.process.facts {
            write!(f, ", Name={}", Escaped(facts.name.as_bytes()))?;
            if let Some(users) = self.users {
                write!(f, ", User={}", Owner(facts.uid, users))?;
            }
        }
        if let Some((memory, share)) = self.memory {
            write!(f, ", RAM={memory} ({share})")?;
        }
        match self.measured {
            Some((Metric::Pss, memory)) => write!(f, ", PSS={memory}"),
            Some((Metric::Anon, memory)) => write!(f, ", Anon={memory}"),
            Some((Metric::Rss, _)) | None => Ok(()),
        }
    }
}

/// The name of a user.
pub(super) struct Owner<'a>(pub(super) Uid, pub(super) &'a RefCell<UserNames>);

impl Display for Owner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Escaped(self.1.borrow_mut().name(self.0)).fmt(f)
    }
}

/// What a process that is over its threshold by RSS has of its own, where that alone is not over it: the rest it
/// shares, or it is of files.
#[derive(Debug)]
pub struct Own<'a>(pub &'a Process, pub &'a Breach);

impl Display for Own<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(process, breach) = self;
        match process.own_share(breach.metric, breach.threshold_bytes) {
            Some(own) => write!(
                f,
                "; of its {}, {own} are its own: others share the rest",
                process.rss
            ),
            None => Ok(()),
        }
    }
}

/// `prefix` and the value, or nothing.
pub(super) struct Optional<T>(pub(super) &'static str, pub(super) Option<T>);

impl<T: Display> Display for Optional<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.1 {
            Some(value) => write!(f, "{}{value}", self.0),
            None => Ok(()),
        }
    }
}

/// A record's text. It is one line whatever is in it: names are escaped where the text is made, and this holds even if
/// that were forgotten somewhere.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(pub(super) fmt::Arguments<'a>);

impl Display for Message<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        OneLineWriter(f).write_fmt(self.0)
    }
}

struct OneLineWriter<'a, 'b>(&'a mut Formatter<'b>);

impl Write for OneLineWriter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_one_line(self.0, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    #[test]
    fn the_groups_of_a_configuration_are_counted() {
        let group = |label: &str| {
            format!("[[group]]\nlabel = \"{label}\"\nby = \"user\"\nram_gb_threshold = 8\n")
        };
        let off = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf\n";
        for (text, said) in [
            (
                String::new(),
                "10.00% of RAM or 2.00GB, check interval 30 s",
            ),
            (
                group("a"),
                "10.00% of RAM or 2.00GB, check interval 30 s, 1 group",
            ),
            (
                off.to_owned() + &group("a") + &group("b"),
                "off, check interval 30 s, 2 groups",
            ),
            (
                format!("{}[settings]\ndry_run = true\n", group("a")),
                "10.00% of RAM or 2.00GB, check interval 30 s, 1 group, dry run: nothing is killed",
            ),
        ] {
            let origin = Origin::File("c.toml".into());
            let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap();
            let files = Files(&loaded.config).to_string();
            assert_eq!(files, format!("configuration c.toml, thresholds {said}"));
        }
    }
}
