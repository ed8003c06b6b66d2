//! The text that exporters answer with, Prometheus 0.0.4 and `OpenMetrics`, read. Lines that are not understood are counted.

/// Lines that are read; what comes after them is left out.
pub const LINES: usize = 20_000;

use std::collections::BTreeMap;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name, with its suffix.
    pub name: String,
    /// In the order of the text.
    pub labels: Vec<(String, String)>,
    /// May be infinite or no number.
    pub value: f64,
}

/// A page, read.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// In the order of the text, whatever `keep` wanted.
    pub samples: Vec<Sample>,
    /// What the text says a name is: `counter`, `gauge`, `histogram`…
    pub types: BTreeMap<String, String>,
    /// Lines with values, kept or not.
    pub values: usize,
    /// Lines that are no such text.
    pub garbled: usize,
    /// There were more lines than are read.
    pub is_cut: bool,
}

impl Page {
    /// Reads a page, and keeps the names that `keep` wants.
    pub fn read(text: &str, keep: impl Fn(&str) -> bool) -> Self {
        let mut page = Self::default();
        for (number, line) in text.lines().enumerate() {
            if number >= LINES {
                page.is_cut = true;
                break;
            }
            let line = line.trim();
            if let Some((name, kind)) = read_type(line)
                && keep(name)
            {
                page.types.insert(name.to_owned(), kind.to_owned());
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = &line[..line.find(['{', ' ', '\t']).unwrap_or(line.len())];
            if !is_name(name) {
                page.garbled += 1;
            } else if !keep(name) {
                page.values += 1;
            } else if let Some((labels, value)) = read_rest(&line[name.len()..]) {
                page.values += 1;
                page.samples.push(Sample {
                    name: name.to_owned(),
                    labels,
                    value,
                });
            } else {
                page.garbled += 1;
            }
        }
        page
    }

    /// Whether a name is a running total: as the text says, or else by how it ends.
    pub fn is_counter(&self, name: &str) -> bool {
        let kind = |name: &str| match self.types.get(name).map(String::as_str) {
            Some("untyped" | "unknown") | None => None,
            kind => kind,
        };
        if let Some(kind) = kind(name) {
            return kind == "counter";
        }
        let ends = ["_total", "_count", "_sum", "_bucket"];
        let Some((base, end)) = ends
            .iter()
            .find_map(|end| Some((name.strip_suffix(end)?, end)))
        else {
            return false;
        };
        match kind(base) {
            Some("histogram" | "summary") => *end != "_total",
            Some("counter") => *end == "_total",
            Some(_) => false,
            None => !LEVELS.contains(&name),
        }
    }
}

/// Levels that end as totals do.
const LEVELS: [&str; 2] = ["db_client_connection_count", "db_client_connections_count"];

/// `# TYPE name kind`.
fn read_type(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_prefix('#')?.split_whitespace();
    (words.next() == Some("TYPE")).then_some(())?;
    Some((words.next()?, words.next()?))
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Labels and value; a time stamp and an exemplar behind them are not needed.
fn read_rest(rest: &str) -> Option<(Vec<(String, String)>, f64)> {
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => read_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let word = rest.split_whitespace().next()?;
    let value = match word {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        word => word.parse().ok()?,
    };
    Some((labels, value))
}

fn read_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = read_quoted(after.trim_start().strip_prefix('"')?)?;
        let name = name.trim();
        is_name(name).then_some(())?;
        labels.push((name.to_owned(), value));
        rest = after;
    }
}

fn read_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, labels: &[(&str, &str)], value: f64) {
        let page = Page::read(line, |_| true);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels: Vec<_> = labels.iter().map(owned).collect();
        assert_eq!(page.samples.len(), 1, "{line}");
        assert_eq!(
            (&page.samples[0].labels, page.samples[0].value),
            (&labels, value),
            "{line}"
        );
    }

    #[test]
    fn values_with_labels_stamps_and_exemplars() {
        check("up 1", &[], 1.0);
        check("up{} 1 1700000000", &[], 1.0);
        check(
            r#"a_bucket{le="+Inf",} +Inf"#,
            &[("le", "+Inf")],
            f64::INFINITY,
        );
        check(
            r#"a{b="x\"y\\z\nw, }"} -2.5e3"#,
            &[("b", "x\"y\\z\nw, }")],
            -2_500.0,
        );
        check(
            r#"a_bucket{le="1"} 8 # {trace_id="x"} 0.67 1.5"#,
            &[("le", "1")],
            8.0,
        );
    }

    #[test]
    fn what_is_no_such_text_is_counted() {
        let page = Page::read("<html>\n# HELP a b\na{b=\"c} 1\na\n\n# EOF\nok 1", |_| true);
        assert_eq!((page.garbled, page.values), (3, 1));
        let long = "a 1\n".repeat(LINES + 1);
        assert!(Page::read(&long, |_| false).is_cut);
    }

    #[test]
    fn what_is_a_total_is_told_by_the_text_and_else_by_its_name() {
        let types = "# TYPE a_total gauge\n# TYPE b counter\n# TYPE c histogram\n# TYPE d counter\n# TYPE e summary\n# TYPE f_count untyped\n#TYPE\n# TYPE g";
        let page = Page::read(types, |_| true);
        for name in [
            "b", "b_total", "c_bucket", "c_sum", "d", "e_count", "f_count", "x_total",
        ] {
            assert!(page.is_counter(name), "{name}");
        }
        for name in [
            "a_total",
            "e",
            "x",
            "b_created",
            "db_client_connection_count",
        ] {
            assert!(!page.is_counter(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn garbage_does_no_harm(text in r#"([a-z_]{0,3}[{}="\\,# \n0-9é+.-]{0,5}){0,30}"#) {
            Page::read(&text, |_| true);
        }
    }
}
