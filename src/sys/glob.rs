//! Shell patterns by fnmatch(3), on bytes: the process never calls setlocale, so the C locale holds.

use std::ffi::CStr;

/// Whether `text` as a whole matches the shell pattern `pattern`.
pub(crate) fn matches(pattern: &CStr, text: &CStr) -> bool {
    // SAFETY: both are NUL-terminated for the length of the call; fnmatch keeps neither.
    unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), 0) == 0 }
}
