//! The socket that a service manager passes to the notifier.

use super::notifier::{Place, SOCKET, ended};
use crate::harness::clock::FAKETIME;
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::notifier;
use crate::harness::os;
use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    takes_the_socket_of_a_socket_unit_and_exits_when_it_is_idle: [Needs::Users, Needs::File(FAKETIME)],
];

/// The first argument of this executable when it is to become another program, to which it passes a socket.
pub(crate) const WORD: &str = "--pass-socket";

/// What such a process does: `PROGRAM [ARGUMENT]...`, as a service manager starts it. The clock runs faster, so that
/// ten minutes take seconds.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) {
    let path = std::env::var_os(SOCKET).expect("a socket's path");
    let socket = UnixDatagram::bind(path).expect("a directory of ours");
    os::pass_as_fourth(socket.into());
    let error = Command::new(arguments.next().expect("a program"))
        .args(arguments)
        .env("LISTEN_PID", std::process::id().to_string())
        .env("LISTEN_FDS", "1")
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME", "+0 x300")
        .exec();
    panic!("{error}");
}

fn takes_the_socket_of_a_socket_unit_and_exits_when_it_is_idle() {
    let place = Place::new(0, "[notify]\ncommand = [\"/bin/true\"]\n");
    let mut command = Command::new("/proc/self/exe");
    command.arg(WORD).arg(notifier());
    let mut notifier = place.start(command);
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    let rest = notifier.exits();
    assert!(rest.contains("Notifier stopping: Reason=idle"), "{rest}");
    assert!(place.socket().exists(), "it is the service manager's");
}
