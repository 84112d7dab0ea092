//! What the bytes that a terminal sends mean as keys. Pure.

/// A key of `scan --watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    Enter,
    Escape,
    Backspace,
    /// A character of ASCII that is shown.
    Character(char),
}

/// The next key; `next` gives the next byte that was typed, None where there is none yet. None where there is no key,
/// or one that has no meaning here.
pub(super) fn key(mut next: impl FnMut() -> Option<u8>) -> Option<Key> {
    match next()? {
        0x1b => match next() {
            None | Some(0x1b) => Some(Key::Escape),
            Some(b'[' | b'O') => loop {
                // The end of a sequence; what comes before are its parameters.
                match next()? {
                    b'A' => return Some(Key::Up),
                    b'B' => return Some(Key::Down),
                    b'@'..=b'~' => return None,
                    _ => {}
                }
            },
            // With Alt, or typed right after Escape.
            Some(byte) => of_byte(byte),
        },
        byte => of_byte(byte),
    }
}

fn of_byte(byte: u8) -> Option<Key> {
    match byte {
        b'\r' | b'\n' => Some(Key::Enter),
        0x7f | 0x08 => Some(Key::Backspace),
        b' '..=b'~' => Some(Key::Character(char::from(byte))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_keys() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"q", Some(Key::Character('q'))),
            (b"\x1b", Some(Key::Escape)),
            (b"\x1b[A", Some(Key::Up)),
            (b"\x1bOB", Some(Key::Down)),
            (b"\x1b[1;5A", Some(Key::Up)),
            (b"\x1b[3~", None),
            (b"\x1bq", Some(Key::Character('q'))),
            (b"\r", Some(Key::Enter)),
            (b"\x7f", Some(Key::Backspace)),
            (b"\xc3", None),
        ] {
            let mut bytes = bytes.iter().copied();
            assert_eq!(key(|| bytes.next()), expected);
            assert_eq!(bytes.next(), None);
        }
    }
}
