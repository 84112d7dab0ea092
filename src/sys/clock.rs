//! Local time by `localtime_r(3)`. `tzset(3)` comes before every conversion, because `localtime_r` reads the
//! time zone only once: so a changed /etc/localtime counts from the next line on. While it is
//! unchanged, glibc only stats it; daylight saving is in its table.

use crate::quantities::StartTime;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

unsafe extern "C" {
    // POSIX, but missing in the libc crate.
    fn tzset();
}

/// The first second of year 1 and the last one of year 9999, each a day inside for the zones: what a
/// clock says beyond is shown as these.
const SHOWN_SECONDS: (i64, i64) = (-62_135_510_400, 253_402_214_399);

/// A time of day and a date as the wall clock of this machine's time zone shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The year, 1 to 9999.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: i32,
    /// The day of the month, 1 to 31.
    pub day: i32,
    /// The hour, 0 to 23.
    pub hour: i32,
    /// The minute, 0 to 59.
    pub minute: i32,
    /// The second, 0 to 60.
    pub second: i32,
    /// The day of the week, 0 for Monday.
    pub weekday: u16,
    /// Seconds east of UTC.
    pub offset: i64,
}

impl LocalTime {
    /// The minute of the day, 0 to 1439.
    pub fn minute_of_day(&self) -> u16 {
        u16::try_from(self.hour * 60 + self.minute).unwrap_or(0)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// `time` in the time zone of TZ or, without it, of /etc/localtime as it is now.
pub fn local_time(time: SystemTime) -> LocalTime {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let started = i64::from(before.subsec_nanos() > 0);
            i64::try_from(before.as_secs()).map_or(i64::MIN, |whole| -whole - started)
        }
    };
    let seconds: libc::time_t = seconds.clamp(SHOWN_SECONDS.0, SHOWN_SECONDS.1);
    // SAFETY: tm is a C struct of integers and a pointer, for which all zeros are valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: reads the environment, which nothing in this process changes, and glibc's own lock
    // guards the time zone; both pointers are live for the call.
    unsafe {
        tzset();
        libc::localtime_r(&raw const seconds, &raw mut local);
    }
    LocalTime {
        year: local.tm_year + 1900,
        month: local.tm_mon + 1,
        day: local.tm_mday,
        hour: local.tm_hour,
        minute: local.tm_min,
        second: local.tm_sec,
        weekday: u16::try_from((local.tm_wday + 6) % 7).unwrap_or(0),
        offset: local.tm_gmtoff,
    }
}

/// RFC 3339 in local time with milliseconds: `2026-11-20T10:11:12.345+01:00`.
pub fn rfc3339(time: SystemTime) -> String {
    let local = local_time(time);
    let milliseconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |after| after.subsec_millis());
    let minutes = local.offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{milliseconds:03}{sign}{:02}:{:02}",
        local.year,
        local.month,
        local.day,
        local.hour,
        local.minute,
        local.second,
        minutes / 60,
        minutes % 60,
    )
}

/// Whole seconds since 1970; 0 for what is before.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// When a process was started, by today's wall clock; None before the epoch.
pub fn started_at(start: StartTime) -> Option<SystemTime> {
    let ticks = super::ticks_per_second().max(1);
    let start = Duration::from_secs(start.0 / ticks)
        + Duration::from_secs(start.0 % ticks) / u32::try_from(ticks).ok()?;
    SystemTime::now().checked_sub(super::boot_clock().saturating_sub(start))
}

/// When this day begins in local time; None for what the C library can't reckon.
pub fn start_of_day(year: i32, month: i32, day: i32) -> Option<SystemTime> {
    // SAFETY: tm is a C struct of integers and a pointer, for which all zeros are valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    local.tm_year = year - 1900;
    local.tm_mon = month - 1;
    local.tm_mday = day;
    // Let the time zone say whether daylight saving holds then.
    local.tm_isdst = -1;
    // SAFETY: as above; mktime reads and normalises the struct, which lives for the call.
    let seconds = unsafe { libc::mktime(&raw mut local) };
    let seconds = u64::try_from(seconds).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Command, Output};

    const CHILD: &str = "MEMORY_MONITOR_TEST_CLOCK_CHILD";
    const TOKYO: &str = "/usr/share/zoneinfo/Asia/Tokyo";

    fn at(seconds: u64) -> String {
        local_time(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
    }

    /// Runs one test of this binary again in a process of its own, where TZ can be set safely.
    fn child(wrapper: &[&str], test: &str, time_zone: Option<&str>) -> Output {
        let binary = std::env::current_exe().unwrap();
        let mut command = match wrapper {
            [] => Command::new(&binary),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&binary);
                command
            }
        };
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command.env(CHILD, "1").env_remove("TZ");
        if let Some(time_zone) = time_zone {
            command.env("TZ", time_zone);
        }
        command.output().unwrap()
    }

    fn assert_passed(output: &Output) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{output:?}"
        );
    }

    #[test]
    fn follows_daylight_saving_over_the_switch() {
        if std::env::var_os(CHILD).is_none() {
            let name = "sys::clock::tests::follows_daylight_saving_over_the_switch";
            assert_passed(&child(&[], name, Some("CET-1CEST,M3.5.0,M10.5.0/3")));
            return;
        }
        // 2025-03-30 and 2025-10-26, 01:00 UTC.
        assert_eq!(at(1_743_296_399), "2025-03-30 01:59:59");
        assert_eq!(at(1_743_296_400), "2025-03-30 03:00:00");
        assert_eq!(at(1_761_440_399), "2025-10-26 02:59:59");
        assert_eq!(at(1_761_440_400), "2025-10-26 02:00:00");
        let exact = |milliseconds| rfc3339(UNIX_EPOCH + Duration::from_millis(milliseconds));
        assert_eq!(exact(1_743_296_400_007), "2025-03-30T03:00:00.007+02:00");
        assert_eq!(exact(1_761_440_400_000), "2025-10-26T02:00:00.000+01:00");
        // In summer midnight is two hours before that of UTC, in winter one.
        let midnight = |month, day| {
            let start = start_of_day(2025, month, day).unwrap();
            start.duration_since(UNIX_EPOCH).unwrap().as_secs()
        };
        assert_eq!(midnight(7, 1), 1_751_328_000 - 7200);
        assert_eq!(midnight(1, 1), 1_735_689_600 - 3600);
    }

    #[test]
    fn shows_any_time_of_the_clock() {
        if std::env::var_os(CHILD).is_none() {
            let name = "sys::clock::tests::shows_any_time_of_the_clock";
            assert_passed(&child(&[], name, Some("UTC0")));
            return;
        }
        assert_eq!(at(0), "1970-01-01 00:00:00");
        let leap = local_time(UNIX_EPOCH + Duration::from_secs(951_782_400 + 3660));
        assert_eq!((leap.weekday, leap.minute_of_day()), (1, 61));
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00");
        let half = UNIX_EPOCH - Duration::from_millis(500);
        assert_eq!(local_time(half).to_string(), "1969-12-31 23:59:59");
        let far = UNIX_EPOCH + Duration::from_secs(1 << 60);
        assert_eq!(local_time(far).year, 9999);
        let long_ago = UNIX_EPOCH - Duration::from_secs(1 << 60);
        assert_eq!(local_time(long_ago).year, 1);
    }

    #[test]
    fn follows_a_changed_etc_localtime() {
        let bind = |source: &str| {
            let status = Command::new("mount")
                .args(["--bind", source, "/etc/localtime"])
                .status();
            assert!(status.unwrap().success());
        };
        if std::env::var_os(CHILD).is_some() {
            bind("/usr/share/zoneinfo/Etc/UTC");
            assert_eq!(at(951_782_400), "2000-02-29 00:00:00");
            bind(TOKYO);
            assert_eq!(at(951_782_400), "2000-02-29 09:00:00");
            return;
        }
        let private = ["unshare", "--mount"];
        let able = Command::new(private[0]).args([private[1], "true"]).output();
        if !able.is_ok_and(|output| output.status.success()) || !Path::new(TOKYO).exists() {
            println!("skipped: needs root for a mount namespace, and the package tzdata");
            return;
        }
        let name = "sys::clock::tests::follows_a_changed_etc_localtime";
        assert_passed(&child(&private, name, None));
    }
}
