//! The settings of units as systemd has them in force, drop-ins included: `systemctl show`. For commands only.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The settings that are asked for.
const PROPERTIES: &str = "LoadState,Restart,ProtectSystem,ProtectHome,ReadWritePaths,LogsDirectory,StateDirectory,\
    RuntimeDirectory,CacheDirectory,ActiveState,Result,ExecMainStatus";

/// The settings that make up the sandbox of a service. `systemctl show` prints each of them as systemd-run(1) takes it.
const SANDBOX: &str = "AmbientCapabilities,AppArmorProfile,BindPaths,BindReadOnlyPaths,CapabilityBoundingSet,\
    DeviceAllow,DevicePolicy,DynamicUser,Environment,ExecPaths,Group,IPAddressAllow,IPAddressDeny,InaccessiblePaths,\
    KeyringMode,LimitAS,LimitDATA,LimitMEMLOCK,LimitNOFILE,LimitNPROC,LockPersonality,MemoryDenyWriteExecute,MemoryHigh,\
    MemoryMax,MemorySwapMax,Nice,NoExecPaths,NoNewPrivileges,OOMScoreAdjust,PrivateDevices,PrivateIPC,PrivateMounts,\
    PrivateNetwork,PrivateTmp,PrivateUsers,ProcSubset,ProtectClock,ProtectControlGroups,ProtectHome,ProtectHostname,\
    ProtectKernelLogs,ProtectKernelModules,ProtectKernelTunables,ProtectProc,ProtectSystem,ReadOnlyPaths,ReadWritePaths,\
    RemoveIPC,RestrictAddressFamilies,RestrictFileSystems,RestrictNamespaces,RestrictRealtime,RestrictSUIDSGID,\
    RootDirectory,SELinuxContext,SupplementaryGroups,SystemCallArchitectures,SystemCallErrorNumber,SystemCallFilter,\
    TasksMax,TemporaryFileSystem,UMask,User";

/// A unit that does not exist: systemd answers with the defaults.
const NO_UNIT: &str = "memory-monitor-no-such-unit.service";

/// A loaded unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    properties: HashMap<String, String>,
}

/// Why the settings of a unit are not known.
#[derive(Debug)]
pub enum Unknown {
    /// No systemd manages this machine, or this part of it.
    NotRunning,
    /// systemd has not loaded this unit: there is none, it is masked, or it is bad.
    NotLoaded(String),
    /// systemctl failed, and what it said.
    Failed(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => {
                f.write_str("systemd is not running here; unit settings are unknown")
            }
            Self::NotLoaded(unit) => write!(f, "systemd has not loaded {unit}"),
            Self::Failed(reason) => write!(f, "systemctl show failed: {reason}"),
        }
    }
}

impl std::error::Error for Unknown {}

impl Unit {
    /// Asks systemd about the system unit of this name.
    ///
    /// # Errors
    /// When no systemd answers, or the unit is not loaded.
    pub fn ask(name: &str) -> Result<Self, Unknown> {
        // These would be a pattern for systemctl, and are in no name of a unit.
        if name.contains(['*', '?', '[', '/']) {
            return Err(Unknown::NotLoaded(name.to_owned()));
        }
        let unit = Self::parse(&show(PROPERTIES, &[name])?);
        match unit.value("LoadState") {
            Some("loaded") => Ok(unit),
            _ => Err(Unknown::NotLoaded(name.to_owned())),
        }
    }

    /// From what `systemctl show` printed.
    pub(crate) fn parse(text: &str) -> Self {
        let properties = text.lines().filter_map(|line| line.split_once('='));
        Self {
            properties: properties
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// A setting with one value; None where systemd does not know it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// What became of the service, as the end of a sentence that begins with its name. None while it runs, and where
    /// systemd does not tell.
    pub fn fate(&self) -> Option<String> {
        let status = self.value("ExecMainStatus").unwrap_or("0");
        let state = self.value("ActiveState")?;
        Some(match (state, self.value("Result")?) {
            ("active" | "reloading", _) => return None,
            (_, "success") => format!("is {state}"),
            (_, "exit-code") => match status {
                "78" => "has failed: it exited with status 78, as its configuration was rejected"
                    .to_owned(),
                status => format!("has failed: it exited with status {status}"),
            },
            (_, "signal" | "core-dump") => format!("has failed: signal {status} killed it"),
            (_, "oom-kill") => "has failed: the kernel's OOM killer killed it".to_owned(),
            (_, "start-limit-hit") => {
                "has failed: it was started too often, see systemctl reset-failed".to_owned()
            }
            (_, result) => format!("has failed: {result}"),
        })
    }

    fn list(&self, key: &str) -> Vec<String> {
        self.value(key).map_or(Vec::new(), words)
    }

    /// Whether the unit's sandbox lets it write files in this directory.
    pub fn may_write(&self, directory: &Path) -> bool {
        let is_below = |paths: &[&str]| paths.iter().any(|path| directory.starts_with(path));
        let own = [
            ("LogsDirectory", "/var/log"),
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("CacheDirectory", "/var/cache"),
        ];
        let own = own.iter().flat_map(|(key, parent)| {
            let names = self.list(key).into_iter();
            names.map(move |name| Path::new(parent).join(name))
        });
        let named = self.list("ReadWritePaths").into_iter();
        let named = named.map(|path| PathBuf::from(path.trim_start_matches(['-', '+'])));
        if own.chain(named).any(|path| directory.starts_with(path)) {
            return true;
        }
        let is_home = !matches!(self.value("ProtectHome"), None | Some("no"))
            && is_below(&["/home", "/root", "/run/user"]);
        let is_system = match self.value("ProtectSystem") {
            Some("strict") => true,
            Some("full") => is_below(&["/usr", "/boot", "/efi", "/etc"]),
            Some("yes") => is_below(&["/usr", "/boot", "/efi"]),
            _ => false,
        };
        !is_home && !is_system
    }
}

/// What a unit's sandbox differs in from a unit without settings, as `--property=` of systemd-run(1).
///
/// # Errors
/// When no systemd answers, or the unit is not loaded.
pub fn sandbox(name: &str) -> Result<Vec<String>, Unknown> {
    Unit::ask(name)?;
    let text = show(SANDBOX, &[name, NO_UNIT])?;
    let (own, defaults) = text.split_once("\n\n").unwrap_or((&text, ""));
    let defaults: HashSet<&str> = defaults.lines().collect();
    let differing = own.lines().filter(|line| !defaults.contains(line));
    Ok(differing.map(str::to_owned).collect())
}

/// The properties of units, those of two units with an empty line between them.
fn show(properties: &str, units: &[&str]) -> Result<String, Unknown> {
    let mut command = Command::new("systemctl");
    command.args(["show", "--property", properties, "--"]);
    match command.args(units).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        // sd_booted(3).
        Ok(_) if !Path::new("/run/systemd/system").is_dir() => Err(Unknown::NotRunning),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(Unknown::Failed(
                text.lines().next().unwrap_or_default().to_owned(),
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unknown::NotRunning),
        Err(error) => Err(Unknown::Failed(error.to_string())),
    }
}

/// The words of a list: one with a space in it is in double quotes, or has a backslash before the space in later
/// versions of systemd.
fn words(list: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut is_quoted, mut letters) = (false, list.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' => word.extend(letters.next()),
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What systemd 252 printed of the shipped unit with a drop-in `ReadWritePaths="-/srv/a b" -/x`.
    const SHOWN: &str = "Restart=on-failure\nReadWritePaths=/var/log \"-/srv/a b\" -/x\nProtectHome=read-only\n\
        ProtectSystem=strict\nRuntimeDirectory=memory-monitor\nStateDirectory=memory-monitor\nCacheDirectory=\n\
        LogsDirectory=\nLoadState=loaded\nFragmentPath=/run/systemd/system/memory-monitor.service\n";

    #[test]
    fn a_unit_is_read_as_systemctl_prints_it() {
        let unit = Unit::parse(SHOWN);
        assert_eq!(unit.value("Restart"), Some("on-failure"));
        assert_eq!(unit.value("CacheDirectory"), Some(""));
        assert_eq!(unit.value("CPUQuota"), None);
        assert_eq!(
            unit.list("ReadWritePaths"),
            ["/var/log", "-/srv/a b", "-/x"]
        );
        assert_eq!(words(r"-/srv/a\ b /y"), ["-/srv/a b", "/y"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn a_sandbox_may_write_where_systemd_lets_it() {
        let unit = Unit::parse(SHOWN);
        for (directory, may) in [
            ("/var/log", true),
            ("/var/log/x", true),
            ("/var/lib/memory-monitor", true),
            ("/run/memory-monitor", true),
            ("/srv/a b", true),
            ("/x/y", true),
            ("/srv", false),
            ("/var/logs", false),
        ] {
            assert_eq!(unit.may_write(Path::new(directory)), may, "{directory}");
        }
        let unit = Unit::parse;
        assert!(unit("ProtectSystem=no\nProtectHome=no\n").may_write(Path::new("/root")));
        assert!(!unit("ProtectHome=yes\n").may_write(Path::new("/root")));
        assert!(!unit("ProtectSystem=full\n").may_write(Path::new("/etc/x")));
        assert!(unit("ProtectSystem=yes\n").may_write(Path::new("/etc/x")));
    }

    #[test]
    fn the_fate_of_a_service_is_told() {
        let fate = |text: &str| Unit::parse(text).fate();
        assert_eq!(fate(SHOWN), None);
        assert_eq!(fate("ActiveState=active\nResult=success\n"), None);
        for (text, told) in [
            ("ActiveState=inactive\nResult=success\n", "is inactive"),
            (
                "ActiveState=failed\nResult=exit-code\nExecMainStatus=78\n",
                "has failed: it exited with status 78, as its configuration was rejected",
            ),
            (
                "ActiveState=activating\nResult=exit-code\nExecMainStatus=1\n",
                "has failed: it exited with status 1",
            ),
            (
                "ActiveState=failed\nResult=signal\nExecMainStatus=9\n",
                "has failed: signal 9 killed it",
            ),
            (
                "ActiveState=failed\nResult=timeout\n",
                "has failed: timeout",
            ),
        ] {
            assert_eq!(fate(text).as_deref(), Some(told), "{text}");
        }
    }

    #[test]
    fn a_name_that_would_be_a_pattern_is_no_unit() {
        for name in ["*.service", "a/b.service", "[ab].service"] {
            assert!(matches!(Unit::ask(name), Err(Unknown::NotLoaded(_))));
        }
    }
}
