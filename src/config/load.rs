//! Files -> [`Config`]: the built-in defaults, the configuration file and its drop-ins, each on top of what comes
//! before it, and the checks that need more than one value.

use super::configuration::{Config, LogSettings, Notify, Origin};
use super::document;
use super::error::{Cause, Error};
use super::files::{self, DropIns, LoadedFile, Streams};
use super::group;
use super::keys;
use super::layer::{self, Source};
use super::no_effect;
use super::this_machine;
use super::users::{self, UserList, UserLookup};
use super::warning::{Warning, WarningKind};
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
        texts.check_lost(&self.origin, &self.drop_ins)?;
        Ok(texts.load(lookup, list)?.with_files())
    }

    /// Fails where a daemon that has these files in force would reject a reload of what was loaded here, as files have
    /// lost their content since. `warnings` are those of this load.
    ///
    /// # Errors
    /// What is lost.
    pub fn check_reload(&self, warnings: &[Warning], in_force: &[LoadedFile]) -> Result<(), Error> {
        let empty = warnings.iter().filter_map(|warning| match &warning.kind {
            WarningKind::EmptyDropIn(file) => Some(file.as_path()),
            _ => None,
        });
        check_lost(&self.origin, empty, |path| {
            let path = files::absolute(path);
            in_force.iter().any(|file| file.path == path)
        })
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
        texts.check_lost(&self.origin, &self.drop_ins)?;
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

    /// What is doubtful about the files as a whole.
    fn about_files(&self) -> Vec<Warning> {
        let mut kinds = Vec::new();
        if let Origin::Empty(file) = &self.origin {
            kinds.push(WarningKind::EmptyFile(file.clone()));
        }
        let empty = self.empty_drop_ins().map(Path::to_owned);
        kinds.extend(empty.map(WarningKind::EmptyDropIn));
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

    fn empty_drop_ins(&self) -> impl Iterator<Item = &Path> {
        let drop_ins = self.drop_ins.files.iter();
        let empty = drop_ins.filter(|drop_in| files::is_blank(&drop_in.text));
        empty.map(|drop_in| drop_in.file.as_path())
    }

    /// Fails where a file has lost its content since an earlier configuration was loaded: the main file, which was in
    /// `before`, or one of these drop-ins, which had content.
    fn check_lost(&self, before: &Origin, drop_ins: &[PathBuf]) -> Result<(), Error> {
        let main = before.is_file().then(|| self.origin.path());
        check_lost(&self.origin, self.empty_drop_ins(), |path| {
            let has = |path: &Path| drop_ins.iter().any(|file| file == path);
            main == Some(path) || has(path) || has(&files::absolute(path))
        })
    }
}

/// Fails where files that had content have none now, of the main file and the drop-ins that are empty.
fn check_lost<'e>(
    main: &Origin,
    empty_drop_ins: impl Iterator<Item = &'e Path>,
    had_content: impl Fn(&Path) -> bool,
) -> Result<(), Error> {
    let cause = match main {
        Origin::File(_) => None,
        Origin::BuiltIn(_) => Some("does not exist any more"),
        Origin::Empty(_) => Some("is empty now"),
    };
    let cause = cause.filter(|_| had_content(main.path()));
    let main = cause.map(|cause| Cause::Lost(main.path().to_owned(), cause));
    let drop_ins = empty_drop_ins.filter(|file| had_content(file));
    let drop_ins = drop_ins.map(|file| Cause::EmptiedDropIn(file.to_owned()));
    let lost: Vec<_> = main.into_iter().chain(drop_ins).collect();
    if lost.is_empty() {
        Ok(())
    } else {
        Err(Error::new(lost))
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
