//! Opens regular files and nothing else, without waiting: every file that is read or appended to, but those of /proc,
//! is opened here.

use std::fs::{File, FileType, OpenOptions, metadata, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What a symbolic link at the end of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Its target is opened.
    Follow,
    /// It is no regular file.
    Reject,
}

/// Opens a regular file, and fails for anything else without waiting for it: a FIFO without a writer would block for
/// ever, and to open a device can have an effect.
pub(crate) fn open_regular(
    path: &Path,
    links: Links,
    options: &mut OpenOptions,
) -> io::Result<File> {
    let (status, flags) = match links {
        Links::Follow => (metadata(path), 0),
        Links::Reject => (symlink_metadata(path), libc::O_NOFOLLOW),
    };
    // What can't be found may be made; the error of opening it says more.
    if let Ok(status) = status {
        check_regular(status.file_type())?;
    }
    let file = options
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | flags)
        .open(path)?;
    // It may have been replaced since.
    check_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Opens a regular file for reading, as [`open_regular`] does.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    open_regular(path, Links::Follow, OpenOptions::new().read(true))
}

fn check_regular(kind: FileType) -> io::Result<()> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let text = format!("it is {what} and must be a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    /// A test that blocks has failed: nothing ever writes to the FIFO.
    #[test]
    fn opens_regular_files_only_and_waits_for_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let fifo = CString::new(path("fifo").as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is NUL-terminated.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        open_to_read(&path("file")).unwrap();
        open_to_read(&path("link")).unwrap();
        for (path, what) in [
            (path("fifo"), "a FIFO"),
            (path("socket"), "a socket"),
            (path(""), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let appending = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .clone();
            for mut options in [OpenOptions::new().read(true).clone(), appending] {
                let error = open_regular(&path, Links::Follow, &mut options).unwrap_err();
                let expected = format!("it is {what} and must be a regular file");
                assert_eq!(error.to_string(), expected);
            }
        }
        let mut options = OpenOptions::new().read(true).clone();
        let error = open_regular(&path("link"), Links::Reject, &mut options).unwrap_err();
        assert!(
            error.to_string().starts_with("it is a symbolic link"),
            "{error}"
        );
        let missing = open_to_read(&path("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
