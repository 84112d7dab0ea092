//! Files -> [`Config`]: the built-in defaults, the configuration file and its drop-ins, each on top of what comes
//! before it, and the checks that need more than one value.

use super::configuration::{Config, LogSettings, Notify, Origin};
use super::document;
use super::error::{Cause, Error, Warning, WarningKind};
use super::files::{self, DropIns, LoadedFile, Streams};
use super::group;
use super::keys;
use super::layer::{self, Source};
use super::no_effect;
use super::this_machine;
use super::users::{self, UserList, UserLookup};
use super::written::Written;
use crate::paths;
use crate::quantities::Uid;
use crate::sys;
use std::path::{Path, PathBuf};

/// A valid configuration and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    /// With the thresholds and the check interval as when no schedule is in force.
    pub config: Config,
    /// For the log, and for people.
    pub warnings: Vec<Warning>,
    /// Its values as they were written, and where.
    pub written: Written,
    /// The files with content, in the order in which they were read.
    pub files: Vec<LoadedFile>,
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
    origin: Origin,
    drop_ins: Vec<PathBuf>,
}

/// The texts of a configuration.
struct Texts {
    main: Vec<u8>,
    drop_ins: DropIns,
    origin: Origin,
}

/// What texts say, and all that is wrong with them.
#[derive(Default)]
struct Draft {
    config: Config,
    written: Written,
    causes: Vec<Cause>,
    warnings: Vec<Warning>,
}

impl Config {
    /// Reads the file, which must exist, or without one [`paths::CONFIG`], in whose absence the built-in defaults are
    /// used; then the drop-ins beside it. Waits for no FIFO and no device: each must be a regular file.
    ///
    /// # Errors
    /// All that is wrong with them, as far as that can be told at once.
    pub fn load(file: Option<&Path>) -> Result<Loaded, Error> {
        Ok(Texts::read(file, Streams::Reject)?
            .load(&sys::users::uid_of, &sys::users::uids_of)?
            .with_files())
    }

    /// The same for a command: the file may also be standard input or a pipe, which is read to its end.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_once(file: Option<&Path>) -> Result<Loaded, Error> {
        Ok(Texts::read(file, Streams::Accept)?
            .load(&sys::users::uid_of, &sys::users::uids_of)?
            .with_files())
    }

    /// Reads the files again, to replace this configuration. A file that has lost its content must not put the built-in
    /// defaults into force: what it protected would be killed.
    ///
    /// # Errors
    /// As `load`; and where the file, or a drop-in, was not empty when this configuration was loaded, and is now.
    pub fn reload(&self, file: Option<&Path>) -> Result<Loaded, Error> {
        self.reload_by(file, &sys::users::uid_of, &sys::users::uids_of)
    }

    /// The same, with users found by `lookup` and `list`.
    ///
    /// # Errors
    /// As `reload`.
    pub fn reload_by(
        &self,
        file: Option<&Path>,
        lookup: UserLookup<'_>,
        list: UserList<'_>,
    ) -> Result<Loaded, Error> {
        let texts = Texts::read(file, Streams::Reject)?;
        let missing = texts.lost(self.origin.is_file(), &self.drop_ins);
        if !missing.is_empty() {
            return Err(Error::new(missing));
        }
        Ok(texts.load(lookup, list)?.with_files())
    }

    /// Fails where a daemon that has these files in force would reject a reload of what was loaded here, as files have
    /// lost their content since. `warnings` are those of this load.
    ///
    /// # Errors
    /// What is lost.
    pub fn check_reload(&self, warnings: &[Warning], in_force: &[LoadedFile]) -> Result<(), Error> {
        let had_content = |path: &Path| {
            let path = files::absolute(path);
            in_force.iter().any(|file| file.path == path)
        };
        let main = Some(self.origin.path()).filter(|path| had_content(path));
        let main = main.and_then(|_| lost_main(&self.origin));
        let empty = warnings.iter().filter_map(|warning| match &warning.kind {
            WarningKind::EmptyDropIn(file) => Some(file),
            _ => None,
        });
        let empty = empty.filter(|file| had_content(file)).map(lost_drop_in);
        let lost: Vec<_> = main.into_iter().chain(empty).collect();
        if lost.is_empty() {
            Ok(())
        } else {
            Err(Error::new(lost))
        }
    }

    /// Reads a text on top of the built-in defaults; `lookup` finds the uid of a user's name.
    ///
    /// # Errors
    /// As `load`.
    pub fn parse(text: &[u8], origin: Origin, lookup: UserLookup<'_>) -> Result<Loaded, Error> {
        let texts = Texts {
            main: text.to_owned(),
            drop_ins: DropIns::default(),
            origin,
        };
        texts.load(lookup, &sys::users::uids_of)
    }
}

impl Loaded {
    fn with_files(mut self) -> Self {
        let unwritable = files::unwritable(&self.config, &self.written);
        self.warnings.extend(unwritable);
        self.warnings
            .extend(this_machine::executables(&self.config));
        let gone = this_machine::names_gone(&self.config, &self.written);
        self.warnings.extend(gone);
        self
    }

    /// Gives a user that is not found now the uid that it had when `before` was loaded, with a warning.
    pub fn keep_users(&mut self, before: &Config) {
        users::keep(&mut self.config, &mut self.warnings, before);
    }
}

impl NotifierConfig {
    /// Reads the same files as [`Config::load`], as far as they can be read.
    pub fn load(file: Option<&Path>) -> Self {
        match Texts::read(file, Streams::Reject) {
            Ok(texts) => Self::of(texts),
            Err(error) => Self::new(Draft::defaults(), Some(error)),
        }
    }

    /// Reads them again, to replace this configuration.
    ///
    /// # Errors
    /// As [`Config::reload`].
    pub fn reload(&self, file: Option<&Path>) -> Result<Self, Error> {
        let texts = Texts::read(file, Streams::Reject)?;
        let lost = texts.lost(self.origin.is_file(), &self.drop_ins);
        if !lost.is_empty() {
            return Err(Error::new(lost));
        }
        let mut new = Self::of(texts);
        new.rejected.take().map_or(Ok(new), Err)
    }

    fn of(texts: Texts) -> Self {
        let mut new = Self::new(texts.draft(), None);
        new.drop_ins = texts.drop_ins.with_content();
        new.origin = texts.origin;
        new
    }

    fn new(draft: Draft, unreadable: Option<Error>) -> Self {
        let causes = draft.causes;
        Self {
            notify: draft.config.notify,
            log: LogSettings {
                file: None,
                syslog: false,
                ..draft.config.log
            },
            rejected: unreadable.or_else(|| (!causes.is_empty()).then(|| Error::new(causes))),
            origin: Origin::default(),
            drop_ins: Vec::new(),
        }
    }
}

impl Texts {
    fn read(file: Option<&Path>, streams: Streams) -> Result<Self, Error> {
        let default = Path::new(paths::CONFIG);
        let is_root = sys::effective_uid() == Uid::ROOT;
        let text = match file {
            Some(file) => Some(files::read(file, streams, is_root)?),
            None => files::read_if_exists(default, is_root)?,
        };
        let file = file.unwrap_or(default).to_owned();
        let drop_ins = files::drop_ins(&file, is_root)?;
        let (main, origin) = match text {
            Some(text) if files::is_blank(&text) => (Vec::new(), Origin::Empty(file)),
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
        draft.add(self.origin.path(), &self.main, Source::File);
        for drop_in in &self.drop_ins.files {
            draft.add(&drop_in.file, &drop_in.text, Source::DropIn);
        }
        if self.origin.is_file() && !draft.written.has_table("system") {
            draft.add_default(keys::WITHOUT_SYSTEM);
        }
        draft.check_thresholds();
        draft.causes.extend(group::faults(&draft.config.groups));
        draft
    }

    fn load(self, lookup: UserLookup<'_>, list: UserList<'_>) -> Result<Loaded, Error> {
        let Draft {
            mut config,
            written,
            causes,
            warnings: in_rules,
        } = self.draft();
        if !causes.is_empty() {
            return Err(Error::new(causes));
        }
        let mut warnings = self.about_files();
        warnings.extend(in_rules);
        warnings.extend(no_effect::find(&config, &written));
        warnings.extend(users::resolve(&mut config, &written, lookup, list));
        let files = self.with_content();
        config.origin = self.origin;
        config.drop_ins = self.drop_ins.with_content();
        config.thresholds = config.base_thresholds;
        config.check_interval = config.base_check_interval;
        config.note_dry_run(&written);
        Ok(Loaded {
            config,
            warnings,
            written,
            files,
        })
    }
}

impl Texts {
    /// What is doubtful about the files as a whole.
    fn about_files(&self) -> Vec<Warning> {
        let mut kinds = Vec::new();
        if let Origin::Empty(file) = &self.origin {
            kinds.push(WarningKind::EmptyFile(file.clone()));
        }
        let drop_ins = self.drop_ins.files.iter();
        let empty = drop_ins.filter(|drop_in| files::is_blank(&drop_in.text));
        kinds.extend(empty.map(|drop_in| WarningKind::EmptyDropIn(drop_in.file.clone())));
        let ignored = self.drop_ins.ignored.iter().cloned();
        kinds.extend(ignored.map(WarningKind::IgnoredFile));
        let kinds = kinds.into_iter();
        kinds
            .map(|kind| Warning {
                location: None,
                kind,
            })
            .collect()
    }

    /// The files with content.
    fn with_content(&self) -> Vec<LoadedFile> {
        let main = (self.origin.path(), &self.main);
        let drop_ins = self.drop_ins.files.iter();
        let files = drop_ins.map(|drop_in| (drop_in.file.as_path(), &drop_in.text));
        let files = std::iter::once(main).chain(files);
        let with_content = files.filter(|(_, text)| !files::is_blank(text));
        with_content
            .map(|(path, text)| LoadedFile::new(path, text))
            .collect()
    }

    /// The files that had content in an earlier configuration, the main file if `had_main`, and these drop-ins, and
    /// have none now.
    fn lost(&self, had_main: bool, drop_ins: &[PathBuf]) -> Vec<Cause> {
        let mut lost = Vec::new();
        if had_main {
            lost.extend(lost_main(&self.origin));
        }
        for drop_in in &self.drop_ins.files {
            let had_content = || {
                drop_ins.contains(&drop_in.file)
                    || drop_ins.contains(&files::absolute(&drop_in.file))
            };
            if files::is_blank(&drop_in.text) && had_content() {
                lost.push(lost_drop_in(&drop_in.file));
            }
        }
        lost
    }
}

/// The main file, where it has no content now.
fn lost_main(origin: &Origin) -> Option<Cause> {
    match origin {
        Origin::File(_) => None,
        Origin::BuiltIn(file) => Some(Cause::Lost(file.clone(), "does not exist any more")),
        Origin::Empty(file) => Some(Cause::Lost(file.clone(), "is empty now")),
    }
}

fn lost_drop_in(file: impl AsRef<Path>) -> Cause {
    Cause::EmptiedDropIn(file.as_ref().to_owned())
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
        let (causes, warnings) = match document::utf8(file, text) {
            Ok(text) => layer::read(file, text, source, &mut self.config, &mut self.written),
            Err(cause) => (vec![cause], Vec::new()),
        };
        self.causes.extend(causes);
        self.warnings.extend(warnings);
    }

    fn check_thresholds(&mut self) {
        if self.config.base_thresholds.are_off() && !self.config.has_other_thresholds() {
            let location = |key| self.written.entry("thresholds", key)?.location.clone();
            self.causes.push(Cause::Invalid {
                location: location("ram_gb_threshold")
                    .or_else(|| location("ram_percent_threshold")),
                message: "both thresholds are off, and there is no other: set \"ram_percent_threshold\" \
                          below 100 or \"ram_gb_threshold\" below inf, or give a [[group]], a [[rule]] or \
                          a [[schedule]] with a threshold, or action = \"kill\" in [system]"
                    .to_owned(),
            });
        }
    }
}
