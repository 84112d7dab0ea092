//! What can block for ever, in a process of its own: `cmdline` and `smaps_rollup` take the lock of the process's memory
//! (mmap_lock), and so does process_mrelease(2). In a user namespace any user can hold that lock as long as they like;
//! on a thrashing machine the reads took 11 s and 36 s without any attacker.
//!
//! The helper is forked from this program and gets the process's open directory, so that what it reads is of that very
//! process. One that is blocked is killed and replaced, and the process that blocks it left alone for a while. What
//! there was no time for has its turn in the next scans. Touches those files only.

mod arguments;
mod reader;
mod turns;
mod words;

pub(super) use arguments::Arguments;
pub use reader::Reader;
pub(super) use reader::Request;
pub use words::Words;

use super::name::Name;
use super::procfile::{Failure, Unreadable};
use crate::quantities::ProcessKey;
use crate::sys::helper::{self, Helper, Work};
use crate::sys::process::{ProcessDirectory, ProcessHandle};
use reader::{HEADER, LARGEST, header_of};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use turns::Turns;
use words::Asked;

/// How long all answers of one scan may take together. An answer takes 30 us on an idle machine.
const BUDGET: Duration = Duration::from_millis(100);
/// A process that gives no answer in so much of it keeps its memory from being read. In one of two scans each has at
/// least half of it, see `Turns`.
const BLAMED: f64 = 0.4;
/// The same for the words of the log, which come after the signals.
const BUDGET_FOR_WORDS: Duration = Duration::from_millis(50);
/// The same for a command, which nothing waits for.
const BUDGET_OF_COMMANDS: Duration = Duration::from_secs(3);
/// How long all signals of one scan together may wait for words. An answer takes 30 us on an idle machine; on two busy
/// processors the helper ran after more than 3 ms, and the record of a kill was without its arguments.
const MOMENT: Duration = Duration::from_millis(25);
/// So many killed helpers may still exist, because the kernel has not let them go: then no further one is made.
const LOST: usize = 4;
/// So many processes are asked for words at once.
const WORDS: usize = 64;

/// Texts of this length cost no heap allocation: few processes have more arguments.
const TEXT: usize = 4096;

/// The helper, and what is known of it.
#[derive(Debug)]
pub(super) struct Blocking(RefCell<State>);

impl Default for Blocking {
    fn default() -> Self {
        Self(RefCell::new(State {
            budget: BUDGET,
            left: BUDGET,
            moment: MOMENT,
            lost: Vec::with_capacity(LOST),
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
    /// What it works; None before it is waited for.
    work: Option<Work>,
    /// Killed, and still there.
    lost: Vec<Helper>,
    number: u32,
    /// How long all answers of a scan may take together.
    budget: Duration,
    /// What is left to wait in this scan.
    left: Duration,
    /// What is left to wait for words before signals in this scan.
    moment: Duration,
    turns: Turns,
    words: Vec<Asked>,
    /// The number and the process of a request that was given up since the helper got no processor: it will answer.
    given_up: Option<(u32, ProcessKey)>,
    /// For one packet.
    packet: Vec<u8>,
    /// Texts that were read, whose memory is kept.
    texts: Vec<Vec<u8>>,
}

impl Blocking {
    /// Waits longer, as a command may.
    pub(super) fn be_patient(&self) {
        let mut state = self.0.borrow_mut();
        state.budget = BUDGET_OF_COMMANDS;
        state.left = BUDGET_OF_COMMANDS;
    }

    /// Uses a helper that was started before.
    pub(super) fn adopt(&self, reader: Reader) {
        let mut state = self.0.borrow_mut();
        (state.helper, state.work) = (Some(reader.0), None);
    }

    /// A turn of the loop begins, with at most one scan: its budget is whole again.
    pub(super) fn renew(&self) {
        let mut state = self.0.borrow_mut();
        (state.left, state.moment) = (state.budget, MOMENT);
    }

    /// A scan of all processes begins.
    pub(super) fn begin_scan(&self) {
        self.0.borrow_mut().turns.begin_scan();
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
        if state.turns.is_left_alone(key, Instant::now()) || state.words.len() >= WORDS {
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

    /// Waits a moment for the words of a process: it may end as soon as it is signalled, and then it has none.
    pub(super) fn wait_for_words(&self, key: ProcessKey) {
        let mut state = self.0.borrow_mut();
        let left = state.moment;
        state.moment = state.answer_words(key, left);
    }

    /// The words of a process that was asked for them, as far as there is an answer.
    pub(super) fn take_words(&self, key: ProcessKey) -> Words {
        let mut state = self.0.borrow_mut();
        let left = state.left;
        // A helper that is late here is not replaced: a decision finds out whether it is stuck.
        state.left = state.answer_words(key, left);
        let mut all = Words::default();
        state.words.retain(|asked| {
            let words = asked.words.filter(|_| asked.key == key).unwrap_or_default();
            all.name = all.name.or(words.name);
            all.cmdline = all.cmdline.or(words.cmdline);
            all.share = all.share.or(words.share);
            all.own = all.own.or(words.own);
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

    /// Whether this process has given no answer in time twice in a row: it keeps its memory from being read.
    pub(super) fn is_blocked(&self, key: ProcessKey) -> bool {
        self.0.borrow().turns.is_blocked(key)
    }

    /// A text whose memory is kept.
    pub(super) fn take_text(&self) -> Vec<u8> {
        self.0.borrow_mut().texts.pop().unwrap_or_default()
    }

    /// Keeps the memory of a text.
    pub(super) fn give_back(&self, text: Vec<u8>) {
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
        (self.work, self.given_up) = (None, None);
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

    fn read(
        &mut self,
        directory: &ProcessDirectory,
        key: ProcessKey,
        request: Request,
        text: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let file = request.file().to_str().unwrap_or_default();
        let late = Failure::Unreadable(Unreadable::late(file));
        if self.turns.is_left_alone(key, Instant::now()) {
            return Err(late);
        }
        if self.left <= self.turns.reserve(key, self.budget) {
            self.turns.note_unread(key);
            return Err(late);
        }
        if let Some(given_up) = self.given_up {
            // Until it has answered that one, it answers none.
            if let Err(Late) = self.receive(given_up) {
                self.turns.note_unread(key);
                return Err(late);
            }
        }
        let number = self.send(request, directory.as_fd());
        let number = number.map_err(|error| Failure::new(file, &error))?;
        match self.receive((number, key)) {
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

    /// Waits for the answer to this request: its error number, and the length of its text in the packet.
    fn receive(&mut self, (wanted, key): (u32, ProcessKey)) -> Result<(i32, usize), Late> {
        loop {
            // It answers in the order of the requests, so the oldest is the one that is waited for.
            let oldest = self.words.iter().find(|asked| asked.words.is_none());
            let awaited = oldest.map_or(key, |asked| asked.key);
            let reserve = self.turns.reserve(key, self.budget);
            let mut left = self.left.saturating_sub(reserve);
            let taken = self.take(&mut left);
            let time = self.left.saturating_sub(left.saturating_add(reserve));
            self.left = self.left.saturating_sub(time);
            let (number, errno) = match taken {
                Ok(taken) => taken,
                Err(own) => {
                    self.turns.note_unread(key);
                    // Where others before it have used up the time, or the helper had no processor, it is not to blame.
                    if own >= self.budget.mul_f64(BLAMED) {
                        self.turns.note_late(awaited, Instant::now());
                        self.replace();
                    } else if self.helper.is_some() {
                        // Another one would get no processor either, and a fork(2) takes memory.
                        self.given_up = Some((wanted, key));
                    }
                    return Err(Late);
                }
            };
            if wanted == number {
                self.turns.note_answer(key);
                return Ok((errno, self.packet.len() - HEADER));
            }
        }
    }

    /// Takes answers until there is none missing of the words that this process was asked for; what of the time is
    /// left.
    fn answer_words(&mut self, key: ProcessKey, mut left: Duration) -> Duration {
        let is_open = |asked: &Asked| asked.key == key && asked.words.is_none();
        while self.words.iter().any(is_open) && self.take(&mut left).is_ok() {}
        left
    }

    /// Takes the next answer, and keeps it where it is to a request for words: the number of its request, and its error
    /// number. Where there is none in this time, what of it was the helper's own.
    fn take(&mut self, left: &mut Duration) -> Result<(u32, i32), Duration> {
        let Some(helper) = &self.helper else {
            return Err(Duration::ZERO);
        };
        if self.work.is_none() {
            self.work = helper.work();
        }
        if let Some(work) = &mut self.work {
            work.begin();
        }
        let wait = |time| helper::wait(helper.as_fd(), time).unwrap_or(false);
        let began = Instant::now();
        let mut is_there = wait(*left);
        let waited = began.elapsed();
        *left = left.saturating_sub(waited);
        let mut own = Duration::ZERO;
        if !is_there {
            own = self.work.as_ref().map_or(waited, |work| work.own(waited));
            // It may have come since then: this program may get no processor either.
            is_there = wait(Duration::ZERO);
        }
        if !is_there {
            return Err(own);
        }
        self.take_answer().ok_or_else(|| {
            // It has ended.
            self.replace();
            Duration::ZERO
        })
    }

    fn take_answer(&mut self) -> Option<(u32, i32)> {
        self.packet.clear();
        let helper = self.helper.as_ref()?.as_fd();
        self.packet.resize(helper::next_length(helper), 0);
        if helper::receive(helper, &mut self.packet).is_err() {
            self.packet.clear();
        }
        let (number, errno) = header_of(&self.packet)?;
        self.given_up = self.given_up.filter(|(given_up, _)| *given_up != number);
        let text = self.packet.get(HEADER..).unwrap_or_default();
        let mut words = self.words.iter_mut();
        if let Some(asked) = words.find(|asked| asked.number == number) {
            asked.words = Some(asked.words_in(text));
        }
        Some((number, errno))
    }
}

/// There is no answer in time, or no helper.
#[derive(Debug)]
struct Late;
