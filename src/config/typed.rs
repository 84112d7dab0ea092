//! What people type for a value that TOML does not have: `2GB`, `10%`, `yes`, `30s`, `sshd, bash`. Each function
//! returns the value as it is to be written; None where nothing is probably meant. Pure.

use super::schedule::DAYS;
use super::shown::shown;

/// Words for a value that is off or without a limit.
const OFF: [&str; 8] = [
    "infinity",
    "infinite",
    "unlimited",
    "none",
    "off",
    "never",
    "no",
    "disabled",
];

/// Seconds and their multiples, in the order in which a unit is looked for.
const SECONDS: [(&str, f64); 6] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

/// GB of 1024^3 bytes.
const GB: [(&str, f64); 5] = [
    ("k", 1.0 / 1_048_576.0),
    ("m", 1.0 / 1024.0),
    ("g", 1.0),
    ("t", 1024.0),
    ("p", 1_048_576.0),
];

/// `yes`, `on`, `no`, `off` and the like.
pub(super) fn flag(text: &str) -> Option<String> {
    match plain(text).as_str() {
        "yes" | "on" | "y" | "1" | "enable" | "enabled" | "true" => Some("true".to_owned()),
        "no" | "off" | "n" | "0" | "disable" | "disabled" | "false" => Some("false".to_owned()),
        _ => None,
    }
}

/// `30s`, `5 min`, `1h30m`, in seconds.
pub(super) fn seconds(text: &str) -> Option<String> {
    let unit = |name: &str| {
        let name = match name {
            "sec" | "secs" | "second" | "seconds" => "s",
            "min" | "mins" | "minute" | "minutes" => "m",
            "hr" | "hrs" | "hour" | "hours" => "h",
            "day" | "days" => "d",
            "week" | "weeks" => "w",
            name => name,
        };
        let mut units = SECONDS.iter();
        units.find(|(unit, _)| *unit == name).map(|(_, size)| *size)
    };
    let text = plain(text);
    let mut rest = text.as_str();
    let mut total = 0.0;
    while !rest.is_empty() {
        let (number, name, after) = quantity(rest)?;
        total += number * if name.is_empty() { 1.0 } else { unit(name)? };
        rest = after;
    }
    (!text.is_empty()).then(|| written(total))
}

/// `2GB`, `512 MiB`, `2,5`, in GB; words for no threshold as `inf`.
pub(super) fn gb(text: &str) -> Option<String> {
    let text = plain(text);
    if OFF.contains(&text.as_str()) || text == "inf" {
        return Some("inf".to_owned());
    }
    let (number, name, "") = quantity(&text)? else {
        return None;
    };
    let name = name.trim_end_matches("ytes").trim_end_matches("yte");
    let name = name.trim_end_matches('b').trim_end_matches('i');
    let mut units = GB.iter();
    let size = match name {
        "" => 1.0,
        name => units.find(|(unit, _)| *unit == name)?.1,
    };
    Some(written(number * size))
}

/// `10%`, `10 percent`; words for off as `off`, the spelling of that.
pub(super) fn percent(text: &str, off: f64) -> Option<String> {
    let text = plain(text);
    if OFF.contains(&text.as_str()) || text == "inf" {
        return Some(written(off));
    }
    match quantity(&text)? {
        (number, "" | "%" | "percent", "") => Some(written(number)),
        _ => None,
    }
}

/// A count without a limit.
pub(super) fn count(text: &str) -> Option<String> {
    let text = plain(text);
    (OFF.contains(&text.as_str()) || text == "inf").then(|| "0".to_owned())
}

/// The items of a text that lists them: `sshd, bash`, with or without brackets and quotes.
pub(super) fn list(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    let trimmed = |part: &str| part.trim().trim_matches(['"', '\'']).to_owned();
    let mut parts: Vec<String> = text.split([',', ';']).map(trimmed).collect();
    if parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    let is_odd = |part: &String| part.is_empty() || part.contains(['"', '[', ']', '{', '=']);
    if parts.is_empty() || parts.iter().any(is_odd) {
        return None;
    }
    let item = |part: &str| match part.parse::<u32>() {
        Ok(_) => part.to_owned(),
        Err(_) => shown(part),
    };
    let list = |parts: &mut dyn Iterator<Item = &str>| {
        let items: Vec<_> = parts.map(item).collect();
        format!("[{}]", items.join(", "))
    };
    let one_or_more = list(&mut parts.iter().map(String::as_str));
    let [part] = parts.as_slice() else {
        return Some(one_or_more);
    };
    // A name can have a blank in it.
    let words: Vec<_> = part.split_whitespace().collect();
    match words.as_slice() {
        [first, _, ..] if !first.ends_with(':') => {
            let several = list(&mut words.iter().copied());
            let are_numbers = words.iter().all(|word| word.parse::<u32>().is_ok());
            Some(if are_numbers {
                several
            } else {
                format!("{several}, or {one_or_more} where it is one")
            })
        }
        _ => Some(one_or_more),
    }
}

/// `mon-fri`, `weekdays`, `sat, sun`: the days, each in quotes.
pub(super) fn days(text: &str) -> Option<String> {
    let index = |name: &str| {
        let name = name.trim();
        let start = name.get(..3)?;
        DAYS.iter().position(|day| *day == start)
    };
    let text = text.to_lowercase().replace(['\u{2013}', '\u{2014}'], "-");
    let days: Vec<usize> = match text.trim() {
        "weekday" | "weekdays" | "workdays" | "workday" => (0..5).collect(),
        "weekend" | "weekends" => vec![5, 6],
        "all" | "daily" | "every day" | "everyday" | "always" | "*" => (0..7).collect(),
        text => {
            let mut days = Vec::new();
            for part in text.split([',', ';', ' ']).filter(|part| !part.is_empty()) {
                let (first, last) = part.split_once("..").or(part.split_once('-')).unzip();
                let first_index = index(first.unwrap_or(part))?;
                let last = index(last.unwrap_or(part).trim_start_matches('.'))?;
                let length = (last + 7 - first_index) % 7;
                days.extend((0..=length).map(|day| (first_index + day) % 7));
            }
            days
        }
    };
    let names: Vec<_> = days
        .iter()
        .filter_map(|day| DAYS.get(*day))
        .map(|day| format!("{day:?}"))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Without quotes and blanks, in small letters.
fn plain(text: &str) -> String {
    let text = text.trim().trim_matches(['"', '\'']).to_lowercase();
    text.split_whitespace().collect()
}

/// The number at the beginning, with a decimal point or comma, the unit behind it, and the rest.
fn quantity(text: &str) -> Option<(f64, &str, &str)> {
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_');
    let end = text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let end = rest
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let number = number.replace('_', "").replace(',', ".");
    Some((number.parse().ok()?, unit, rest))
}

fn written(number: f64) -> String {
    // Sums of decimal fractions are not exact.
    ((number * 1e6).round() / 1e6).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_what_is_to_be_written() {
        type Read = fn(&str) -> Option<String>;
        for (read, text, written) in [
            (flag as Read, "Yes", Some("true")),
            (flag, "off", Some("false")),
            (flag, "perhaps", None),
            (seconds, "30s", Some("30")),
            (seconds, "5 min", Some("300")),
            (seconds, "1h30m", Some("5400")),
            (seconds, "0.5", Some("0.5")),
            (seconds, "500ms", Some("0.5")),
            (seconds, "1 fortnight", None),
            (seconds, "", None),
            (gb, "2GB", Some("2")),
            (gb, "512 MiB", Some("0.5")),
            (gb, "2,5", Some("2.5")),
            (gb, "1.5gigabytes", None),
            (gb, "infinity", Some("inf")),
            (gb, "big", None),
            (count, "unlimited", Some("0")),
            (count, "many", None),
            (list, "sshd, bash", Some("[\"sshd\", \"bash\"]")),
            (
                list,
                "sshd bash",
                Some("[\"sshd\", \"bash\"], or [\"sshd bash\"] where it is one"),
            ),
            (list, "tmux: server", Some("[\"tmux: server\"]")),
            (list, "12 14", Some("[12, 14]")),
            (list, "[sshd, 'bash',]", Some("[\"sshd\", \"bash\"]")),
            (list, "1, 7", Some("[1, 7]")),
            (list, ",", None),
            (
                days,
                "mon-fri",
                Some("\"mon\", \"tue\", \"wed\", \"thu\", \"fri\""),
            ),
            (days, "Sat..Mon", Some("\"sat\", \"sun\", \"mon\"")),
            (days, "weekend", Some("\"sat\", \"sun\"")),
            (days, "sat, sun", Some("\"sat\", \"sun\"")),
            (days, "someday", None),
        ] {
            assert_eq!(read(text).as_deref(), written, "{text}");
        }
        assert_eq!(percent("10 %", 100.0).as_deref(), Some("10"));
        assert_eq!(percent("off", 100.0).as_deref(), Some("100"));
        assert_eq!(percent("10 apples", 100.0), None);
    }
}
