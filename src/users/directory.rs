//! The user database in a process of its own: a directory server that is away makes a look-up hang, for seconds or for
//! ever. What is asked for is a name, a uid, or the list of all users.

use crate::quantities::Uid;
use crate::sys::helper::{self, Helper};
use crate::sys::{sandbox, users};
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long the log waits for a name, where nothing else is asked for: once, until what does not answer is given up. An
/// answer from files takes 0.1 ms, and over 50 ms on processors with three times more to do than they can.
const PATIENCE: Duration = Duration::from_millis(250);
/// In so long it waits for no longer than that, however many names there are: a server that is slow, and not away,
/// would keep the daemon waiting for each user of a user namespace.
const SPAN: Duration = Duration::from_secs(10);
/// A helper that has not answered for so long is killed: NSS itself gives up after at most 30 s, as a rule.
const HUNG: Duration = Duration::from_secs(30);
/// So many names are asked for at once; further ones are asked for when they are shown the next time.
const OUTSTANDING: usize = 64;
/// How long all look-ups of a configuration may take together.
const DEADLINE: Duration = Duration::from_secs(3);
/// The longest packet: a question or an answer with one name. Linux allows no longer one than 255 bytes in utmp(5) and
/// useradd(8) none than 32; a longer one is as good as none.
const PACKET: usize = 1024;

/// The kinds of questions, each the first byte of a packet. The rest of it is a uid, a name, nothing.
const NAME_OF: u8 = b'u';
const UID_OF: u8 = b'n';
const ALL: u8 = b'l';
/// The kinds of answers: a uid with its name, nothing, an error number, the end of a list.
const FOUND: u8 = b'f';
const UNKNOWN: u8 = b'0';
const FAILED: u8 = b'e';

/// What has become of a question that was not waited for.
pub(super) enum Answer {
    /// This is the name, or the uid as text where there is none.
    Name(Uid, Vec<u8>),
    /// It was not answered.
    None(Uid),
}

/// The process, and what it was asked for.
#[derive(Debug, Default)]
pub struct Directory {
    helper: Option<Helper>,
    /// Killed, and still there.
    lost: Option<Helper>,
    /// What it has not answered, the oldest first.
    asked: VecDeque<Uid>,
    /// When it began with the oldest.
    since: Option<Instant>,
    /// How long it was waited for since the beginning of a [`SPAN`].
    waited: Option<(Instant, Duration)>,
}

impl Directory {
    /// Starts the process. That it can't be started is no error: then there is a further attempt at the first question.
    pub fn start() -> Self {
        let helper = start().ok();
        Self {
            helper,
            ..Self::default()
        }
    }

    /// The name of a user, if it is known within a moment; else [`Self::take`] has it later.
    pub(super) fn name_of(&mut self, uid: Uid) -> Option<Vec<u8>> {
        let is_free = self.asked.is_empty();
        if !self.ask(uid) || !is_free {
            return None;
        }
        let now = Instant::now();
        let current = self
            .waited
            .filter(|(begin, _)| now.duration_since(*begin) < SPAN);
        let (begin, waited) = current.unwrap_or((now, Duration::ZERO));
        let helper = self.helper.as_ref()?.as_fd();
        let is_there = helper::wait(helper, PATIENCE.saturating_sub(waited)).unwrap_or(false);
        self.waited = Some((begin, waited + now.elapsed()));
        let mut name = None;
        if is_there {
            self.take(&mut |answer| match answer {
                Answer::Name(own, text) if own == uid => name = Some(text),
                Answer::Name(..) | Answer::None(_) => {}
            });
        }
        name
    }

    fn ask(&mut self, uid: Uid) -> bool {
        if self.asked.contains(&uid) {
            return true;
        }
        if self.asked.len() >= OUTSTANDING {
            return false;
        }
        let mut packet = [NAME_OF, 0, 0, 0, 0];
        for (target, byte) in packet.iter_mut().skip(1).zip(uid.get().to_ne_bytes()) {
            *target = byte;
        }
        // One attempt with the helper that there is, and one with another.
        for _ in 0..2 {
            let Some(helper) = self.helper() else {
                return false;
            };
            match helper::send(helper.as_fd(), &packet, None, false) {
                Ok(()) => {
                    self.since.get_or_insert_with(Instant::now);
                    self.asked.push_back(uid);
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => self.give_up(&mut |_| {}),
            }
        }
        false
    }

    fn helper(&mut self) -> Option<&Helper> {
        self.lost.take_if(|lost| lost.has_ended());
        if self.helper.is_none() && self.lost.is_none() {
            self.helper = start().ok();
        }
        self.helper.as_ref()
    }

    /// Hands on the answers that have come, without waiting for any. A process that has not answered for long is
    /// killed.
    pub(super) fn take(&mut self, tell: &mut dyn FnMut(Answer)) {
        let mut buffer = [0; PACKET];
        while let (Some(helper), Some(&uid)) = (&self.helper, self.asked.front()) {
            let socket = helper.as_fd();
            if !helper::wait(socket, Duration::ZERO).unwrap_or(false) {
                let is_hung = self.since.is_some_and(|since| since.elapsed() >= HUNG);
                if is_hung {
                    self.give_up(tell);
                }
                return;
            }
            let packet = helper::receive(socket, &mut buffer).map_or(&[][..], |(packet, _)| packet);
            match packet.split_first() {
                Some((&FOUND, rest)) => {
                    let name = rest.get(4..).unwrap_or_default();
                    tell(Answer::Name(uid, name.to_vec()));
                }
                // As without the process: the uid stands for the name.
                Some(_) => tell(Answer::Name(uid, uid.to_string().into_bytes())),
                None => return self.give_up(tell),
            }
            self.asked.pop_front();
            self.since = (!self.asked.is_empty()).then(Instant::now);
        }
    }

    /// Kills the process. What it was asked for is not answered.
    fn give_up(&mut self, tell: &mut dyn FnMut(Answer)) {
        if let Some(helper) = self.helper.take() {
            helper.kill();
            self.lost = Some(helper);
        }
        self.since = None;
        self.asked.drain(..).for_each(|uid| tell(Answer::None(uid)));
    }
}

/// The look-ups of one configuration, all of them within 3 s: after that each fails.
#[derive(Debug)]
pub struct Lookups {
    helper: io::Result<Helper>,
    end: Instant,
}

impl Lookups {
    /// Starts a process for them, which ends with this.
    pub fn begin() -> Self {
        Self {
            helper: start(),
            end: Instant::now() + DEADLINE,
        }
    }

    /// The uid of the user called `name`; None when no source knows the name.
    ///
    /// # Errors
    /// Where a source of the user database can't be read, or there is no answer in time.
    pub fn uid_of(&self, name: &str) -> io::Result<Option<Uid>> {
        let mut found = None;
        if name.len() < PACKET {
            let question = [&[UID_OF], name.as_bytes()].concat();
            self.each(&question, &mut |uid, _| found = Some(uid))?;
        }
        Ok(found)
    }

    /// The users whose names `is_meant` takes.
    ///
    /// # Errors
    /// As [`Self::uid_of`].
    pub fn uids_of(&self, is_meant: &mut dyn FnMut(&CStr) -> bool) -> io::Result<Vec<Uid>> {
        let mut uids = Vec::new();
        self.each(&[ALL], &mut |uid, name| {
            if CString::new(name).is_ok_and(|name| is_meant(&name)) {
                uids.push(uid);
            }
        })?;
        Ok(uids)
    }

    /// Asks, and hands on each user of the answer.
    fn each(&self, question: &[u8], tell: &mut dyn FnMut(Uid, &[u8])) -> io::Result<()> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        let helper = self.helper.as_ref().map_err(io::Error::kind)?.as_fd();
        helper::send(helper, question, None, false).map_err(|_| late())?;
        let mut buffer = [0; PACKET];
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() || !helper::wait(helper, left)? {
                return Err(late());
            }
            let (packet, _) = helper::receive(helper, &mut buffer)?;
            match packet.split_first() {
                Some((&FOUND, rest)) => {
                    let (uid, name) = rest.split_first_chunk::<4>().ok_or_else(late)?;
                    tell(Uid::new(u32::from_ne_bytes(*uid)), name);
                    if question.first() != Some(&ALL) {
                        return Ok(());
                    }
                }
                Some((&UNKNOWN, _)) => return Ok(()),
                Some((_, errno)) => {
                    let errno = errno.first_chunk::<4>().ok_or_else(late)?;
                    return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(*errno)));
                }
                None => return Err(late()),
            }
        }
    }
}

fn start() -> io::Result<Helper> {
    Helper::spawn(c"monitor-users", serve)
}

/// The process itself: answers each question, one after another.
fn serve(socket: BorrowedFd<'_>) {
    // Whatever the modules of the user database are: they need neither capabilities nor files to write.
    sandbox::drop_capabilities(&[]);
    sandbox::forbid_writing();
    let mut packet = [0; PACKET];
    while let Ok((packet, _)) = helper::receive(socket, &mut packet) {
        let send = |kind: u8, number: [u8; 4], text: &[u8]| {
            let answer = [&[kind], &number[..], text].concat();
            helper::send(socket, &answer, None, true)
        };
        let found = |uid: Uid, name: &[u8]| {
            let name = name.get(..PACKET - 8).unwrap_or(name);
            send(FOUND, uid.get().to_ne_bytes(), name)
        };
        let result = match packet.split_first() {
            Some((&NAME_OF, number)) => {
                let number = number.first_chunk::<4>().copied().unwrap_or_default();
                let uid = Uid::new(u32::from_ne_bytes(number));
                users::name_of(uid).map(|name| name.map(|name| (uid, name)))
            }
            Some((&UID_OF, name)) => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                users::uid_of(name).map(|uid| uid.map(|uid| (uid, Vec::new())))
            }
            Some((&ALL, _)) => {
                let listed = users::each(|uid, name| found(uid, name.to_bytes()).is_ok());
                listed.map(|()| None)
            }
            _ => return,
        };
        let is_sent = match result {
            Ok(Some((uid, name))) => found(uid, &name),
            Ok(None) => send(UNKNOWN, [0; 4], b""),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                send(FAILED, errno.to_ne_bytes(), b"")
            }
        };
        if is_sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_its_own_answers_as_the_user_database_does() {
        let mut directory = Directory::start();
        // Waits for longer than the log does, for a machine under load.
        let mut name = directory.name_of(Uid::ROOT);
        while name.is_none() {
            directory.take(&mut |answer| {
                if let Answer::Name(Uid::ROOT, text) = answer {
                    name = Some(text);
                }
            });
        }
        assert_eq!(name.unwrap(), b"root");
        let lookups = Lookups::begin();
        assert_eq!(lookups.uid_of("root").unwrap(), Some(Uid::ROOT));
        assert_eq!(lookups.uid_of("no such user").unwrap(), None);
        let all = lookups.uids_of(&mut |name| name == c"root").unwrap();
        assert_eq!(all, [Uid::ROOT]);
    }

    #[test]
    fn a_process_that_does_not_answer_is_waited_for_once_and_replaced() {
        let mut directory = Directory::start();
        directory.name_of(Uid::ROOT);
        let helper = directory.helper.as_ref().unwrap();
        helper.pause();
        let began = Instant::now();
        assert_eq!(directory.name_of(Uid::new(1)), None);
        let first = began.elapsed();
        for uid in 2..200 {
            assert_eq!(directory.name_of(Uid::new(uid)), None);
        }
        assert!(
            began.elapsed() < first + PATIENCE * 20,
            "each was waited for"
        );
        assert!(directory.asked.len() <= OUTSTANDING);
        directory.since = Instant::now().checked_sub(HUNG);
        let mut unanswered = 0;
        directory.take(&mut |answer| unanswered += usize::from(matches!(answer, Answer::None(_))));
        assert!(unanswered > 0 && directory.helper.is_none());
        while directory.helper().is_none() {}
    }

    #[test]
    fn one_that_answers_slowly_is_not_waited_for_again_and_again() {
        let mut directory = Directory::start();
        directory.name_of(Uid::ROOT);
        directory.helper.as_ref().unwrap().pause();
        let began = Instant::now();
        for uid in 1..20 {
            // As if it had answered right after that.
            directory.asked.clear();
            assert_eq!(directory.name_of(Uid::new(uid)), None);
        }
        assert!(began.elapsed() < PATIENCE * 10);
    }

    #[test]
    fn look_ups_of_a_configuration_end_in_time() {
        let mut lookups = Lookups::begin();
        lookups.helper.as_ref().unwrap().pause();
        lookups.end = Instant::now() + Duration::from_millis(20);
        let error = lookups.uid_of("root").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(lookups.uids_of(&mut |_| true).is_err());
    }
}
