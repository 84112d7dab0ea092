//! What can block for ever, in a process of its own: `cmdline` and `smaps_rollup` take the lock of the process's memory
//! (mmap_lock), and so does process_mrelease(2). In a user namespace any user can hold that lock as long as they like; on
//! a thrashing machine the reads took 11 s and 36 s without any attacker.
//!
//! The helper is forked from this program and gets the process's open directory, so that what it reads is of that very
//! process. One that gives no answer within the budget is killed and replaced, and the process that it waited for is
//! remembered. Touches those files only.

use super::name::{self, Name};
use super::parse;
use super::procfile::{Failure, Unreadable};
use crate::quantities::{Bytes, ProcessKey};
use crate::sys::helper::{self, Helper};
use crate::sys::process::{ProcessDirectory, ProcessHandle, reclaim};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long all answers of one scan may take together. An answer takes 30 us on an idle machine.
const BUDGET: Duration = Duration::from_millis(100);
/// The same for the words of the log, which come after the signals.
const BUDGET_FOR_WORDS: Duration = Duration::from_millis(50);
/// What is read of a file at most. A single argument has 128 KiB at most (MAX_ARG_STRLEN); what is longer is doubt.
const LARGEST: usize = 128 * 1024;
/// Before the text of an answer: the number of its request and an error number, 0 for none.
const HEADER: usize = 8;
/// How many processes are remembered that gave no answer, the oldest of which is forgotten.
const REMEMBERED: usize = 256;
/// After so long such a process is asked again: on a thrashing machine it may have done nothing wrong.
const PAUSE: Duration = Duration::from_secs(60);
/// So many killed helpers may still exist, because the kernel has not let them go: then no further one is made.
const LOST: usize = 4;
/// So many processes are asked for words at once.
const WORDS: usize = 64;

/// Texts of this length cost no heap allocation: few processes have more arguments.
const TEXT: usize = 4096;

/// What the helper can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Request {
    Cmdline,
    SmapsRollup,
    Reclaim,
}

impl Request {
    const ALL: [(Self, &'static CStr); 3] = [
        (Self::Cmdline, c"cmdline"),
        (Self::SmapsRollup, c"smaps_rollup"),
        (Self::Reclaim, c""),
    ];

    fn file(self) -> &'static CStr {
        let found = Self::ALL.iter().find(|(request, _)| *request == self);
        found.map_or(c"", |(_, file)| file)
    }
}

/// What the log says of a process beside what decided about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// Its name, where the kernel had cut it and the arguments complete it.
    pub name: Option<Name>,
    /// Its arguments with spaces between them, cut at 255 bytes.
    pub cmdline: Option<Name>,
    /// Its anonymous memory, in RAM and in swap, with what it shares with others divided among them.
    pub share: Option<Bytes>,
}

/// A process that was asked for words.
#[derive(Debug)]
struct Asked {
    key: ProcessKey,
    request: Request,
    /// The number of the request.
    number: u32,
    /// Its name where the kernel has cut it.
    cut: Option<Name>,
    words: Option<Words>,
}

/// A helper that was started and not used yet.
#[derive(Debug)]
pub struct Reader(Helper);

impl Reader {
    /// Starts it, so that it need not be started when memory is short; and before this program has touched the memory
    /// that it will need: a fork(2) makes it a copy on write.
    ///
    /// # Errors
    /// Where there can be no further process: then what it would read can't be read.
    pub fn start() -> io::Result<Self> {
        Helper::spawn(c"monitor-reader", serve).map(Self)
    }
}

/// The helper, and what is known of it.
#[derive(Debug)]
pub(super) struct Blocking(RefCell<State>);

impl Default for Blocking {
    fn default() -> Self {
        Self(RefCell::new(State {
            left: BUDGET,
            lost: Vec::with_capacity(LOST),
            late: VecDeque::with_capacity(REMEMBERED),
            words: Vec::with_capacity(WORDS),
            packet: Vec::with_capacity(TEXT),
            texts: (0..4).map(|_| Vec::with_capacity(TEXT)).collect(),
            ..State::default()
        }))
    }
}

#[derive(Debug, Default)]
struct State {
    helper: Option<Helper>,
    /// Killed, and still there.
    lost: Vec<Helper>,
    number: u32,
    /// What is left to wait in this scan.
    left: Duration,
    late: VecDeque<(ProcessKey, Instant)>,
    words: Vec<Asked>,
    /// For one packet.
    packet: Vec<u8>,
    /// Texts that were read, whose memory is kept.
    texts: Vec<Vec<u8>>,
}

impl Blocking {
    /// Uses a helper that was started before.
    pub(super) fn adopt(&self, reader: Reader) {
        self.0.borrow_mut().helper = Some(reader.0);
    }

    /// A scan begins: its budget is whole again.
    pub(super) fn renew(&self) {
        self.0.borrow_mut().left = BUDGET;
    }

    /// Reads a file of this process into `text`.
    pub(super) fn read(
        &self,
        directory: &ProcessDirectory,
        key: ProcessKey,
        request: Request,
        text: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.0.borrow_mut().read(directory, key, request, text)
    }

    /// Asks for the words of a process and does not wait for them. `cut` is its name where the kernel has cut it.
    pub(super) fn ask_words(
        &self,
        directory: &ProcessDirectory,
        key: ProcessKey,
        cut: Option<&Name>,
        request: Request,
    ) {
        let mut state = self.0.borrow_mut();
        if state.is_late(key) || state.words.len() >= WORDS {
            return;
        }
        if let Ok(number) = state.send(request, directory.as_fd()) {
            state.words.push(Asked {
                key,
                request,
                number,
                cut: cut.copied(),
                words: None,
            });
        }
    }

    /// The signals are sent: the words that were asked for have a budget of their own.
    pub(super) fn renew_for_words(&self) {
        self.0.borrow_mut().left = BUDGET_FOR_WORDS;
    }

    /// The words of a process that was asked for them, as far as there is an answer.
    pub(super) fn take_words(&self, key: ProcessKey) -> Words {
        let mut state = self.0.borrow_mut();
        let is_open = |asked: &Asked| asked.key == key && asked.words.is_none();
        while state.words.iter().any(is_open) && state.receive(None).is_ok() {}
        let mut all = Words::default();
        state.words.retain(|asked| {
            let words = asked.words.filter(|_| asked.key == key).unwrap_or_default();
            all.name = all.name.or(words.name);
            all.cmdline = all.cmdline.or(words.cmdline);
            all.share = all.share.or(words.share);
            asked.key != key
        });
        all
    }

    /// Frees the memory of a process that was sent SIGKILL, without waiting for that.
    pub(super) fn reclaim(&self, process: &ProcessHandle) {
        let mut state = self.0.borrow_mut();
        if let Some(pidfd) = process.pidfd() {
            // It only speeds up what the kernel does anyway.
            let _ = state.send(Request::Reclaim, pidfd);
        }
    }

    fn take_text(&self) -> Vec<u8> {
        self.0.borrow_mut().texts.pop().unwrap_or_default()
    }

    fn give_back(&self, text: Vec<u8>) {
        self.0.borrow_mut().texts.push(text);
    }
}

impl State {
    fn helper(&mut self) -> io::Result<&Helper> {
        if self.helper.is_none() {
            self.lost.retain(|helper| !helper.has_ended());
            if self.lost.len() >= LOST {
                return Err(io::Error::from_raw_os_error(libc::EAGAIN));
            }
            self.helper = Some(Reader::start()?.0);
        }
        self.helper.as_ref().ok_or(io::ErrorKind::NotFound.into())
    }

    /// Kills the helper. What it was asked is not answered.
    fn replace(&mut self) {
        if let Some(helper) = self.helper.take() {
            helper.kill();
            self.lost.push(helper);
        }
        self.lost.retain(|helper| !helper.has_ended());
        self.words.retain(|asked| asked.words.is_some());
    }

    fn send(&mut self, request: Request, descriptor: BorrowedFd<'_>) -> io::Result<u32> {
        self.number = self.number.wrapping_add(1);
        let [a, b, c, d] = self.number.to_ne_bytes();
        let packet = [request as u8, a, b, c, d];
        let helper = self.helper()?.as_fd();
        let sent = helper::send(helper, &packet, Some(descriptor), false);
        if let Err(error) = sent {
            // It was killed, or is busy with what is not waited for.
            self.replace();
            let helper = self.helper()?.as_fd();
            helper::send(helper, &packet, Some(descriptor), false).map_err(|_| error)?;
        }
        Ok(self.number)
    }

    fn is_late(&self, key: ProcessKey) -> bool {
        let mut late = self.late.iter();
        late.any(|(late, since)| *late == key && since.elapsed() < PAUSE)
    }

    fn remember(&mut self, key: ProcessKey) {
        if self.late.len() >= REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back((key, Instant::now()));
    }

    fn read(
        &mut self,
        directory: &ProcessDirectory,
        key: ProcessKey,
        request: Request,
        text: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let file = request.file().to_str().unwrap_or_default();
        let late = Failure::Unreadable(Unreadable::late(file));
        if self.is_late(key) || self.left.is_zero() {
            return Err(late);
        }
        let number = self.send(request, directory.as_fd());
        let number = number.map_err(|error| Failure::new(file, &error))?;
        match self.receive(Some((number, key))) {
            Ok((0, length)) if length < LARGEST => {
                let answer = self.packet.get(HEADER..HEADER + length);
                text.clear();
                text.extend_from_slice(answer.unwrap_or_default());
                Ok(())
            }
            Ok((0, _)) => Err(Failure::Unreadable(Unreadable::too_long(file))),
            Ok((errno, _)) => Err(Failure::new(file, &io::Error::from_raw_os_error(errno))),
            Err(Late) => Err(late),
        }
    }

    /// Waits for the answer to this request, or for one to any of those for words: its error number, and the length of
    /// its text in the packet.
    fn receive(&mut self, wanted: Option<(u32, ProcessKey)>) -> Result<(i32, usize), Late> {
        loop {
            let Some(helper) = &self.helper else {
                return Err(Late);
            };
            let began = Instant::now();
            let is_there = helper::wait(helper.as_fd(), self.left).unwrap_or(false);
            self.left = self.left.saturating_sub(began.elapsed());
            self.packet.clear();
            if is_there {
                self.packet.resize(helper::next_length(helper.as_fd()), 0);
                let received = helper::receive(helper.as_fd(), &mut self.packet);
                if received.is_err() {
                    self.packet.clear();
                }
            }
            let Some((number, errno)) = header_of(&self.packet) else {
                // It answers in the order of the requests, so the oldest is the one that it waits for.
                let oldest = self.words.iter().find(|asked| asked.words.is_none());
                let oldest = oldest.map(|asked| asked.key);
                if let Some(key) = oldest.or(wanted.map(|(_, key)| key)) {
                    self.remember(key);
                }
                self.replace();
                return Err(Late);
            };
            let answer = (errno, self.packet.len() - HEADER);
            if wanted.is_some_and(|(wanted, _)| wanted == number) {
                return Ok(answer);
            }
            let text = self.packet.get(HEADER..).unwrap_or_default();
            if let Some(asked) = self.words.iter_mut().find(|asked| asked.number == number) {
                asked.words = Some(asked.words_in(text));
                if wanted.is_none() {
                    return Ok(answer);
                }
            }
        }
    }
}

impl Asked {
    fn words_in(&self, text: &[u8]) -> Words {
        if self.request == Request::SmapsRollup {
            // Linux 5.4; SwapPss is older.
            let resident = parse::amount(text, b"Pss_Anon");
            let swapped = parse::amount(text, b"SwapPss").unwrap_or(Bytes::ZERO);
            let share = resident.map(|resident| resident.saturating_add(swapped));
            return Words {
                share,
                ..Words::default()
            };
        }
        let cut = self.cut.as_ref();
        Words {
            name: cut.and_then(|cut| name::complete(cut.as_bytes(), text)),
            cmdline: Some(name::joined(text)).filter(|cmdline| !cmdline.as_bytes().is_empty()),
            share: None,
        }
    }
}

/// The number of the request and the error number of an answer; None where there is no answer.
fn header_of(answer: &[u8]) -> Option<(u32, i32)> {
    let (number, rest) = answer.split_first_chunk::<4>()?;
    let errno = rest.first_chunk::<4>()?;
    Some((u32::from_ne_bytes(*number), i32::from_ne_bytes(*errno)))
}

/// There is no answer in time, or no helper.
#[derive(Debug)]
struct Late;

/// The helper itself: answers each request, one after another. Allocates nothing, since it may be forked from a program
/// with several threads.
#[allow(clippy::large_stack_arrays)] // of a stack of its own
fn serve(socket: BorrowedFd<'_>) {
    let mut packet = [0; 8];
    let mut answer = [0; HEADER + LARGEST];
    loop {
        let Ok((packet, Some(descriptor))) = helper::receive(socket, &mut packet) else {
            return;
        };
        let Some((&kind, number)) = packet.split_first() else {
            return;
        };
        let mut all = Request::ALL.iter();
        let Some((request, file)) = all.find(|(request, _)| *request as u8 == kind) else {
            return;
        };
        if *request == Request::Reclaim {
            // As above.
            let _ = reclaim(descriptor.as_fd());
            continue;
        }
        let Some((header, text)) = answer.split_at_mut_checked(HEADER) else {
            return;
        };
        let (errno, length) = match helper::read_whole(descriptor.as_fd(), file, text) {
            Ok(text) => (0, text.len()),
            Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), 0),
        };
        let fields = number.iter().copied().chain(errno.to_ne_bytes());
        for (target, byte) in header.iter_mut().zip(fields) {
            *target = byte;
        }
        let answer = answer.get(..HEADER + length).unwrap_or_default();
        if helper::send(socket, answer, None, true).is_err() {
            return;
        }
    }
}

/// The arguments of one process, read when they are first wanted.
pub(super) struct Arguments<'a> {
    blocking: &'a Blocking,
    directory: &'a ProcessDirectory,
    key: ProcessKey,
    read: Option<Result<(), Unreadable>>,
    text: Vec<u8>,
    joined: Vec<u8>,
}

impl<'a> Arguments<'a> {
    pub(super) fn of(
        blocking: &'a Blocking,
        directory: &'a ProcessDirectory,
        key: ProcessKey,
    ) -> Self {
        Self {
            blocking,
            directory,
            key,
            read: None,
            text: blocking.take_text(),
            joined: blocking.take_text(),
        }
    }

    /// As the process has them, a NUL after each. A process that is gone has none.
    ///
    /// # Errors
    /// Where they can't be read, to their end or in time.
    pub(super) fn get(&mut self) -> Result<&[u8], Unreadable> {
        if self.read.is_none() {
            let read =
                self.blocking
                    .read(self.directory, self.key, Request::Cmdline, &mut self.text);
            self.read = Some(match read {
                Ok(()) => Ok(()),
                Err(Failure::Unreadable(unreadable)) => Err(unreadable),
                Err(Failure::Gone) => {
                    self.text.clear();
                    Ok(())
                }
            });
        }
        match self.read {
            Some(Err(unreadable)) => Err(unreadable),
            _ => Ok(&self.text),
        }
    }

    /// The same with spaces between them, as ps(1) shows them.
    ///
    /// # Errors
    /// As [`Arguments::get`].
    pub(super) fn joined(&mut self) -> Result<&[u8], Unreadable> {
        self.get()?;
        let end = self.text.iter().rposition(|&byte| byte != 0);
        let text = self.text.iter().take(end.map_or(0, |end| end + 1));
        self.joined.clear();
        self.joined
            .extend(text.map(|&byte| if byte == 0 { b' ' } else { byte }));
        Ok(&self.joined)
    }
}

impl Drop for Arguments<'_> {
    fn drop(&mut self) {
        self.blocking.give_back(std::mem::take(&mut self.text));
        self.blocking.give_back(std::mem::take(&mut self.joined));
    }
}
