//! Files -> [`Config`]: the built-in defaults, the configuration file and its drop-ins, each on top of what comes
//! before it, and the checks that need more than one value.

use super::configuration::{Config, LogSettings, Notify, Origin};
use super::document;
use super::error::{Cause, Error, Warning};
use super::files::{self, DropIn};
use super::keys;
use super::layer::{self, Source};
use super::users::{self, UserLookup};
use super::written::Written;
use crate::paths;
use crate::quantities::Uid;
use crate::sys;
use std::path::Path;

/// A valid configuration and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    /// With the thresholds and the check interval as when no schedule is in force.
    pub config: Config,
    /// For the log, and for people.
    pub warnings: Vec<Warning>,
    /// Its values as they were written, and where.
    pub written: Written,
}

/// What the notifier needs of a configuration.
#[derive(Debug)]
pub struct NotifierConfig {
    /// Who to tell, and how.
    pub notify: Notify,
    /// How much to log, and how; the notifier has no log file and no syslog of its own.
    pub log: LogSettings,
    /// What is wrong with the configuration. What could be read of it is used all the same, because that it was
    /// rejected is one of the things to tell.
    pub rejected: Option<Error>,
}

/// The texts of a configuration.
struct Texts {
    main: Vec<u8>,
    drop_ins: Vec<DropIn>,
    origin: Origin,
}

/// What texts say, and all that is wrong with them.
#[derive(Default)]
struct Draft {
    config: Config,
    written: Written,
    causes: Vec<Cause>,
}

impl Config {
    /// Reads the file, which must exist, or without one [`paths::CONFIG`], in whose absence the built-in defaults are
    /// used; then the drop-ins beside it.
    ///
    /// # Errors
    /// All that is wrong with them, as far as that can be told at once.
    pub fn load(file: Option<&Path>) -> Result<Loaded, Error> {
        Texts::read(file)?.load(&sys::users::uid_of)
    }

    /// Reads a text on top of the built-in defaults; `lookup` finds the uid of a user's name.
    ///
    /// # Errors
    /// As `load`.
    pub fn parse(text: &[u8], origin: Origin, lookup: UserLookup<'_>) -> Result<Loaded, Error> {
        let texts = Texts {
            main: text.to_owned(),
            drop_ins: Vec::new(),
            origin,
        };
        texts.load(lookup)
    }
}

impl Loaded {
    /// Gives a user that is not found now the uid that it had when `before` was loaded, with a warning.
    pub fn keep_users(&mut self, before: &Config) {
        users::keep(&mut self.config, &mut self.warnings, before);
    }
}

impl NotifierConfig {
    /// Reads the same files as [`Config::load`], as far as they can be read.
    pub fn load(file: Option<&Path>) -> Self {
        let (mut draft, unreadable) = match Texts::read(file) {
            Ok(texts) => (texts.draft(), None),
            Err(error) => (Draft::defaults(), Some(error)),
        };
        let causes = std::mem::take(&mut draft.causes);
        Self {
            notify: draft.config.notify,
            log: LogSettings {
                file: None,
                syslog: false,
                ..draft.config.log
            },
            rejected: unreadable.or_else(|| (!causes.is_empty()).then(|| Error::new(causes))),
        }
    }
}

impl Texts {
    fn read(file: Option<&Path>) -> Result<Self, Error> {
        let default = Path::new(paths::CONFIG);
        let text = match file {
            Some(file) => Some(files::read(file)?),
            None => files::read_if_exists(default)?,
        };
        let file = file.unwrap_or(default).to_owned();
        let drop_ins = files::drop_ins(&file, sys::effective_uid() == Uid::ROOT)?;
        let (main, origin) = match text {
            Some(text) => (text, Origin::File(file)),
            None => (Vec::new(), Origin::BuiltIn(file)),
        };
        Ok(Self {
            main,
            drop_ins,
            origin,
        })
    }

    fn draft(&self) -> Draft {
        let mut draft = Draft::defaults();
        let (Origin::File(file) | Origin::BuiltIn(file)) = &self.origin;
        draft.add(file, &self.main, Source::File);
        for drop_in in &self.drop_ins {
            draft.add(&drop_in.file, &drop_in.text, Source::DropIn);
        }
        let is_file = matches!(self.origin, Origin::File(_));
        if is_file && !draft.written.has_table("system") {
            draft.add_default(keys::WITHOUT_SYSTEM);
        }
        draft.check_thresholds();
        draft
    }

    fn load(self, lookup: UserLookup<'_>) -> Result<Loaded, Error> {
        let Draft {
            mut config,
            written,
            causes,
        } = self.draft();
        if !causes.is_empty() {
            return Err(Error::new(causes));
        }
        let warnings = users::resolve(&mut config, &written, lookup);
        config.origin = self.origin;
        config.drop_ins = self
            .drop_ins
            .into_iter()
            .map(|drop_in| drop_in.file)
            .collect();
        config.thresholds = config.base_thresholds;
        config.check_interval = config.base_check_interval;
        Ok(Loaded {
            config,
            warnings,
            written,
        })
    }
}

impl Draft {
    fn defaults() -> Self {
        let mut draft = Self::default();
        draft.add_default(&keys::defaults());
        draft
    }

    fn add_default(&mut self, text: &str) {
        let file = Path::new("built-in defaults");
        self.add(file, text.as_bytes(), Source::Default);
    }

    fn add(&mut self, file: &Path, text: &[u8], source: Source) {
        let causes = match document::utf8(file, text) {
            Ok(text) => layer::read(file, text, source, &mut self.config, &mut self.written),
            Err(cause) => vec![cause],
        };
        self.causes.extend(causes);
    }

    fn check_thresholds(&mut self) {
        if self.config.base_thresholds.are_off() {
            let location = |key| self.written.entry("thresholds", key)?.location.clone();
            self.causes.push(Cause::Invalid {
                location: location("ram_gb_threshold")
                    .or_else(|| location("ram_percent_threshold")),
                message: "both thresholds are off: set \"ram_percent_threshold\" below 100 \
                          or \"ram_gb_threshold\" below inf"
                    .to_owned(),
            });
        }
    }
}
