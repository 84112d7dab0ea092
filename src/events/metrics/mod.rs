//! Metrics for Prometheus: what has happened since the daemon was started, and the state of machine and daemon, as the
//! text that node_exporter's textfile collector reads. Documented in memory-monitor-config(5); a metric's meaning never
//! changes. May touch that one file.

mod counts;
mod file;
mod page;
#[cfg(test)]
mod tests;

use super::description::{Counter, Description, Failure};
use crate::config::Config;
use crate::policy::Threshold;
use crate::policy::system_guard::Level;
use crate::proc::SystemMemory;
use crate::quantities::Bytes;
use counts::Counts;
use file::MetricsFile;
use page::{Page, Seconds};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a scan has found.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// Whether it was an early scan.
    pub is_early: bool,
    /// How long it took, with its signals.
    pub took: Duration,
    /// The machine's memory.
    pub memory: SystemMemory,
    /// How many processes it saw.
    pub processes: usize,
    /// How many of them were over their thresholds and not protected.
    pub over: usize,
}

/// The memory of a group.
#[derive(Clone, Debug)]
pub struct GroupGauge {
    /// Its name as the log has it.
    pub group: String,
    /// By its metric where that was read, by RSS elsewhere.
    pub bytes: Bytes,
    /// Whether it is over its threshold.
    pub is_over: bool,
}

/// All metrics, and the file they are in.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Counts,
    regular_scans: u64,
    early_scans: u64,
    scan_time: Duration,
    /// The last scan and when it was over.
    last: Option<(Scan, SystemTime)>,
    /// What the guard has read last, and whether memory is short; None where it is off.
    system: Option<(Level, bool)>,
    /// The largest groups at the last regular scan.
    groups: Vec<GroupGauge>,
    check_interval: Duration,
    loaded: Option<SystemTime>,
    is_valid: bool,
    is_dry_run: bool,
    file: Option<MetricsFile>,
    /// The text of the file; its memory is kept.
    text: String,
    /// Whether there is something new to write.
    is_due: bool,
}

impl Metrics {
    /// Whether they are written to a file.
    pub fn is_wanted(&self) -> bool {
        self.file.is_some()
    }

    /// Counts an event.
    pub(super) fn count(&mut self, description: &Description<'_>) {
        let Some(counter) = description.counter else {
            return;
        };
        self.counts.count(counter, &description.data);
        if counter == Counter::Failure(Failure::Configuration) {
            self.is_valid = false;
        }
        self.is_due = true;
    }

    /// A configuration is in force. The file of the previous one is removed where this one names another.
    pub fn note_config(&mut self, config: &Config) {
        self.counts.reserve(config.rules.len());
        self.loaded = Some(SystemTime::now());
        self.is_valid = true;
        self.is_dry_run = config.dry_run;
        self.is_due = true;
        let wanted = config.metrics_file.as_deref();
        if self.file.as_ref().map(MetricsFile::path) != wanted {
            let old = std::mem::replace(&mut self.file, wanted.map(MetricsFile::new));
            if let Some(old) = old {
                old.remove();
            }
        }
    }

    /// A scan is complete.
    pub fn note_scan(&mut self, scan: Scan) {
        if scan.is_early {
            self.early_scans += 1;
        } else {
            self.regular_scans += 1;
            self.is_due = true;
        }
        self.scan_time = self.scan_time.saturating_add(scan.took);
        self.last = Some((scan, SystemTime::now()));
    }

    /// The guard has read the machine's memory, and whether it is short; `is_new` where that is to be written soon.
    pub fn note_system(&mut self, level: Level, is_short: bool, is_new: bool) {
        self.system = Some((level, is_short));
        self.is_due |= is_new;
    }

    /// The guard is off.
    pub fn forget_system(&mut self) {
        self.system = None;
        self.is_due = true;
    }

    /// A regular scan has summed up the groups, of which these are the largest.
    pub fn note_groups(&mut self, groups: Vec<GroupGauge>) {
        self.groups = groups;
    }

    /// The machine is short of memory by this threshold.
    pub fn count_shortage(&mut self, threshold: Threshold) {
        self.counts.count_shortage(threshold);
        self.is_due = true;
    }

    /// Writes the file where there is something new; `check_interval` is the one in force now.
    pub fn write(&mut self, check_interval: Duration) {
        self.check_interval = check_interval;
        if !std::mem::take(&mut self.is_due) {
            return;
        }
        if let Some(mut file) = self.file.take() {
            self.render();
            if !file.write(&self.text) {
                self.counts.fail(Failure::MetricsFile);
            }
            self.file = Some(file);
        }
    }

    /// Makes the text.
    fn render(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        let page = &mut Page::over(&mut text);
        page.begin("build_info", "gauge", "The version that runs.");
        page.sample(&[("version", &env!("CARGO_PKG_VERSION"))], 1);
        self.write_memory(page);
        self.write_system(page);
        self.write_groups(page);
        self.write_scans(page);
        self.counts.write(page);
        self.write_config(page);
        self.text = text;
    }

    fn write_memory(&self, page: &mut Page<'_>) {
        let Some((scan, _)) = &self.last else { return };
        let memory = &scan.memory;
        page.gauge("memory_total_bytes", "MemTotal.", memory.total.get());
        if let Some(available) = memory.available {
            page.gauge("memory_available_bytes", "MemAvailable.", available.get());
        }
        page.gauge("swap_total_bytes", "SwapTotal.", memory.swap_total.get());
        page.gauge("swap_free_bytes", "SwapFree.", memory.swap_free.get());
        page.gauge(
            "processes",
            "Processes that the last scan saw.",
            scan.processes,
        );
        page.gauge(
            "processes_over_threshold",
            "Processes that the last scan found over their thresholds and not protected.",
            scan.over,
        );
    }

    fn write_system(&self, page: &mut Page<'_>) {
        let Some((level, is_short)) = &self.system else {
            return;
        };
        page.gauge(
            "memory_left_bytes",
            "Available memory, and free swap for what it gains.",
            level.left.get(),
        );
        page.gauge(
            "memory_short_below_bytes",
            "Memory is short where less is left.",
            level.floor.get(),
        );
        page.gauge(
            "memory_short",
            "1 while memory is short.",
            u8::from(*is_short),
        );
        if let Some(stall) = level.stall {
            page.gauge(
                "memory_stall_seconds",
                "How long all work has waited for memory within the last ten seconds.",
                stall.as_secs_f64(),
            );
        }
    }

    fn write_groups(&self, page: &mut Page<'_>) {
        if self.groups.is_empty() {
            return;
        }
        page.begin(
            "group_bytes",
            "gauge",
            "Memory of the 20 largest groups, by their metric as far as it had to be read, and else by RSS.",
        );
        for gauge in &self.groups {
            page.sample(&[("group", &gauge.group)], gauge.bytes.get());
        }
        page.begin(
            "group_over",
            "gauge",
            "1 while the group is over its threshold.",
        );
        for gauge in &self.groups {
            page.sample(&[("group", &gauge.group)], u8::from(gauge.is_over));
        }
    }

    fn write_scans(&self, page: &mut Page<'_>) {
        page.counter(
            "scans_total",
            "Scans of all processes: regular ones every check_interval, and early ones between them.",
        );
        page.sample(&[("kind", &"regular")], self.regular_scans);
        page.sample(&[("kind", &"early")], self.early_scans);
        page.summary(
            "scan_seconds",
            "How long scans took, with their signals.",
            self.scan_time,
            self.regular_scans + self.early_scans,
        );
        let (took, ended) = self
            .last
            .map_or((Duration::ZERO, UNIX_EPOCH), |(scan, ended)| {
                (scan.took, ended)
            });
        page.gauge(
            "last_scan_seconds",
            "How long the last scan took.",
            took.as_secs_f64(),
        );
        page.gauge(
            "last_scan_timestamp_seconds",
            "When the last scan was over, 0 before the first.",
            Seconds(ended),
        );
        page.gauge(
            "check_interval_seconds",
            "The time between two regular scans that is in force now.",
            self.check_interval.as_secs_f64(),
        );
    }

    fn write_config(&self, page: &mut Page<'_>) {
        page.gauge(
            "config_loaded_timestamp_seconds",
            "When the configuration in force was read.",
            Seconds(self.loaded.unwrap_or(UNIX_EPOCH)),
        );
        page.gauge(
            "config_valid",
            "0 after a configuration was rejected: the previous one stays in force.",
            u8::from(self.is_valid),
        );
        page.gauge(
            "dry_run",
            "1 where nothing is killed.",
            u8::from(self.is_dry_run),
        );
    }
}
