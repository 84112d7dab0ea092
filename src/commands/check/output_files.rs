//! Files of a configuration that the installed service can't write.

use crate::config::Config;
use crate::escape::Escaped;
use crate::sys::trust::{self, Doubt};
use crate::systemd::{Unit, Unknown};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The directory that the unit that is shipped may write to: ReadWritePaths=/var/log.
const LOGS: &str = "/var/log";

/// What is doubtful about the files that the daemon writes.
pub(super) fn notes(config: &Config, unit: &Result<Unit, Unknown>) -> Vec<String> {
    let metrics = config.metrics_file.as_deref();
    let files = [config.log.file.as_deref(), metrics];
    let mut notes: Vec<_> = files
        .into_iter()
        .flatten()
        .filter_map(|file| unwritable(file, unit))
        .collect();
    notes.extend(files.into_iter().flatten().filter_map(untrusted));
    if let Some(file) = metrics.filter(|file| file.extension() != Some("prom".as_ref())) {
        notes.push(format!(
            "{} does not end in .prom: the textfile collector of node_exporter reads no file of another name",
            Escaped(file.as_os_str().as_bytes())
        ));
    }
    notes
}

/// Why the daemon of root does not write to this file; None where it does.
fn untrusted(file: &Path) -> Option<String> {
    let shown = Escaped(file.as_os_str().as_bytes());
    if file.is_symlink() && !trust::is_link_of_system(file) {
        return Some(format!(
            "root's daemon does not write to {shown}: it is a symbolic link, name the file that it leads to"
        ));
    }
    match trust::check_output(file) {
        Ok(()) | Err(Doubt::Missing(..)) => None,
        Err(doubt) => Some(format!("root's daemon does not write to {shown}: {doubt}")),
    }
}

fn unwritable(file: &Path, unit: &Result<Unit, Unknown>) -> Option<String> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let shown = Escaped(file.as_os_str().as_bytes());
    match unit {
        Ok(unit) if unit.may_write(directory) => None,
        Ok(_) => Some(format!(
            "the service may not write to {shown}: systemctl edit memory-monitor, and add below [Service] the line ReadWritePaths={}",
            Escaped(directory.as_os_str().as_bytes())
        )),
        // There the unit that is shipped may write.
        Err(_) if directory == Path::new(LOGS) => None,
        Err(unknown) => Some(format!(
            "whether the service may write to {shown}: {unknown}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn unit(paths: &str) -> Unit {
        Unit::parse(&format!(
            "ReadWritePaths=/var/log{paths}\nProtectSystem=strict\n"
        ))
    }

    fn config(settings: &str) -> Config {
        let text = format!("[settings]\n{settings}\n");
        let origin = Origin::File("c.toml".into());
        let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None));
        loaded.unwrap().config
    }

    #[test]
    fn the_shipped_unit_writes_the_default_files_and_others_where_it_is_edited() {
        assert_eq!(notes(&config(""), &Ok(unit(""))), [""; 0]);
        let edited = Ok(unit(" /var/lib/prometheus/node-exporter"));
        let metrics = config("metrics_file = \"/var/lib/prometheus/node-exporter/mm.prom\"");
        assert_eq!(
            notes(&metrics, &Ok(unit(""))),
            [
                "the service may not write to /var/lib/prometheus/node-exporter/mm.prom: systemctl \
                 edit memory-monitor, and add below [Service] the line \
                 ReadWritePaths=/var/lib/prometheus/node-exporter"
            ]
        );
        assert_eq!(notes(&metrics, &edited), [""; 0]);
        let both = config("log_file = \"/srv/log\"\nmetrics_file = \"/srv/mm.prom\"");
        assert_eq!(notes(&both, &edited).len(), 2);
    }

    #[test]
    fn unknown_unit_settings_are_noted() {
        let notes = |text| notes(&config(text), &Err(Unknown::NotRunning));
        assert_eq!(
            notes("log_file = \"/srv/log\""),
            [
                "whether the service may write to /srv/log: systemd is not running here; unit settings are unknown"
            ]
        );
        assert_eq!(notes("log_file = \"\""), [""; 0]);
        // Where the shipped unit may write, as for the default.
        assert_eq!(notes(""), [""; 0]);
    }

    #[test]
    fn a_file_that_no_collector_reads_is_noted() {
        let notes = notes(
            &config("metrics_file = \"/var/log/metrics\""),
            &Ok(unit("")),
        );
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].starts_with("/var/log/metrics does not end in .prom"),
            "{notes:?}"
        );
    }
}
