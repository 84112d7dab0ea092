//! Keeping this process's own memory: locked, touched beforehand, and the last that the kernel's OOM killer takes.

use super::check_int;
use super::process::{Capability, has_capability};
use std::hint::black_box;
use std::io;
use std::path::Path;

/// Heap that is touched before it is needed: 430 KiB of lists for a scan with 24 victims and for a shortage, and more.
const HEAP: usize = 480 * 1024;
/// A large allocation would get a mapping of its own and give it back: pieces stay in the heap.
const PIECE: usize = 32 * 1024;
/// The deepest path, from the loop to a parser, takes about 30 KiB of stack, three times that without
/// optimisation.
const STACK: usize = if cfg!(debug_assertions) { 128 } else { 48 } * 1024;

/// Touches heap and stack, and keeps what is freed later. Call it while memory is still there.
pub(crate) fn touch() {
    // SAFETY: sets two parameters of glibc's allocator before there is a second thread.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, libc::c_int::MAX);
    }
    let pieces: Vec<Vec<u8>> = (0..HEAP / PIECE).map(|_| vec![1; PIECE]).collect();
    drop(black_box(pieces));
    touch_stack();
}

#[inline(never)]
#[allow(
    clippy::large_stack_arrays,
    reason = "a large part of the stack is to be touched"
)]
fn touch_stack() {
    black_box(&mut [1_u8; STACK]);
}

/// Gives back the code that only the start needed, of this program and its libraries; what goes on being
/// used is brought back by a page fault at once. Call it before the rehearsal and [`lock`]. It saves 0.5 MiB
/// of 3, most of it the C library's.
pub(crate) fn forget_start() {
    // SAFETY: the callback only uses what it is given, and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(forget_code), std::ptr::null_mut()) };
}

/// # Safety
/// `info` is what `dl_iterate_phdr(3)` gives.
unsafe extern "C" fn forget_code(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the caller's promise: a live struct with as many headers as it says.
    let (info, headers) = unsafe {
        let info = &*info;
        (
            info,
            std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()),
        )
    };
    let page = super::page_size();
    for header in headers {
        let is_code = header.p_type == libc::PT_LOAD
            && header.p_flags & libc::PF_X != 0
            && header.p_flags & libc::PF_W == 0;
        if is_code {
            let start = info.dlpi_addr + header.p_vaddr;
            let end = start + header.p_memsz;
            let start = start / page * page;
            let length = usize::try_from(end - start).unwrap_or(0);
            // SAFETY: never written, so that its pages are those of the file. An error, as for the
            // kernel's vDSO, changes nothing.
            unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
        }
    }
    0
}

/// Page faults of this thread so far, small and large.
#[cfg(test)]
pub(crate) fn faults() -> i64 {
    // SAFETY: rusage is a C struct of integers, for which all zeros are valid; it is live for the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage.ru_minflt + usage.ru_majflt
    }
}

/// Locks what is in memory now and, with CAP_IPC_LOCK, all that comes later, so that it is never
/// swapped out or dropped. On fault, so that what is never used takes no memory; before Linux 4.4, which
/// does not know that, all at once.
///
/// Without CAP_IPC_LOCK a lock on what comes would turn RLIMIT_MEMLOCK into a limit on all memory.
pub(crate) fn lock() -> io::Result<()> {
    let extent = if has_capability(Capability::IpcLock) {
        libc::MCL_CURRENT | libc::MCL_FUTURE
    } else {
        libc::MCL_CURRENT
    };
    // SAFETY: plain integers.
    match check_int(unsafe { libc::mlockall(extent | libc::MCL_ONFAULT as libc::c_int) }) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            // SAFETY: plain integers.
            check_int(unsafe { libc::mlockall(extent) }).map(drop)
        }
        result => result.map(drop),
    }
}

/// Gives this process the oom_score_adj `score` unless it has a lower one, so that the kernel's OOM killer
/// takes others first.
pub(crate) fn lower_oom_score_adj(score: i16) -> io::Result<()> {
    let path = Path::new("/proc/self/oom_score_adj");
    let now = std::fs::read_to_string(path)?;
    if now.trim().parse().is_ok_and(|now: i16| now <= score) {
        return Ok(());
    }
    std::fs::write(path, score.to_string())
}

/// How many descriptors this process may have.
pub(crate) fn descriptor_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the struct is writable.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

/// Raises the number of descriptors this process may have to what it may raise it to: each victim takes
/// two of them.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the struct is writable for the first call and live for the second.
    unsafe {
        check_int(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        check_int(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)).map(drop)
    }
}
