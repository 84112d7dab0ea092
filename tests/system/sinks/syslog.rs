//! Syslog over a real datagram socket that stands for /dev/log.

use super::{Bench, count, listen, received};
use crate::harness::confine::{Case, cases};
use log::{Level, LevelFilter};
use memory_monitor::cli::Verbosity;
use memory_monitor::events::sinks::Style;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

pub(crate) const CASES: &[Case] = cases![
    sends_the_message_at_the_matching_priority,
    is_off_when_it_is_switched_off,
    missing_gone_and_back_again_is_said_once_each,
    a_restarted_server_costs_no_record,
    a_full_socket_does_not_block,
    a_stream_socket_is_said_not_suffered,
    the_journal_gets_each_record_once,
    what_standard_error_could_not_bring_to_the_journal_goes_by_syslog,
    what_quiet_keeps_from_the_journal_goes_by_syslog,
];

/// The priority and the message of a packet in the form that syslog(3) sends.
fn parts(packet: &str) -> (&str, &str) {
    let (priority, rest) = packet.strip_prefix('<').unwrap().split_once('>').unwrap();
    let (time, rest) = rest.split_at(16);
    let shape: Vec<bool> = time
        .bytes()
        .map(|byte| byte == b' ' || byte == b':')
        .collect();
    for at in [3, 6, 9, 12, 15] {
        assert!(shape[at], "{packet:?}");
    }
    let tag = format!("memory-monitor[{}]: ", std::process::id());
    (priority, rest.strip_prefix(&tag).unwrap())
}

fn sends_the_message_at_the_matching_priority() {
    let mut bench = Bench::new();
    bench.settings.level = LevelFilter::Debug;
    bench.switch_syslog_on();
    let server = bench.listen();
    for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
        bench.log(level, "Scan complete.\n");
    }
    let packets = received(&server);
    let parts: Vec<_> = packets.iter().map(|packet| parts(packet)).collect();
    // daemon is facility 3: 3 * 8 + severity.
    let message = "Scan complete.\\x0a";
    assert_eq!(
        parts,
        [
            ("31", message),
            ("30", message),
            ("28", message),
            ("27", message)
        ]
    );
}

fn is_off_when_it_is_switched_off() {
    let mut bench = Bench::new();
    let server = bench.listen();
    bench.info("one");
    bench.switch_syslog_on();
    bench.info("two");
    bench.settings.syslog = false;
    bench.apply();
    bench.info("three");
    let packets = received(&server);
    assert_eq!(packets.len(), 1);
    assert_eq!(parts(&packets[0]), ("30", "two"));
}

fn missing_gone_and_back_again_is_said_once_each() {
    let mut bench = Bench::new();
    bench.switch_syslog_on();
    bench.info("lost one");
    bench.info("lost two");
    let server = bench.listen();
    bench.info("arrives");
    let packets = received(&server);
    assert_eq!(parts(&packets[0]), ("30", "arrives"));
    assert!(
        parts(&packets[1])
            .1
            .starts_with("Writing to syslog again: Path=")
    );
    assert!(packets[1].ends_with("Lost=2"), "{packets:?}");
    drop(server);
    bench.info("lost three");
    bench.info("lost four");
    let server = bench.listen();
    bench.info("arrives again");
    assert_eq!(parts(&received(&server)[0]), ("30", "arrives again"));
    let lines = bench.log_file();
    assert_eq!(
        count(&lines, "ERROR - Can't write to syslog: Path="),
        2,
        "{lines:?}"
    );
    assert_eq!(count(&lines, "Error=No such file or directory"), 1);
    assert_eq!(count(&lines, "Error=Connection refused"), 1);
    assert_eq!(count(&lines, "WARNING - Writing to syslog again"), 2);
    assert_eq!(count(&lines, "lost"), 4);
    assert_eq!(bench.finish(), lines);
}

fn a_restarted_server_costs_no_record() {
    let mut bench = Bench::new();
    bench.switch_syslog_on();
    for number in 0..5 {
        let server = bench.listen();
        bench.info(&format!("record {number}"));
        bench.info("next");
        assert_eq!(received(&server).len(), 2);
    }
    assert_eq!(count(&bench.log_file(), "syslog"), 0);
}

fn a_full_socket_does_not_block() {
    let mut bench = Bench::with(Verbosity::Quiet, Style::Plain);
    bench.switch_syslog_on();
    let server = bench.listen();
    // Far more than the queue of a socket takes (net.unix.max_dgram_qlen, 10 or 512).
    let records = 5000;
    for number in 0..records {
        bench.info(&format!("record {number}"));
    }
    let queued = received(&server).len();
    assert!(queued < records);
    bench.info("space again");
    let packets = received(&server);
    assert_eq!(parts(&packets[0]), ("30", "space again"));
    assert!(
        packets[1].ends_with(&format!("Lost={}", records - queued)),
        "{packets:?}"
    );
    let lines = bench.log_file();
    assert_eq!(count(&lines, "Can't write to syslog"), 1);
    assert_eq!(lines.len(), records + 3);
}

fn a_stream_socket_is_said_not_suffered() {
    let mut bench = Bench::new();
    let _listener = UnixListener::bind(bench.path("dev-log")).unwrap();
    bench.switch_syslog_on();
    bench.info("one");
    assert_eq!(
        count(&bench.finish(), "Error=Protocol wrong type for socket"),
        1
    );
}

fn the_journal_gets_each_record_once() {
    let mut bench = Bench::with(Verbosity::Normal, Style::Journal);
    let journald = listen(&bench.path("journald"));
    symlink("journald", bench.path("dev-log")).unwrap();
    bench.switch_syslog_on();
    bench.info("one");
    bench.log(Level::Error, "two");
    assert_eq!(received(&journald), Vec::<String>::new());
    // Another syslog daemon takes /dev/log over.
    let server = bench.listen();
    bench.info("three");
    assert_eq!(parts(&received(&server)[0]), ("30", "three"));
    assert_eq!(received(&journald), Vec::<String>::new());
    assert_eq!(bench.finish(), ["<6>one", "<3>two", "<6>three"]);
}

fn what_standard_error_could_not_bring_to_the_journal_goes_by_syslog() {
    let mut bench = Bench::with(Verbosity::Normal, Style::Journal);
    let journald = listen(&bench.path("journald"));
    symlink("journald", bench.path("dev-log")).unwrap();
    bench.switch_syslog_on();
    bench.stderr = None;
    bench.info("one");
    let packets = received(&journald);
    assert_eq!(parts(&packets[0]), ("30", "one"));
    assert!(
        packets[1].contains("Can't write to standard error"),
        "{packets:?}"
    );
    assert_eq!(packets.len(), 2);
}

fn what_quiet_keeps_from_the_journal_goes_by_syslog() {
    let mut bench = Bench::with(Verbosity::Quiet, Style::Journal);
    let journald = listen(&bench.path("journald"));
    symlink("journald", bench.path("dev-log")).unwrap();
    bench.switch_syslog_on();
    bench.log(Level::Error, "one");
    bench.info("two");
    let packets = received(&journald);
    assert_eq!(parts(&packets[0]), ("30", "two"));
    assert_eq!(packets.len(), 1);
    assert_eq!(bench.finish(), ["<3>one"]);
}
