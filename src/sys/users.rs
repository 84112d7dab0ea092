//! The user database through getpwnam_r(3) and getpwuid_r(3), so that every NSS source counts.

use crate::quantities::Uid;
use std::ffi::{CStr, CString};
use std::{io, ptr};

/// A larger entry than this is rejected by the C library's own tools as well.
const LARGEST_ENTRY: usize = 1 << 20;

/// The uid of the user called `name`; None when no source knows the name.
///
/// # Errors
/// Where a source of the user database can't be read.
pub fn uid_of(name: &str) -> io::Result<Option<Uid>> {
    let name = CString::new(name)?;
    lookup(
        // SAFETY: `lookup` hands in an entry, a buffer with its length, and a result slot, all live.
        |entry, buffer, size, found| unsafe {
            libc::getpwnam_r(name.as_ptr(), entry, buffer, size, found)
        },
        |entry| Uid::new(entry.pw_uid),
    )
}

/// The name of the user with `uid`, as bytes; None when no source knows the uid.
///
/// # Errors
/// Where a source of the user database can't be read.
pub fn name_of(uid: Uid) -> io::Result<Option<Vec<u8>>> {
    lookup(
        // SAFETY: as in `uid_of`.
        |entry, buffer, size, found| unsafe {
            libc::getpwuid_r(uid.get(), entry, buffer, size, found)
        },
        // SAFETY: on success pw_name points to a NUL-terminated string inside the buffer, which lives.
        |entry| unsafe { CStr::from_ptr(entry.pw_name) }.to_bytes().to_vec(),
    )
}

/// The users whose names `is_meant` takes, among those that the user database lists (getpwent(3)).
/// Large directories list no users by default: there a user is found by the full name only.
///
/// # Errors
/// Never so far; the C library does not tell an error from the end of the list.
pub fn uids_of(is_meant: &mut dyn FnMut(&CStr) -> bool) -> io::Result<Vec<Uid>> {
    let mut uids = Vec::new();
    each(|uid, name| {
        uids.extend(is_meant(name).then_some(uid));
        true
    })?;
    Ok(uids)
}

/// Hands each user that the user database lists to `tell`, until that returns false.
///
/// # Errors
/// As [`uids_of`].
pub fn each(mut tell: impl FnMut(Uid, &CStr) -> bool) -> io::Result<()> {
    // SAFETY: no thread of this program uses the list of users, of which there is one.
    unsafe { libc::setpwent() };
    loop {
        // SAFETY: as above; the entry is used up before the next call.
        let entry = unsafe { libc::getpwent() };
        if entry.is_null() {
            break;
        }
        // SAFETY: not null, so it points to an entry with a NUL-terminated name.
        let (name, uid) = unsafe { (CStr::from_ptr((*entry).pw_name), (*entry).pw_uid) };
        if !tell(Uid::new(uid), name) {
            break;
        }
    }
    // SAFETY: as above.
    unsafe { libc::endpwent() };
    Ok(())
}

/// Calls a `getpw*_r` function with a buffer that grows until the entry fits.
fn lookup<T>(
    call: impl Fn(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> i32,
    read: impl Fn(&libc::passwd) -> T,
) -> io::Result<Option<T>> {
    let mut buffer = vec![0 as libc::c_char; 1024];
    loop {
        // SAFETY: passwd is a C struct of integers and pointers, for which all zeros are valid.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found: *mut libc::passwd = ptr::null_mut();
        match call(
            &raw mut entry,
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
        ) {
            0 if found.is_null() => return Ok(None),
            0 => return Ok(Some(read(&entry))),
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < LARGEST_ENTRY => buffer.resize(buffer.len() * 4, 0),
            // POSIX allows these for "no such user", and some NSS modules use them.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}
