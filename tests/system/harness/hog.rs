//! A process that uses memory: [`Hog`] starts one, [`run`] is what it does.

use crate::harness::machine::{LIMIT, until};
use crate::harness::os;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// The first argument of this executable when it is to be a hog.
pub(crate) const WORD: &str = "--hog";
/// The memory of an ordinary hog, well over the [`crate::harness::machine::THRESHOLD_GB`] of the tests.
const MIB: usize = 48;

/// What kind of hog to start.
#[derive(Clone)]
pub(crate) struct Hog {
    launcher: Vec<OsString>,
    mib: usize,
    comm: Vec<u8>,
    argv0: Vec<u8>,
    user: Option<u32>,
    ignores_sigterm: bool,
    leader_exits: bool,
    second_thread: bool,
}

impl Hog {
    /// One that obeys SIGTERM and is called "hog".
    pub(crate) fn new() -> Self {
        Self {
            // By this name any user may start it, wherever the executable lies.
            launcher: vec!["/proc/self/exe".into()],
            mib: MIB,
            comm: b"hog".to_vec(),
            argv0: b"hog".to_vec(),
            user: None,
            ignores_sigterm: false,
            leader_exits: false,
            second_thread: false,
        }
    }

    /// Started by these words: a copy of this executable, or a program that becomes one by exec.
    pub(crate) fn by<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        let launcher = words.collect();
        Self { launcher, ..self }
    }

    /// With so much memory beyond what any process of this executable has.
    pub(crate) fn mib(self, mib: usize) -> Self {
        Self { mib, ..self }
    }

    /// With this comm, of which the kernel keeps 15 bytes.
    pub(crate) fn comm(self, comm: impl AsRef<[u8]>) -> Self {
        let comm = comm.as_ref().to_vec();
        Self { comm, ..self }
    }

    /// With this as its `argv[0]`.
    pub(crate) fn argv0(self, argv0: impl AsRef<[u8]>) -> Self {
        let argv0 = argv0.as_ref().to_vec();
        Self { argv0, ..self }
    }

    /// Of the user with this uid.
    pub(crate) fn user(self, uid: u32) -> Self {
        let user = Some(uid);
        Self { user, ..self }
    }

    /// One that ignores SIGTERM.
    pub(crate) fn ignores_sigterm(self) -> Self {
        let ignores_sigterm = true;
        Self {
            ignores_sigterm,
            ..self
        }
    }

    /// One whose main thread exits while another thread keeps the memory.
    pub(crate) fn leader_exits(self) -> Self {
        let leader_exits = true;
        Self {
            leader_exits,
            ..self
        }
    }

    /// One with another thread that has nothing to do.
    pub(crate) fn with_second_thread(self) -> Self {
        let second_thread = true;
        Self {
            second_thread,
            ..self
        }
    }

    /// Starts it; returns when it has its memory, or is over.
    pub(crate) fn start(self) -> RunningHog {
        let (program, words) = self.launcher.split_first().expect("a program");
        let mut command = Command::new(program);
        command.args(words);
        command.arg(WORD).arg(self.mib.to_string());
        command.arg(OsStr::from_bytes(&self.comm));
        command.args(self.ignores_sigterm.then_some(IGNORES_SIGTERM));
        command.args(self.leader_exits.then_some(LEADER_EXITS));
        command.args(self.second_thread.then_some(SECOND_THREAD));
        if words.is_empty() {
            command.arg0(OsStr::from_bytes(&self.argv0));
        }
        if let Some(uid) = self.user {
            command.uid(uid).gid(GROUP);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a hog starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let hog = RunningHog { child };
        if line != READY {
            // A daemon that runs already may kill it before it can say so.
            hog.becomes_zombie();
        }
        if self.leader_exits {
            until("the main thread has exited", || hog.state() == Some('Z'));
        }
        hog
    }

    /// Starts it with the PID `pid`, which must be free.
    pub(crate) fn start_as(self, pid: u32) -> RunningHog {
        for _ in 0..1000 {
            next_pid(pid);
            let mut hog = self.clone().start();
            if hog.pid() == pid {
                return hog;
            }
            // Another process took it in between: a helper of the daemon, which is gone soon.
            hog.kill();
        }
        panic!("PID {pid} never became free");
    }
}

/// Starts a process of this name with little memory.
pub(crate) fn sleeper(name: impl AsRef<[u8]>) -> RunningHog {
    Hog::new().mib(1).comm(name).start()
}

/// Lets the next process of this test have the PID `pid`, if it is free.
pub(crate) fn next_pid(pid: u32) {
    // The file belongs to this test's pid namespace; see pid_namespaces(7).
    let last = (pid - 1).to_string();
    fs::write("/proc/sys/kernel/ns_last_pid", last).expect("root sets the last PID");
}

/// A hog that was started. It stays an unreaped child until it is asked how it ended.
pub(crate) struct RunningHog {
    child: Child,
}

impl RunningHog {
    /// Its PID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The state letter of its main thread; None once it is reaped.
    pub(crate) fn state(&self) -> Option<char> {
        self.state_of(self.pid())
    }

    fn state_of(&self, thread: u32) -> Option<char> {
        let stat = fs::read(format!("/proc/{}/task/{thread}/stat", self.pid())).ok()?;
        let end_of_comm = stat.iter().rposition(|&byte| byte == b')')?;
        stat.get(end_of_comm + 2).map(|&byte| byte.into())
    }

    /// Whether a thread of it is left.
    pub(crate) fn is_alive(&self) -> bool {
        !os::is_over(self.pid())
    }

    /// Waits until it is over, without reaping it.
    pub(crate) fn becomes_zombie(&self) {
        until("the hog is over", || !self.is_alive());
    }

    /// Waits until it is over, reaps it, and returns the signal that ended it.
    pub(crate) fn ended_by(&mut self) -> Option<i32> {
        let mut status = None;
        until("the hog is over", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        status.and_then(|status| status.signal())
    }

    /// Lets it give itself another comm.
    pub(crate) fn rename(&mut self, comm: &str) {
        let mut orders = self.child.stdin.as_ref().expect("a pipe");
        writeln!(orders, "{comm}").expect("the hog reads");
        let path = format!("/proc/{}/comm", self.pid());
        until("the hog has its new name", || {
            fs::read_to_string(&path).is_ok_and(|text| text.trim_end() == comm)
        });
    }

    /// The numbers of its threads, the main thread's first.
    pub(crate) fn threads(&self) -> Vec<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("a child of ours");
        let names = threads.map(|entry| entry.expect("an entry").file_name());
        let number = |name: OsString| name.to_str().and_then(|name| name.parse().ok());
        let mut numbers: Vec<u32> = names.map(|name| number(name).expect("a number")).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Stops it, as Ctrl-Z does.
    pub(crate) fn stop(&self) {
        os::signal(self.pid(), libc::SIGSTOP);
        until("the hog is stopped", || {
            let mut threads = self.threads().into_iter();
            threads.any(|thread| self.state_of(thread) == Some('T'))
        });
    }

    /// Lets /proc show it as a kernel thread: with PF_KTHREAD among the flags of its `stat`.
    pub(crate) fn show_as_kernel_thread(&self) {
        const PF_KTHREAD: u32 = 0x0020_0000;
        let path = PathBuf::from(format!("/proc/{}/stat", self.pid()));
        let stat = fs::read_to_string(&path).expect("a child of ours");
        let (comm, rest) = stat.rsplit_once(") ").expect("proc(5)");
        let mut fields: Vec<String> = rest.split(' ').map(str::to_owned).collect();
        // The state is the third field of the line and the first one here, the flags are the ninth.
        let flags: u32 = fields[6].parse().expect("a number");
        fields[6] = (flags | PF_KTHREAD).to_string();
        let shown = std::env::temp_dir().join(format!("stat-{}", self.pid()));
        fs::write(&shown, format!("{comm}) {}", fields.join(" "))).expect("a file of ours");
        os::mount(&shown, &path, "", libc::MS_BIND, "");
    }

    /// Kills and reaps it, so that its PID is free.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.ended_by();
    }
}

/// The group of all other users' processes, whose ID no user has. hidepid shows a user those
/// of the same user and group.
pub(crate) const GROUP: u32 = 4242;
const IGNORES_SIGTERM: &str = "ignores-sigterm";
const LEADER_EXITS: &str = "leader-exits";
const SECOND_THREAD: &str = "second-thread";
const READY: &str = "ready\n";

/// A hog's life: `MIB COMM [OPTION]...`.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) {
    let mib = arguments
        .next()
        .and_then(|text| text.to_str()?.parse::<usize>().ok());
    let mib = mib.expect("a number of MiB");
    let comm = arguments.next().expect("a comm").into_vec();
    let options: Vec<OsString> = arguments.collect();
    fs::write("/proc/self/comm", comm).expect("a process may name itself");
    if options.iter().any(|option| option == IGNORES_SIGTERM) {
        os::ignore_sigterm();
    }
    if options.iter().any(|option| option == SECOND_THREAD) {
        thread::spawn(|| thread::sleep(LIMIT));
    }
    if options.iter().any(|option| option == LEADER_EXITS) {
        thread::spawn(move || hold(mib));
        os::exit_this_thread();
    }
    hold(mib);
}

fn hold(mib: usize) {
    // Every byte is written: memory that was only asked for costs nothing.
    let memory = vec![b'm'; mib << 20];
    let mut stdout = std::io::stdout();
    stdout.write_all(READY.as_bytes()).expect("the test reads");
    stdout.flush().expect("the test reads");
    for name in std::io::stdin().lines() {
        fs::write("/proc/self/comm", name.expect("a line")).expect("a process may name itself");
    }
    loop {
        std::hint::black_box(&memory);
        thread::sleep(LIMIT);
    }
}
