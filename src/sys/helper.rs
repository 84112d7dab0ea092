//! A child process of this program, and packets with descriptors between the two: for what can block for ever.

mod work;

pub(crate) use work::Work;

use super::{check_int, fs};
use std::ffi::CStr;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The descriptor of a child's end.
const OWN_END: libc::c_int = 3;

/// A child and the socket to it. It ends when the socket is closed, or this process has ended.
#[derive(Debug)]
pub(crate) struct Helper {
    pid: libc::pid_t,
    socket: OwnedFd,
}

impl Helper {
    /// Forks a child called `name` that runs `serve` with its end of the socket, and ends when that returns. Between
    /// fork(2) and its end the child may allocate only where this process has a single thread.
    ///
    /// # Errors
    /// Where the kernel has no memory or no further process, or does not permit one.
    pub(crate) fn spawn(name: &CStr, serve: fn(BorrowedFd<'_>)) -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: the array is writable and has the two elements that the kernel fills.
        check_int(unsafe {
            libc::socketpair(
                libc::AF_UNIX,
                libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC,
                0,
                ends.as_mut_ptr(),
            )
        })?;
        let [socket, end] = ends;
        // SAFETY: socketpair just returned both, nothing else owns them.
        let (socket, end) = unsafe { (OwnedFd::from_raw_fd(socket), OwnedFd::from_raw_fd(end)) };
        // SAFETY: plain integers.
        let parent = unsafe { libc::getpid() };
        // SAFETY: the child runs nothing but the block below, which returns to no caller.
        match check_int(unsafe { libc::fork() })? {
            0 => {
                // SAFETY: plain integers and a NUL-terminated name; none of these calls touches memory of others. The
                // end is moved out of the way of what is closed.
                unsafe {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    libc::prctl(libc::PR_SET_NAME, name.as_ptr());
                    libc::dup2(end.as_raw_fd(), OWN_END);
                    // Linux 5.9; before, what is open stays open and is not used.
                    libc::syscall(libc::SYS_close_range, OWN_END + 1, libc::c_uint::MAX, 0);
                    if libc::getppid() == parent {
                        serve(BorrowedFd::borrow_raw(OWN_END));
                    }
                    libc::_exit(0)
                }
            }
            pid => Ok(Self { pid, socket }),
        }
    }

    /// Kills it. It exists until [`Helper::has_ended`] has found that it ended.
    pub(crate) fn kill(&self) {
        // SAFETY: plain integers; the PID is a child's that was not waited for, so no other process has it.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
    }

    /// What of the time in which it is waited for is its own, from its start on. None where the kernel does not say.
    pub(crate) fn work(&self) -> Option<Work> {
        Work::of(self.pid).ok()
    }

    /// Stops it where it stands.
    #[cfg(test)]
    pub(crate) fn pause(&self) {
        // SAFETY: as in `kill`.
        unsafe { libc::kill(self.pid, libc::SIGSTOP) };
    }

    /// Whether it has ended; never blocks.
    pub(crate) fn has_ended(&self) -> bool {
        let mut status = 0;
        // SAFETY: the integer is writable; the PID is a child's.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        waited != 0
    }
}

impl Drop for Helper {
    /// Leaves no zombie behind, unless the kernel does not let the child go.
    fn drop(&mut self) {
        const PAUSE: Duration = Duration::from_millis(50);
        self.kill();
        // Its end of the socket is closed when it has exited, and it can be waited for a moment later.
        let _ = wait(self.as_fd(), PAUSE);
        for _ in 0..1000 {
            if self.has_ended() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl AsFd for Helper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends a packet, and with it a descriptor. Blocks while the other end has not taken the packets before, unless
/// `is_waiting` is false: then it fails with EAGAIN.
///
/// # Errors
/// EPIPE where the other end is closed, EMSGSIZE where the packet is larger than the socket's buffer.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    packet: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
    is_waiting: bool,
) -> io::Result<()> {
    let mut control = Control::default();
    let mut part = libc::iovec {
        iov_base: packet.as_ptr().cast_mut().cast(),
        iov_len: packet.len(),
    };
    // SAFETY: msghdr is a C struct of integers and pointers, for which all zeros are valid.
    let mut message: libc::msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    if let Some(descriptor) = descriptor {
        control.header.cmsg_level = libc::SOL_SOCKET;
        control.header.cmsg_type = libc::SCM_RIGHTS;
        control.descriptor = descriptor.as_raw_fd();
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<Control>() as _;
    }
    let flags = libc::MSG_NOSIGNAL | if is_waiting { 0 } else { libc::MSG_DONTWAIT };
    loop {
        // SAFETY: the message, its part and its control data live for the call; the kernel only reads them.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Takes the next packet, as far as `buffer` holds, and the descriptor that came with it. No bytes at all: the other
/// end is closed. Blocks until there is one.
///
/// # Errors
/// Where the kernel has no memory.
pub(crate) fn receive<'b>(
    socket: BorrowedFd<'_>,
    buffer: &'b mut [u8],
) -> io::Result<(&'b [u8], Option<OwnedFd>)> {
    let mut control = Control::default();
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: as in `send`.
    let mut message: libc::msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    let length = loop {
        // SAFETY: all pointers live for the call and are writable for the lengths that the message says.
        let received =
            unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        if let Ok(length) = usize::try_from(received) {
            break length;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    };
    let has_descriptor = message.msg_controllen as usize >= Control::LENGTH
        && control.header.cmsg_type == libc::SCM_RIGHTS
        && control.descriptor >= 0;
    // SAFETY: the kernel has just made this descriptor for this process, nothing else owns it.
    let descriptor = has_descriptor.then(|| unsafe { OwnedFd::from_raw_fd(control.descriptor) });
    Ok((buffer.get(..length).unwrap_or_default(), descriptor))
}

/// The length of the next packet, which is not taken yet; 0 where there is none, or the other end is closed.
pub(crate) fn next_length(socket: BorrowedFd<'_>) -> usize {
    let flags = libc::MSG_PEEK | libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    // SAFETY: nothing is written to a buffer without bytes.
    let length = unsafe { libc::recv(socket.as_raw_fd(), std::ptr::null_mut(), 0, flags) };
    usize::try_from(length).unwrap_or(0)
}

/// Waits until there is a packet; false where `timeout` is over before.
///
/// # Errors
/// Where the kernel has no memory.
pub(crate) fn wait(socket: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = libc::timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut entry = libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one entry and a timeout, both live; no signal mask is passed.
        let ready = check_int(unsafe {
            libc::ppoll(&raw mut entry, 1, &raw const timeout, std::ptr::null())
        });
        match ready {
            Ok(count) => return Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads the file `name` below `directory` to its end, in pieces, as far as `buffer` holds.
///
/// # Errors
/// As open(2) and read(2).
pub(crate) fn read_whole<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    let file = fs::open_file_at(directory, name)?;
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match fs::read_on(file.as_fd(), rest)? {
            0 => break,
            read => length += read,
        }
    }
    Ok(buffer.get(..length).unwrap_or_default())
}

/// Space for one descriptor, as cmsg(3) lays it out.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    descriptor: libc::c_int,
}

impl Control {
    /// `CMSG_LEN` of one descriptor: the padding at the end does not count.
    const LENGTH: usize = size_of::<libc::cmsghdr>() + size_of::<libc::c_int>();
}

impl Default for Control {
    fn default() -> Self {
        // SAFETY: cmsghdr is a C struct of integers, for which all zeros are valid.
        let mut header: libc::cmsghdr = unsafe { zeroed() };
        header.cmsg_len = Self::LENGTH as _;
        Self {
            header,
            descriptor: -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::path::Path;

    /// Answers each packet with the start of the file `status` of the directory that came with it.
    fn serve(socket: BorrowedFd<'_>) {
        let mut packet = [0; 16];
        while let Ok((&[_, ..], Some(directory))) = receive(socket, &mut packet) {
            let mut buffer = [0; 100];
            let text = read_whole(directory.as_fd(), c"status", &mut buffer).unwrap_or_default();
            if send(socket, text, None, true).is_err() {
                return;
            }
        }
    }

    #[test]
    fn a_helper_gets_a_descriptor_and_answers_until_it_is_killed() {
        let helper = Helper::spawn(c"helper-test", serve).unwrap();
        let own = fs::open_directory(Path::new("/proc/self")).unwrap();
        for _ in 0..3 {
            send(helper.as_fd(), b"x", Some(own.as_fd()), false).unwrap();
            assert!(wait(helper.as_fd(), Duration::from_secs(60)).unwrap());
            let mut buffer = [0; 200];
            let (text, none) = receive(helper.as_fd(), &mut buffer).unwrap();
            assert!(text.starts_with(b"Name:\t") && text.len() == 100 && none.is_none());
        }
        assert!(!wait(helper.as_fd(), Duration::from_millis(1)).unwrap());
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", helper.pid)).unwrap();
        assert_eq!(comm, "helper-test\n");
        helper.kill();
        // A closed end is readable.
        assert!(wait(helper.as_fd(), Duration::from_secs(60)).unwrap());
        assert_eq!(receive(helper.as_fd(), &mut [0; 8]).unwrap().0, b"");
        while !helper.has_ended() {}
    }

    #[test]
    fn a_file_is_read_to_its_end_or_fills_the_buffer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        let fd = File::open(directory.path()).unwrap();
        let read = |size| read_whole(fd.as_fd(), c"file", &mut vec![0; size]).map(<[u8]>::len);
        assert_eq!(read(5001).unwrap(), 5000);
        assert_eq!(read(4096).unwrap(), 4096);
    }
}
