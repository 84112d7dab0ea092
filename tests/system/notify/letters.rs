//! Mails as a reader of mail has them. Strict: what is no valid mail, or of a kind that is not expected, fails the
//! test.

use std::fs;
use std::path::Path;

/// A mail.
#[derive(Debug)]
pub(super) struct Letter {
    /// Names in small letters, and values.
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Letter {
    fn parse(text: &str) -> Self {
        assert!(text.is_ascii(), "8 bits: {text:?}");
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        // A line that begins with a space continues the one before it; the space belongs to the value.
        let head = head.replace("\n ", " ").replace("\n\t", "\t");
        let headers: Vec<_> = head.lines().map(header).collect();
        let mut letter = Self {
            headers,
            body: String::new(),
        };
        let kind = letter.header("content-type");
        assert_eq!(kind, "text/plain; charset=utf-8");
        let encoding = letter.header("content-transfer-encoding");
        assert_eq!(encoding, "quoted-printable");
        letter.body = quoted_printable(&body.replace("=\n", ""));
        letter
    }

    /// The header with this name, of which there must be one.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(its, _)| its == name);
        let (_, value) = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "two of {name}: {self:?}");
        value
    }

    /// The names of all headers, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names
    }
}

/// The mails of a maildir.
pub(super) fn letters(maildir: &Path) -> Vec<Letter> {
    let files = fs::read_dir(maildir.join("new")).expect("a maildir");
    let text = |path| fs::read_to_string(path).expect("ASCII");
    files
        .map(|file| Letter::parse(&text(file.expect("an entry").path())))
        .collect()
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").expect("a header");
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    assert!(name.bytes().all(is_token), "{line:?}");
    assert!(!value.chars().any(char::is_control), "{value:?}");
    // Nothing that a reader would decode to something else.
    assert!(!value.contains("=?"), "{value:?}");
    (name.to_ascii_lowercase(), value.to_owned())
}

fn quoted_printable(text: &str) -> String {
    let mut parts = text.split('=');
    let mut bytes = parts.next().expect("split gives one").as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}
