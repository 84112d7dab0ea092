//! What reading every process's statm costs at the very least: the system calls and nothing else.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// /proc, held open, and a place for its entries.
pub(crate) struct BareLoop {
    proc: OwnedFd,
    entries: Box<[u8]>,
}

impl BareLoop {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a C string literal; the fd is handed to its only owner.
        let proc = unsafe {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
            let fd = libc::open(c"/proc".as_ptr(), flags);
            if fd == -1 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            proc,
            entries: vec![0; 32 * 1024].into_boxed_slice(),
        })
    }

    /// Reads the statm of every process and returns how many there were.
    pub(crate) fn run(&mut self) -> io::Result<usize> {
        let proc = self.proc.as_raw_fd();
        let mut read = 0;
        // SAFETY: integers only.
        unsafe { libc::lseek(proc, 0, libc::SEEK_SET) };
        loop {
            let (buffer, size) = (self.entries.as_mut_ptr(), self.entries.len());
            // SAFETY: the buffer is live and as long as said.
            let filled = unsafe { libc::syscall(libc::SYS_getdents64, proc, buffer, size) };
            let mut rest = match usize::try_from(filled) {
                Ok(0) => return Ok(read),
                Ok(filled) => &self.entries[..filled],
                Err(_) => return Err(io::Error::last_os_error()),
            };
            // struct linux_dirent64: inode and offset, 8 bytes each; length, 2; type, 1; the name.
            while let [_, ..] = rest {
                let length = usize::from(u16::from_ne_bytes([rest[16], rest[17]]));
                let (entry, next) = rest.split_at(length);
                rest = next;
                let name = CStr::from_bytes_until_nul(&entry[19..]).map_err(io::Error::other)?;
                read += usize::from(read_statm(proc, name.to_bytes()));
            }
        }
    }
}

/// openat, read, close; false for what is no process or no longer one.
fn read_statm(proc: RawFd, name: &[u8]) -> bool {
    if !name.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let mut path = [0_u8; 32];
    path[..name.len()].copy_from_slice(name);
    path[name.len()..name.len() + 6].copy_from_slice(b"/statm");
    let mut text = [0_u8; 128];
    // SAFETY: `path` ends with a NUL, `text` is live and as long as said, and the fd is closed once.
    unsafe {
        let fd = libc::openat(proc, path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd == -1 {
            return false;
        }
        let length = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        length > 0
    }
}
