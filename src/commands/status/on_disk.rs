//! How the configuration on disk differs from the one in force. Reads the files of a configuration.

use crate::config::{Cause, Config, Error, LoadedFile};
use crate::escape::quoted_path;
use crate::state::status::DaemonStatus;
use std::io;
use std::path::Path;

/// What is wrong with a configuration, as far as this user can tell.
pub(super) struct Doubts {
    /// Why it is rejected.
    pub(super) rejected: Vec<String>,
    /// What only another user can read.
    pub(super) unknown: Vec<String>,
}

impl Doubts {
    fn new(error: &Error) -> Self {
        let is_denied = |cause: &&Cause| matches!(cause, Cause::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied);
        let (unknown, rejected): (Vec<_>, Vec<_>) = error.causes().partition(is_denied);
        let shown = |causes: Vec<&Cause>| causes.iter().map(ToString::to_string).collect();
        Self {
            rejected: shown(rejected),
            unknown: shown(unknown),
        }
    }
}

/// Why a start with this configuration, None for the usual one, would fail.
pub(super) fn doubts(file: Option<&Path>) -> Doubts {
    match Config::load(file) {
        Ok(_) => Doubts {
            rejected: Vec::new(),
            unknown: Vec::new(),
        },
        Err(error) => Doubts::new(&error),
    }
}

/// How the files that a reload would read differ from those that are in force; empty where they do not.
pub(super) fn of_daemon(status: &DaemonStatus) -> Vec<String> {
    let file = status.config_file.as_deref();
    let in_force = status.loaded_files.as_deref();
    let loaded = Config::load(file).and_then(|loaded| {
        let in_force = in_force.unwrap_or_default();
        loaded.config.check_reload(&loaded.warnings, in_force)?;
        Ok(loaded.files)
    });
    match (loaded, in_force) {
        (Err(error), _) => explained(
            &error,
            "a reload (SIGHUP) would reject the files on disk:",
            "this user can't tell whether the files on disk have changed:",
        ),
        (Ok(_), None) => not_told(),
        (Ok(files), Some(in_force)) => changes(in_force, &files),
    }
}

/// The same for another configuration, which a reload does not read.
pub(super) fn of_another(status: &DaemonStatus, file: &Path) -> Vec<String> {
    let shown = quoted_path(file);
    let loaded = match Config::load(Some(file)) {
        Ok(loaded) => loaded.files,
        Err(error) => {
            let rejected = format!("{shown} would be rejected:");
            let unknown =
                format!("this user can't tell whether {shown} is the configuration in force:");
            return explained(&error, &rejected, &unknown);
        }
    };
    let Some(in_force) = &status.loaded_files else {
        return not_told();
    };
    let content = |file: &LoadedFile| file.content.clone();
    if in_force.iter().map(content).eq(loaded.iter().map(content)) {
        return Vec::new();
    }
    vec![format!(
        "{shown} is not the configuration in force, and a reload (SIGHUP) does not read it"
    )]
}

fn explained(error: &Error, if_rejected: &str, if_unknown: &str) -> Vec<String> {
    let Doubts { rejected, unknown } = Doubts::new(error);
    let (heading, causes) = if rejected.is_empty() {
        (if_unknown, unknown)
    } else {
        (if_rejected, rejected)
    };
    let causes = causes.iter().map(|cause| format!("  {cause}"));
    std::iter::once(heading.to_owned()).chain(causes).collect()
}

fn not_told() -> Vec<String> {
    let text = "an earlier version runs, which does not tell what it has read: restart it";
    vec![text.to_owned()]
}

fn changes(in_force: &[LoadedFile], on_disk: &[LoadedFile]) -> Vec<String> {
    let find = |files: &[LoadedFile], path: &Path| {
        let file = files.iter().find(|file| file.path == path);
        file.map(|file| file.content.clone())
    };
    let removed = in_force.iter().filter_map(|file| {
        let path = &file.path;
        let what = match find(on_disk, path) {
            Some(content) if content == file.content => return None,
            Some(_) => "has changed",
            None => "was removed",
        };
        Some(format!("  {} {what}", quoted_path(path)))
    });
    let added = on_disk.iter().filter_map(|file| {
        let is_new = find(in_force, &file.path).is_none();
        is_new.then(|| format!("  {} is new", quoted_path(&file.path)))
    });
    let mut lines: Vec<_> = removed.chain(added).collect();
    if !lines.is_empty() {
        let heading = "the files on disk have changed; a reload (SIGHUP) puts them in force:";
        lines.insert(0, heading.to_owned());
    }
    lines
}
