//! fnmatch(3), which our own globs are compared with: the process never calls setlocale, so the C locale holds.

use std::ffi::CString;

/// Whether `text` as a whole matches the shell pattern `pattern`; false where one of them has a NUL byte.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (Ok(pattern), Ok(text)) = (CString::new(pattern), CString::new(text)) else {
        return false;
    };
    // SAFETY: both are NUL-terminated for the length of the call; fnmatch keeps neither.
    unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), 0) == 0 }
}
