//! Texts and numbers as HTML. Whatever is foreign passes through [`escape`] or [`escape_lines`].

use std::fmt::Write;

use katydid_record::summary::Latency;

use crate::number::{count, short_or_dash};
pub use crate::words::escape;
use crate::words::shorten;

/// Longest name that is written out.
const NAME: usize = 240;

/// Several lines, at most `most` of them; the rest is said.
pub fn escape_lines(text: &str, most: usize) -> String {
    let all = text.lines().count();
    let mut lines: Vec<String> = text
        .lines()
        .take(most)
        .map(|line| escape(&shorten(&line.replace('\t', "    "), 1_000)))
        .collect();
    if all > most {
        lines.push(format!("… {} more lines", all - most));
    }
    lines.join("\n")
}

/// An endpoint: its method set apart, its name.
pub fn endpoint(method: &str, name: &str) -> String {
    // A long path may be broken where people would break it.
    let name = escape(&shorten(name, NAME)).replace('/', "/<wbr>");
    if method.is_empty() {
        return name;
    }
    format!(
        "<b class=\"method\">{}</b>&nbsp;{name}",
        escape(&shorten(method, 24))
    )
}

/// A percentile, marked when there are few samples behind it.
pub fn latency(of: &Latency, name: &str, value: Option<f64>) -> String {
    let text = short_or_dash(value);
    if value.is_some() && of.wide.iter().any(|wide| wide == name) {
        format!(
            "<span class=\"wide\" title=\"{name} of only {} samples\">~{text}</span>",
            count(of.count)
        )
    } else {
        text
    }
}

/// Says how many rows are left out.
pub fn more(out: &mut String, all: usize, shown: usize) {
    if all > shown {
        let hidden = count((all - shown) as u64);
        let _ = writeln!(
            out,
            "<p class=\"soft\">{hidden} more are in summary.json.</p>"
        );
    }
}

/// Opens a section.
pub fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "<section>\n<h2>{title}</h2>");
}

/// A list of names and values, which are HTML already; those without a value are left out.
pub fn facts(out: &mut String, rows: &[(&str, String)]) {
    out.push_str("<dl class=\"facts\">\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}
