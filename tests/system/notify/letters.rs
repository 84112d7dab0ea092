//! Mails as a reader of mail has them. Strict: what is no valid mail, or of a kind that is not expected, fails the test.

use std::fs;
use std::path::Path;

/// A mail.
#[derive(Debug)]
pub(super) struct Letter {
    /// Names in small letters, and values as they are shown.
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
        letter.body = match letter.header("content-transfer-encoding") {
            "7bit" => body.to_owned(),
            "quoted-printable" => text_of(quoted_printable(&body.replace("=\n", ""))),
            "base64" => text_of(base64(&body.replace('\n', ""))),
            other => panic!("encoded by {other}"),
        };
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
    let value = decoded(value);
    assert!(!value.chars().any(char::is_control), "{value:?}");
    (name.to_ascii_lowercase(), value)
}

/// A header's value without the encoded words of RFC 2047.
fn decoded(value: &str) -> String {
    let mut shown = String::new();
    let mut was_encoded = false;
    for (index, word) in value.split(' ').enumerate() {
        let parts = word
            .strip_prefix("=?")
            .and_then(|word| word.strip_suffix("?="))
            .map(|word| word.split('?').collect::<Vec<_>>());
        // Space between two encoded words is not shown.
        if index > 0 && !(was_encoded && parts.is_some()) {
            shown.push(' ');
        }
        was_encoded = parts.is_some();
        match parts.as_deref() {
            None => shown.push_str(word),
            Some(["utf-8", "b", text]) => shown.push_str(&text_of(base64(text))),
            Some(["utf-8", "q", text]) => {
                shown.push_str(&text_of(quoted_printable(&text.replace('_', " "))));
            }
            Some(other) => panic!("an encoded word of another kind: {other:?}"),
        }
    }
    shown
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut parts = text.split('=');
    let mut bytes = parts.next().expect("split gives one").as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        bytes.extend(rest.as_bytes());
    }
    bytes
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0, "{text:?}");
    let text = text.trim_end_matches('=');
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.chars() {
        let value = DIGITS.find(digit).expect("a digit of base64");
        bits = bits << 6 | u32::try_from(value).expect("less than 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).expect("eight bits"));
            bits &= (1 << count) - 1;
        }
    }
    bytes
}
