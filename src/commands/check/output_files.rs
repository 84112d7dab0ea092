//! Files of a configuration that the installed service can't write.

use crate::config::Config;
use crate::escape::Escaped;
use crate::systemd_unit::Unit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is doubtful about the files that the daemon writes.
pub(super) fn notes(config: &Config, unit: Option<&Unit>) -> Vec<String> {
    let metrics = config.metrics_file.as_deref();
    let files = [config.log.file.as_deref(), metrics];
    let mut notes: Vec<_> = files
        .into_iter()
        .flatten()
        .filter_map(|file| unwritable(file, unit?))
        .collect();
    if let Some(file) = metrics.filter(|file| file.extension() != Some("prom".as_ref())) {
        notes.push(format!(
            "{} does not end in .prom: the textfile collector of node_exporter reads no file of another name",
            Escaped(file.as_os_str().as_bytes())
        ));
    }
    notes
}

fn unwritable(file: &Path, unit: &Unit) -> Option<String> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    (!unit.may_write(directory)).then(|| {
        format!(
            "the service may not write to {}: systemctl edit memory-monitor, and add below [Service] the line ReadWritePaths={}",
            Escaped(file.as_os_str().as_bytes()),
            Escaped(directory.as_os_str().as_bytes())
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use std::fs;

    const SHIPPED: &str = include_str!("../../../debian/memory-monitor.service");

    fn unit(edited: &str) -> Unit {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("etc/systemd/system");
        fs::create_dir_all(directory.join("m.service.d")).unwrap();
        fs::write(directory.join("m.service"), SHIPPED).unwrap();
        fs::write(directory.join("m.service.d/override.conf"), edited).unwrap();
        Unit::find(root.path(), "m.service").unwrap()
    }

    fn config(settings: &str) -> Config {
        let text = format!("[settings]\n{settings}\n");
        let origin = Origin::File("c.toml".into());
        let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None));
        loaded.unwrap().config
    }

    #[test]
    fn the_shipped_unit_writes_the_default_files_and_an_edited_one_others() {
        let shipped = unit("");
        assert_eq!(notes(&config(""), Some(&shipped)), [""; 0]);
        let edited = unit("[Service]\nReadWritePaths=/var/lib/prometheus/node-exporter\n");
        let metrics = config("metrics_file = \"/var/lib/prometheus/node-exporter/mm.prom\"");
        assert_eq!(
            notes(&metrics, Some(&shipped)),
            [
                "the service may not write to /var/lib/prometheus/node-exporter/mm.prom: systemctl \
                 edit memory-monitor, and add below [Service] the line \
                 ReadWritePaths=/var/lib/prometheus/node-exporter"
            ]
        );
        assert_eq!(notes(&metrics, Some(&edited)), [""; 0]);
        assert_eq!(notes(&metrics, None), [""; 0]);
        let both = config("log_file = \"/srv/log\"\nmetrics_file = \"/srv/mm.prom\"");
        assert_eq!(notes(&both, Some(&edited)).len(), 2);
    }

    #[test]
    fn a_file_that_no_collector_reads_is_noted() {
        let notes = notes(&config("metrics_file = \"/var/log/metrics\""), None);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].starts_with("/var/log/metrics does not end in .prom"),
            "{notes:?}"
        );
    }
}
