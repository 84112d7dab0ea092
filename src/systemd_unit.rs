//! systemd's unit files as they lie on this machine: what a unit says, drop-ins included. Touches
//! those files only; asks no manager, so it works where none runs.

use std::fs;
use std::path::{Path, PathBuf};

/// Where system units are, the first one wins (systemd.unit(5)).
const DIRECTORIES: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// Settings of a unit, in the order in which they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    settings: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    section: String,
    key: String,
    value: String,
}

impl Unit {
    /// The system unit of this name below the root directory `root`; None where there is none.
    pub fn find(root: &Path, name: &str) -> Option<Self> {
        if name.contains('/') {
            return None;
        }
        // An instance is described by its template.
        let template = name
            .split_once('@')
            .and_then(|(start, rest)| Some(format!("{start}@.{}", rest.rsplit_once('.')?.1)));
        let names = [Some(name.to_owned()), template];
        let directories = || DIRECTORIES.iter().map(|directory| root.join(directory));
        let names = || names.iter().flatten();
        let text = names().find_map(|name| {
            directories().find_map(|directory| fs::read_to_string(directory.join(name)).ok())
        })?;
        let mut unit = Self::default();
        unit.add(&text);
        let mut dropins: Vec<PathBuf> = names()
            .flat_map(|name| {
                directories().map(move |directory| directory.join(format!("{name}.d")))
            })
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "conf")
            })
            .collect();
        dropins.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
        for text in dropins
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
        {
            unit.add(&text);
        }
        Some(unit)
    }

    fn add(&mut self, text: &str) {
        let text = text.replace("\\\n", " ");
        let mut section = "";
        for line in text.lines().map(str::trim) {
            if let Some(header) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = header;
            } else if let (false, Some((key, value))) =
                (line.starts_with(['#', ';']), line.split_once('='))
            {
                self.settings.push(Setting {
                    section: section.to_owned(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
    }

    /// The keys and values of a section, in their order.
    pub fn section<'u>(&'u self, name: &'u str) -> impl Iterator<Item = (&'u str, &'u str)> {
        let settings = self.settings.iter();
        settings
            .filter(move |setting| setting.section == name)
            .map(|setting| (&*setting.key, &*setting.value))
    }

    /// What a setting with one value says.
    pub fn value(&self, key: &str) -> Option<&str> {
        let mut values = self.settings.iter().rev();
        values
            .find(|setting| setting.key == key)
            .map(|setting| &*setting.value)
    }

    /// The words of a setting that is a list; an empty value empties it.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let mut words = Vec::new();
        for Setting { value, .. } in self.settings.iter().filter(|setting| setting.key == key) {
            if value.is_empty() {
                words.clear();
            }
            words.extend(value.split_ascii_whitespace());
        }
        words
    }

    /// Whether the unit's sandbox lets it write files in this directory.
    pub fn may_write(&self, directory: &Path) -> bool {
        let hidden = match self.value("ProtectHome") {
            Some("yes" | "true" | "on" | "1" | "tmpfs" | "read-only") => {
                ["/home", "/root", "/run/user"]
                    .iter()
                    .any(|home| directory.starts_with(home))
            }
            _ => false,
        };
        let own = [
            ("LogsDirectory", "/var/log"),
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("CacheDirectory", "/var/cache"),
        ];
        let mut own = own.iter().flat_map(|(key, parent)| {
            let names = self.list(key).into_iter();
            names.map(move |name| Path::new(parent).join(name))
        });
        let mut named = self
            .list("ReadWritePaths")
            .into_iter()
            .map(|path| PathBuf::from(path.trim_start_matches(['-', '+'])));
        let is_named = own.any(|own| directory.starts_with(own))
            || named.any(|path| directory.starts_with(path));
        let is_strict = self.value("ProtectSystem") == Some("strict");
        let is_system = match self.value("ProtectSystem") {
            Some("full") => ["/usr", "/boot", "/efi", "/etc"]
                .iter()
                .any(|path| directory.starts_with(path)),
            Some("yes" | "true" | "on" | "1") => ["/usr", "/boot", "/efi"]
                .iter()
                .any(|path| directory.starts_with(path)),
            _ => is_strict,
        };
        is_named || !(hidden || is_system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn drop_ins_add_to_the_first_file_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(Unit::find(root, "a.service"), None);
        write(
            root,
            "usr/lib/systemd/system/a.service",
            "[Service]\nRestart=no\nReadWritePaths=/x \\\n /y\n#Restart=z\n",
        );
        write(
            root,
            "etc/systemd/system/a.service.d/10.conf",
            "[Service]\nRestart = always\n",
        );
        write(
            root,
            "usr/lib/systemd/system/a.service.d/20.conf",
            "ReadWritePaths=\nReadWritePaths=-/z\n",
        );
        let unit = Unit::find(root, "a.service").unwrap();
        assert_eq!(unit.value("Restart"), Some("always"));
        assert_eq!(unit.list("ReadWritePaths"), ["-/z"]);
        let service: Vec<_> = unit.section("Service").map(|(key, _)| key).collect();
        assert_eq!(service, ["Restart", "ReadWritePaths", "Restart"]);
        write(
            root,
            "etc/systemd/system/b@.service",
            "Restart=on-failure\n",
        );
        let unit = Unit::find(root, "b@x.service").unwrap();
        assert_eq!(unit.value("Restart"), Some("on-failure"));
        assert_eq!(Unit::find(root, "../system/a.service"), None);
    }

    #[test]
    fn a_sandbox_is_written_to_where_it_says() {
        let unit = |text: &str| {
            let mut unit = Unit::default();
            unit.add(text);
            unit
        };
        let strict = unit("ProtectSystem=strict\nReadWritePaths=/var/log\nStateDirectory=m\n");
        for (directory, may) in [
            ("/var/log", true),
            ("/var/log/x", true),
            ("/var/lib/m", true),
            ("/srv", false),
            ("/var/logs", false),
        ] {
            assert_eq!(strict.may_write(Path::new(directory)), may, "{directory}");
        }
        assert!(unit("").may_write(Path::new("/srv")));
        assert!(!unit("ProtectHome=yes").may_write(Path::new("/root")));
        assert!(!unit("ProtectSystem=full").may_write(Path::new("/etc/x")));
        assert!(unit("ProtectSystem=yes").may_write(Path::new("/etc/x")));
    }
}
