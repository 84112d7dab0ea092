//! Why nothing is killed: what has switched the dry run on. Pure.

use super::configuration::Config;
use super::written::Written;
use crate::escape::Escaped;
use crate::paths;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The option that switches it on.
const OPTION: &str = "--dry-run";

impl Config {
    /// What has switched the dry run on: a file, as `config.d/00-first-install.toml` relative to the directory of the
    /// main file, or the option `--dry-run`. None where it is off.
    pub fn dry_run_cause(&self) -> Option<String> {
        if !self.dry_run {
            return None;
        }
        let Some(file) = &self.dry_run_file else {
            return Some(OPTION.to_owned());
        };
        if file == Path::new(paths::STDIN) {
            return Some("standard input".to_owned());
        }
        let directory = self.origin.path().parent().unwrap_or(Path::new(""));
        let shown = file.strip_prefix(directory).unwrap_or(file);
        Some(Escaped(shown.as_os_str().as_bytes()).to_string())
    }

    /// Switches the dry run on, whatever the files say.
    pub fn set_dry_run(&mut self) {
        (self.dry_run, self.dry_run_file) = (true, None);
    }

    pub(super) fn note_dry_run(&mut self, written: &Written) {
        let entry = written.entry("settings", "dry_run");
        let location = entry.and_then(|entry| entry.location.as_ref());
        let location = location.filter(|_| self.dry_run);
        self.dry_run_file = location.map(|location| location.file.to_path_buf());
    }
}

/// `Nothing is killed: dry run, because of config.d/00-first-install.toml (2 processes would be killed)`.
#[derive(Clone, Copy, Debug)]
pub struct DryRun<'c> {
    /// What has switched it on.
    pub cause: &'c str,
    /// How many processes are over a threshold and would be killed.
    pub over: usize,
}

impl fmt::Display for DryRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause;
        write!(f, "Nothing is killed: dry run, because of {cause} (")?;
        match self.over {
            0 => f.write_str("no process")?,
            1 => f.write_str("1 process")?,
            over => write!(f, "{over} processes")?,
        }
        f.write_str(" would be killed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn cause(file: &str, text: &str) -> Option<String> {
        let origin = Origin::File(file.into());
        let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap();
        loaded.config.dry_run_cause()
    }

    #[test]
    fn it_names_the_file_or_the_option() {
        let on = "[settings]\ndry_run = true\n";
        assert_eq!(cause("/etc/m/config.toml", on).unwrap(), "config.toml");
        assert_eq!(cause("new.toml", on).unwrap(), "new.toml");
        assert_eq!(cause("/etc/m/config.toml", ""), None);
        let off = "[settings]\ndry_run = false\n";
        assert_eq!(cause("/etc/m/config.toml", off), None);
        let mut config = Config::default();
        config.set_dry_run();
        assert_eq!(config.dry_run_cause().unwrap(), "--dry-run");
    }

    #[test]
    fn it_counts() {
        let shown = |over| DryRun { cause: "c", over }.to_string();
        assert!(shown(0).ends_with("because of c (no process would be killed)"));
        assert!(shown(1).ends_with("(1 process would be killed)"));
        assert!(shown(2).ends_with("(2 processes would be killed)"));
    }
}
