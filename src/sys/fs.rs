//! Files below an open directory, without heap allocation: the walk over /proc is made of these. Other files are opened
//! by [`open_regular`].

pub(crate) use super::regular_file::{Links, open_regular, open_to_read};
use super::{check, check_int, trust};
use crate::quantities::Uid;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens a directory for reading.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: AT_FDCWD is always valid; the path is NUL-terminated.
    unsafe { open(libc::AT_FDCWD, &path, libc::O_DIRECTORY) }
}

/// Waits until no other process has locked this file, and locks it until it is closed.
pub(crate) fn lock(file: &impl AsRawFd) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is borrowed for the call.
        match check_int(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(drop),
        }
    }
}

/// Locks this file until it is closed, unless another process has locked it; whether it is locked now.
pub(crate) fn try_lock(file: &impl AsRawFd) -> io::Result<bool> {
    // SAFETY: the descriptor is borrowed for the call.
    match check_int(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens the directory `name` below `directory`.
pub(crate) fn open_directory_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is borrowed for the call; the name is NUL-terminated.
    unsafe { open(directory.as_raw_fd(), name, libc::O_DIRECTORY) }
}

/// Opens for reading; a signal that interrupts it is not an error.
///
/// # Safety
/// `directory` is an open descriptor or `AT_FDCWD`.
unsafe fn open(directory: libc::c_int, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: promised by the caller; the name is NUL-terminated.
        let fd = unsafe {
            libc::openat(
                directory,
                name.as_ptr(),
                libc::O_RDONLY | libc::O_CLOEXEC | flags,
            )
        };
        match check_int(fd) {
            // SAFETY: openat just returned this descriptor, nothing else owns it.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens a file for reading.
pub(crate) fn open_file(path: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: AT_FDCWD is always valid; the path is NUL-terminated.
    unsafe { open(libc::AT_FDCWD, path, libc::O_NOCTTY) }
}

/// Opens the file `name` below `directory` for reading.
pub(crate) fn open_file_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is borrowed for the call; the name is NUL-terminated.
    unsafe { open(directory.as_raw_fd(), name, libc::O_NOCTTY) }
}

/// Reads an open file from its beginning with one pread(2), as far as `buffer` holds: a file of /proc
/// says anew what is so now.
pub(crate) fn read_again<'b>(file: BorrowedFd<'_>, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        // SAFETY: the buffer is writable for its length.
        let length = unsafe {
            libc::pread(
                file.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
            )
        };
        match usize::try_from(length) {
            Ok(length) => return Ok(buffer.get(..length).unwrap_or_default()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// Reads the file `name` below `directory` with one read(2), as far as `buffer` holds: a file of /proc
/// that fits is read whole, and from one moment. Three system calls.
pub(crate) fn read_at<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    let file = open_file_at(directory, name)?;
    let length = read_on(file.as_fd(), buffer)?;
    Ok(buffer.get(..length).unwrap_or_default())
}

/// Reads on in an open file with one read(2); the number of bytes, 0 at its end.
pub(crate) fn read_on(file: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: the buffer is writable for its length.
        let length =
            unsafe { libc::read(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(length) {
            Ok(length) => return Ok(length),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// Opens `name` below `directory` as a path only: nothing can be read through it.
pub(crate) fn open_path_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is borrowed for the call; the name is NUL-terminated.
    unsafe { open(directory.as_raw_fd(), name, libc::O_PATH) }
}

/// The identity of a file, and which users can change it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileStatus {
    /// The numbers of its device, and its own.
    identity: (u32, u32, u64),
    owner: Uid,
    mode: u32,
}

impl FileStatus {
    /// Whether root alone can write it.
    pub(crate) fn is_root_only(&self) -> bool {
        trust::is_root_only(self.owner, self.mode)
    }

    /// Whether both are one file.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

/// What `name` below `directory` is; links are followed. An empty name means `directory` itself. The file system is not
/// asked anew (AT_STATX_DONT_SYNC), since a user's own, or a server that is away, may never answer.
pub(crate) fn status_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<FileStatus> {
    // SAFETY: statx is a C struct of integers, for which all zeros are valid.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // By number: the C library has a wrapper only since 2.28.
    // SAFETY: all pointers live for the call.
    let asked = check(unsafe {
        libc::syscall(
            libc::SYS_statx,
            directory.as_raw_fd(),
            name.as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC,
            libc::STATX_BASIC_STATS,
            &raw mut status,
        )
    });
    match asked {
        Ok(_) => Ok(FileStatus {
            identity: (status.stx_dev_major, status.stx_dev_minor, status.stx_ino),
            owner: Uid::new(status.stx_uid),
            mode: status.stx_mode.into(),
        }),
        // Before Linux 4.11.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let stat = stat_at(directory, name, libc::AT_EMPTY_PATH)?;
            Ok(FileStatus {
                identity: (
                    libc::major(stat.st_dev),
                    libc::minor(stat.st_dev),
                    stat.st_ino,
                ),
                owner: Uid::new(stat.st_uid),
                mode: stat.st_mode,
            })
        }
        Err(error) => Err(error),
    }
}

/// The number of links to `name` below `directory`: for /proc/PID/task, 2 and one for each thread.
pub(crate) fn link_count_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<u64> {
    let stat = stat_at(directory, name, libc::AT_SYMLINK_NOFOLLOW)?;
    #[allow(
        clippy::useless_conversion,
        reason = "nlink_t is 32 bits wide on arm64"
    )]
    Ok(u64::from(stat.st_nlink))
}

/// The owner of `name` below `directory`: of /proc/PID, the effective user of a process that does not hide itself.
pub(crate) fn owner_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Uid> {
    let stat = stat_at(directory, name, libc::AT_SYMLINK_NOFOLLOW)?;
    Ok(Uid::new(stat.st_uid))
}

fn stat_at(directory: BorrowedFd<'_>, name: &CStr, flags: libc::c_int) -> io::Result<libc::stat> {
    // SAFETY: stat is a C struct of integers, for which all zeros are valid.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: all pointers live for the call.
    let result =
        unsafe { libc::fstatat(directory.as_raw_fd(), name.as_ptr(), &raw mut stat, flags) };
    check_int(result)?;
    Ok(stat)
}

/// Where the symbolic link `name` below `directory` leads, as far as `buffer` holds.
pub(crate) fn read_link_at<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    // SAFETY: the buffer is writable for its length; the name is NUL-terminated.
    let length = unsafe {
        libc::readlinkat(
            directory.as_raw_fd(),
            name.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    match usize::try_from(length) {
        Ok(length) => Ok(buffer.get(..length).unwrap_or_default()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Goes to a position of an open directory, 0 for its first entry; what another one means is up to its file system.
pub(crate) fn seek(directory: BorrowedFd<'_>, position: i64) -> io::Result<()> {
    // SAFETY: plain integers.
    check(unsafe { libc::lseek(directory.as_raw_fd(), position, libc::SEEK_SET) })?;
    Ok(())
}

/// The next entries of an open directory, by getdents64(2); none at the end.
pub(crate) fn read_entries<'b>(
    directory: BorrowedFd<'_>,
    buffer: &'b mut [u8],
) -> io::Result<Entries<'b>> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    let length = check(unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    })?;
    let length = usize::try_from(length).unwrap_or_default();
    Ok(Entries {
        rest: buffer.get(..length).unwrap_or_default(),
    })
}

/// Entries as getdents64 packs them.
pub(crate) struct Entries<'b> {
    rest: &'b [u8],
}

impl Entries<'_> {
    /// Whether the directory had no further entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'b> Iterator for Entries<'b> {
    /// The entry's name with its terminating NUL.
    type Item = &'b CStr;

    fn next(&mut self) -> Option<&'b CStr> {
        const LENGTH: usize = offset_of!(libc::dirent64, d_reclen);
        const NAME: usize = offset_of!(libc::dirent64, d_name);
        let length = self.rest.get(LENGTH..LENGTH + 2)?;
        let length = usize::from(u16::from_ne_bytes(length.try_into().ok()?));
        let (entry, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        CStr::from_bytes_until_nul(entry.get(NAME..)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_reads_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("1"), "one").unwrap();
        std::fs::create_dir(directory.path().join("2")).unwrap();
        let fd = open_directory(directory.path()).unwrap();
        let mut buffer = [0; 512];
        for _ in 0..2 {
            seek(fd.as_fd(), 0).unwrap();
            let mut names: Vec<_> = read_entries(fd.as_fd(), &mut buffer)
                .unwrap()
                .map(CStr::to_owned)
                .collect();
            names.sort();
            assert_eq!(
                names,
                [c".".to_owned(), c"..".into(), c"1".into(), c"2".into()]
            );
        }
        assert!(read_entries(fd.as_fd(), &mut buffer).unwrap().is_empty());
        assert_eq!(read_at(fd.as_fd(), c"1", &mut buffer).unwrap(), b"one");
        let missing = read_at(fd.as_fd(), c"3", &mut buffer).unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
    }

    #[test]
    fn counts_threads_by_the_links_of_task() {
        let proc = open_directory(Path::new("/proc")).unwrap();
        let threads = || link_count_at(proc.as_fd(), c"self/task").unwrap() - 2;
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let before = threads();
        let thread = std::thread::spawn(move || receive.recv());
        // Other tests start and end threads of their own beside this one.
        while threads() == before && std::fs::read_dir("/proc/self/task").unwrap().count() < 2 {}
        assert!(threads() >= 2);
        drop(send);
        thread.join().unwrap().unwrap_err();
    }
}
