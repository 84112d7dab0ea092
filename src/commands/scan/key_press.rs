//! What the bytes that a terminal sends mean as keys. Pure.

/// A key of `scan --watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPress {
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
pub(super) fn key(mut next: impl FnMut() -> Option<u8>) -> Option<KeyPress> {
    match next()? {
        0x1b => match next() {
            None | Some(0x1b) => Some(KeyPress::Escape),
            Some(b'[' | b'O') => loop {
                // The end of a sequence; what comes before are its parameters.
                match next()? {
                    b'A' => return Some(KeyPress::Up),
                    b'B' => return Some(KeyPress::Down),
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

fn of_byte(byte: u8) -> Option<KeyPress> {
    match byte {
        b'\r' | b'\n' => Some(KeyPress::Enter),
        0x7f | 0x08 => Some(KeyPress::Backspace),
        b' '..=b'~' => Some(KeyPress::Character(char::from(byte))),
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
            (b"q", Some(KeyPress::Character('q'))),
            (b"\x1b", Some(KeyPress::Escape)),
            (b"\x1b[A", Some(KeyPress::Up)),
            (b"\x1bOB", Some(KeyPress::Down)),
            (b"\x1b[1;5A", Some(KeyPress::Up)),
            (b"\x1b[3~", None),
            (b"\x1bq", Some(KeyPress::Character('q'))),
            (b"\r", Some(KeyPress::Enter)),
            (b"\x7f", Some(KeyPress::Backspace)),
            (b"\xc3", None),
        ] {
            let mut bytes = bytes.iter().copied();
            assert_eq!(key(|| bytes.next()), expected);
            assert_eq!(bytes.next(), None);
        }
    }
}
