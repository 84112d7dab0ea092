//! Prometheus' text format, as far as it is needed: families with their samples. Pure.
//!
//! Not by a crate: those that know the format bring a registry of shared values and collect them on the heap each time.

use std::fmt::{self, Display, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The text so far.
pub(super) struct Page<'t> {
    text: &'t mut String,
    family: &'static str,
}

impl<'t> Page<'t> {
    /// Empties `text` and keeps its memory.
    pub(super) fn over(text: &'t mut String) -> Self {
        text.clear();
        Self { text, family: "" }
    }

    /// Begins a family of counters.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) {
        self.begin(name, "counter", help);
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.begin(name, "gauge", help);
        self.sample(&[], value);
    }

    /// A summary without quantiles.
    pub(super) fn summary(&mut self, name: &'static str, help: &str, sum: Duration, count: u64) {
        self.begin(name, "summary", help);
        let sum = sum.as_secs_f64();
        self.line(format_args!(
            "memory_monitor_{name}_sum {sum}\nmemory_monitor_{name}_count {count}"
        ));
    }

    /// Begins a family; a help text has neither backslashes nor line ends.
    pub(super) fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        self.line(format_args!(
            "# HELP memory_monitor_{name} {help}\n# TYPE memory_monitor_{name} {kind}"
        ));
    }

    /// A sample of the family that was begun last.
    pub(super) fn sample(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) {
        let name = self.family;
        self.line(format_args!(
            "memory_monitor_{name}{} {value}",
            Labels(labels)
        ));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A String takes any text.
        let _ = writeln!(self.text, "{line}");
    }
}

/// Seconds since 1970, to the millisecond.
pub(super) struct Seconds(pub(super) SystemTime);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(f, "{}.{:03}", since.as_secs(), since.subsec_millis())
    }
}

/// `{signal="SIGTERM",rule="2"}`.
struct Labels<'l>(&'l [(&'l str, &'l dyn Display)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = '{';
        for (name, value) in self.0 {
            write!(f, "{before}{name}=\"")?;
            write!(Value(f), "{value}")?;
            f.write_char('"')?;
            before = ',';
        }
        f.write_str(if before == '{' { "" } else { "}" })
    }
}

/// Text within the quotes of a label.
struct Value<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Value<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\\' => self.0.write_str("\\\\")?,
                '"' => self.0.write_str("\\\"")?,
                '\n' => self.0.write_str("\\n")?,
                other => self.0.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::Escaped;
    use proptest::prelude::*;

    fn page(fill: impl FnOnce(&mut Page<'_>)) -> String {
        let mut text = "what was there before".to_owned();
        fill(&mut Page::over(&mut text));
        text
    }

    #[test]
    fn is_written_as_prometheus_reads_it() {
        let text = page(|page| {
            page.counter("a_total", "How many.");
            page.sample(&[("kind", &"x"), ("rule", &7)], 3);
            page.gauge("b", "How much.", 0.5);
            page.summary("c_seconds", "How long.", Duration::from_millis(1500), 2);
            let time = UNIX_EPOCH + Duration::from_millis(1_763_700_000_001);
            page.gauge("d_seconds", "When.", Seconds(time));
        });
        let expected = "# HELP memory_monitor_a_total How many.\n\
            # TYPE memory_monitor_a_total counter\n\
            memory_monitor_a_total{kind=\"x\",rule=\"7\"} 3\n\
            # HELP memory_monitor_b How much.\n\
            # TYPE memory_monitor_b gauge\n\
            memory_monitor_b 0.5\n\
            # HELP memory_monitor_c_seconds How long.\n\
            # TYPE memory_monitor_c_seconds summary\n\
            memory_monitor_c_seconds_sum 1.5\n\
            memory_monitor_c_seconds_count 2\n\
            # HELP memory_monitor_d_seconds When.\n\
            # TYPE memory_monitor_d_seconds gauge\n\
            memory_monitor_d_seconds 1763700000.001\n";
        assert_eq!(text, expected);
    }

    /// What stands between the quotes, read as Prometheus does.
    fn read_back(line: &str) -> String {
        let quoted = line.strip_prefix("memory_monitor_a{name=\"").unwrap();
        let mut characters = quoted.strip_suffix("\"} 1\n").unwrap().chars();
        let mut value = String::new();
        while let Some(character) = characters.next() {
            assert_ne!(character, '"', "the value ends here: {line}");
            value.push(match character {
                '\\' => match characters.next().unwrap() {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("an unknown escape: {other}"),
                },
                plain => plain,
            });
        }
        value
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_label(name in prop::collection::vec(any::<u8>(), 0..20)) {
            let shown = Escaped(&name).to_string();
            let text = page(|page| {
                page.family = "a";
                page.sample(&[("name", &Escaped(&name))], 1);
            });
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert_eq!(read_back(&text), shown);
        }

        #[test]
        fn any_text_is_read_back(value in any::<String>()) {
            let text = page(|page| {
                page.family = "a";
                page.sample(&[("name", &value)], 1);
            });
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert_eq!(read_back(&text), value);
        }
    }
}
