//! What a hostile process does with its own memory: one shared by many processes, mapped several times, or with a page
//! that never comes.

use super::check;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::ptr;

/// Maps `bytes` of one file in memory so many times, and touches all of them; the mappings stay.
pub(crate) fn map_times(bytes: usize, times: usize) {
    // SAFETY: a NUL-terminated string; the mappings are new memory of this process, of that length.
    unsafe {
        let file = libc::memfd_create(c"decoy".as_ptr(), 0);
        check(file.into()).expect("a file in memory");
        let length = libc::off_t::try_from(bytes).expect("fits");
        check(libc::ftruncate(file, length).into()).expect("there is memory");
        for _ in 0..times {
            let address = map(bytes, libc::MAP_SHARED, file);
            ptr::write_bytes(address, b'm', bytes);
        }
    }
}

/// Takes so much new memory at once, and gives it back. The kernel holds the lock of the memory until it has all.
pub(crate) fn populate(bytes: usize) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: without a file, and unmapped before anything refers to it.
    unsafe {
        let address = map(bytes, flags, -1);
        check(libc::munmap(address.cast(), bytes).into()).expect("a mapping of ours");
    }
}

/// # Safety
/// `file` is open, or -1.
unsafe fn map(bytes: usize, flags: libc::c_int, file: libc::c_int) -> *mut u8 {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses the address.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes, both, flags, file, 0) };
    assert!(
        address != libc::MAP_FAILED,
        "{}",
        io::Error::last_os_error()
    );
    address.cast()
}

/// This process leads a session of its own from now on.
pub(crate) fn lead_session() {
    // SAFETY: no arguments.
    check(unsafe { libc::setsid() }.into()).expect("no leader of a group");
}

/// Starts so many processes that have the very memory of this one, and do nothing.
pub(crate) fn clone_with_memory(count: usize) {
    const STACK: usize = 16 * 1024;
    extern "C" fn wait(_: *mut libc::c_void) -> libc::c_int {
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    for _ in 0..count {
        // SAFETY: each process gets a stack of its own that is never freed, and calls one function that uses nothing
        // else.
        let result = unsafe {
            let stack = map(STACK, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1).add(STACK);
            libc::clone(
                wait,
                stack.cast(),
                libc::CLONE_VM | libc::SIGCHLD,
                ptr::null_mut(),
            )
        };
        check(result.into()).expect("a process more");
    }
}

/// Goes on as a copy of this process, while this one exits.
pub(crate) fn go_on_as_child() {
    // SAFETY: this process has one thread, and the child goes on as this did.
    match unsafe { libc::fork() } {
        0 => {}
        // SAFETY: ends this process at once.
        _ => unsafe { libc::_exit(0) },
    }
}

/// Makes so many copies of this process, which go on as it does; whether this is one of them.
pub(crate) fn fork_copies(count: usize) -> bool {
    // SAFETY: this process has one thread, and each child goes on as this does.
    (0..count).any(|_| unsafe { libc::fork() } == 0)
}

/// A fork that is over: the next one touches no page that this process did not have before.
pub(crate) fn rehearse_fork() {
    let is_child = fork_copies(1);
    // SAFETY: the child ends at once, and this process has no other one to wait for.
    unsafe {
        if is_child {
            libc::_exit(0);
        }
        libc::wait(ptr::null_mut());
    }
}

/// From now on this process is root of a user namespace with a mount namespace.
pub(crate) fn own_user_namespace() {
    // SAFETY: take nothing, or flags.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    // SAFETY: this process has one thread.
    let result = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) };
    check(result.into()).expect("a user namespace");
    fs::write("/proc/self/setgroups", "deny").expect("ours");
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).expect("ours");
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).expect("ours");
}

/// Makes a /dev/fuse of the test's own that any user may open.
pub(crate) fn make_fuse(path: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a NUL-terminated string that lives for the length of the calls.
    unsafe {
        let device = libc::makedev(10, 229);
        check(libc::mknod(name.as_ptr(), libc::S_IFCHR | 0o666, device).into())?;
        check(libc::chmod(name.as_ptr(), 0o666).into()).map(drop)
    }
}

/// Reads the first byte of this file through a mapping and /proc/self/mem: the kernel holds the lock of this process's
/// memory until the page has come. A fault of the processor waits without it at first.
pub(crate) fn fault_on(file: &File) {
    // SAFETY: maps one page of an open file, which nothing refers to.
    let address = unsafe {
        let both = libc::PROT_READ;
        let fd = file.as_raw_fd();
        libc::mmap(ptr::null_mut(), 4096, both, libc::MAP_PRIVATE, fd, 0)
    };
    assert!(
        address != libc::MAP_FAILED,
        "{}",
        io::Error::last_os_error()
    );
    let memory = File::open("/proc/self/mem").expect("ours");
    // It fails when the file system is gone.
    let _ = memory.read_at(&mut [0], address as u64);
}

/// Lets the page with this process's arguments be missing until it is provided, which never happens (userfaultfd).
///
/// Fails where this is not permitted.
pub(crate) fn lose_arguments() -> io::Result<OwnedFd> {
    const API: libc::Ioctl = 0xc018_aa3f;
    const REGISTER: libc::Ioctl = 0xc020_aa00;
    const PAGE: u64 = 4096;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(") ").expect("proc(5)");
    // The state is the third field, arg_start the 48th.
    let arguments: u64 = rest
        .split(' ')
        .nth(45)
        .and_then(|field| field.parse().ok())
        .expect("a number");
    let page = arguments / PAGE * PAGE;
    // SAFETY: the structs of include/uapi/linux/userfaultfd.h as arrays of their 64-bit fields. Of the page, which is
    // at the end of the stack, this process uses nothing any more.
    unsafe {
        let fd = check(libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC))?;
        let fd = OwnedFd::from_raw_fd(i32::try_from(fd).expect("a descriptor"));
        let mut api = [0xaa_u64, 0, 0];
        check(libc::ioctl(fd.as_raw_fd(), API, api.as_mut_ptr()).into())?;
        // Missing pages of these.
        let mut register = [page, PAGE, 1, 0];
        check(libc::ioctl(fd.as_raw_fd(), REGISTER, register.as_mut_ptr()).into())?;
        let address = page as *mut libc::c_void;
        check(libc::madvise(address, 4096, libc::MADV_DONTNEED).into())?;
        Ok(fd)
    }
}

/// Answers what the kernel asks this file system for, which has one file in its root: of that no page ever comes.
/// Returns when the file system is gone.
pub(crate) fn serve_fuse(mut device: File) {
    const HEADER: usize = 40;
    const ENOSYS: i32 = 38;
    let mut buffer = vec![0; 1 << 18];
    while let Ok(length @ HEADER..) = device.read(&mut buffer) {
        let word = |at: usize| {
            let bytes = buffer[at..at + 4].try_into().expect("four bytes");
            u32::from_ne_bytes(bytes)
        };
        assert!(length >= HEADER);
        let (operation, node) = (word(4), word(16));
        let unique: [u8; 8] = buffer[8..16].try_into().expect("eight bytes");
        let answer: Result<Vec<u8>, i32> = match operation {
            // LOOKUP: whatever is asked for is the file.
            1 => {
                let mut entry = words64(&[2, 0, 3600, 3600, 0]);
                entry.extend(attributes(2));
                Ok(entry)
            }
            // GETATTR.
            3 => {
                let mut answer = words64(&[3600, 0]);
                answer.extend(attributes(node));
                Ok(answer)
            }
            // OPEN, OPENDIR.
            14 | 27 => Ok(words64(&[0, 0])),
            // READ, FORGET, INTERRUPT and BATCH_FORGET have no answer.
            2 | 15 | 36 | 42 => continue,
            // RELEASE, FLUSH, RELEASEDIR, ACCESS.
            18 | 25 | 29 | 34 => Ok(Vec::new()),
            // INIT, version 7.31: everything else is as the kernel has it.
            26 => {
                let mut answer = vec![0; 64];
                for (at, value) in [(0, 7_u32), (4, 31), (8, 0), (20, 4096), (24, 1)] {
                    answer[at..at + 4].copy_from_slice(&value.to_ne_bytes());
                }
                Ok(answer)
            }
            _ => Err(ENOSYS),
        };
        let (error, body) = answer.map_or_else(|error| (-error, Vec::new()), |body| (0, body));
        let size = u32::try_from(16 + body.len()).expect("fits");
        let mut reply = size.to_ne_bytes().to_vec();
        reply.extend(error.to_ne_bytes());
        reply.extend(unique);
        reply.extend(body);
        // It was interrupted, or is gone.
        let _ = device.write(&reply);
    }
}

fn words64(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// `struct fuse_attr` of the root, node 1, or of the file.
fn attributes(node: u32) -> Vec<u8> {
    let (mode, size) = if node == 1 {
        (0o040_755, 0)
    } else {
        (0o100_644, 4096)
    };
    let mut attributes = words64(&[node.into(), size, 8, 0, 0, 0]);
    for word in [0_u32, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        attributes.extend(word.to_ne_bytes());
    }
    attributes
}
