//! The one table: a row per endpoint. Columns give way on narrow terminals, names before numbers.

use katydid_record::Kind;
use katydid_record::summary::{EndpointSummary, Latency, PhaseSummary, Summary};

use super::page::{Page, Tone};
use crate::number::{count, duration, percent, rate, short_or_dash};
use crate::phrase;
use crate::words::{clean, columns, pad_left, pad_right, shorten};

const GAP: usize = 2;
/// More endpoints are said to be there, and found in the report.
const MOST_ROWS: usize = 60;
const METHOD: usize = 10;

/// Which columns are shown.
#[derive(Clone, Copy)]
struct Choice {
    due: &'static [&'static str],
    send: &'static [&'static str],
    /// Failures in percent.
    share: bool,
    /// Columns that a name gets at least before the next choice is taken.
    name: usize,
}

const FOUR: &[&str] = &["p50", "p95", "p99", "max"];

const fn choice(
    due: &'static [&'static str],
    send: &'static [&'static str],
    share: bool,
    name: usize,
) -> Choice {
    Choice {
        due,
        send,
        share,
        name,
    }
}

/// The fullest first.
const CHOICES: [Choice; 7] = [
    choice(FOUR, FOUR, true, 24),
    choice(FOUR, &["p50", "p95", "p99"], true, 24),
    choice(FOUR, &["p50", "p99"], true, 24),
    choice(FOUR, &["p99"], true, 20),
    choice(FOUR, &["p99"], false, 14),
    choice(FOUR, &[], false, 14),
    choice(&["p50", "p95", "p99"], &[], false, 0),
];

struct Row {
    tone: Tone,
    method: String,
    name: String,
    failed: bool,
    cells: Vec<String>,
}

/// Heads of the two columns that say what a row is about.
const OF_ENDPOINTS: [&str; 2] = ["Method", "Name"];
const OF_PHASES: [&str; 2] = ["Users", "Phase"];

/// Writes a row per phase, where there is more than one.
pub fn phases(page: &mut Page, summary: &Summary) {
    let phases: Vec<&PhaseSummary> = phrase::phases(summary);
    if phases.len() < 2 {
        return;
    }
    let rows: Vec<EndpointSummary> = phases.iter().map(|phase| as_row(phase)).collect();
    let tone = |phase: &PhaseSummary| match phase.kind.as_str() {
        "ramp" => Tone::Faint,
        _ => Tone::Plain,
    };
    let listed: Vec<(&EndpointSummary, Tone)> = rows
        .iter()
        .zip(phases.iter().map(|phase| tone(phase)))
        .collect();
    page.title("Phases");
    fitting(page, &listed, OF_PHASES).write(page);
}

/// A phase's total, named after it.
fn as_row(phase: &PhaseSummary) -> EndpointSummary {
    let invalid = if phase.valid { "" } else { ", INVALID" };
    EndpointSummary {
        method: count(phase.users),
        name: format!(
            "{} ({}{invalid})",
            phase.name,
            duration(phase.ended_s - phase.began_s)
        ),
        ..phase.total.clone()
    }
}

/// Writes the table of endpoints.
pub fn write(page: &mut Page, summary: &Summary) {
    let (in_total, apart): (Vec<_>, Vec<_>) = summary
        .endpoints
        .iter()
        .partition(|e| matches!(e.kind, Kind::Request | Kind::Custom));
    let hidden = in_total.len().saturating_sub(MOST_ROWS);
    let listed: Vec<(&EndpointSummary, Tone)> = in_total
        .into_iter()
        .take(MOST_ROWS)
        .map(|e| (e, Tone::Plain))
        .chain([(&summary.total, Tone::Strong)])
        .chain(
            phrase::by_access(summary)
                .into_iter()
                .map(|e| (e, Tone::Faint)),
        )
        .chain(apart.into_iter().take(MOST_ROWS).map(|e| (e, Tone::Plain)))
        .collect();
    fitting(page, &listed, OF_ENDPOINTS).write(page);
    if hidden > 0 {
        page.paragraph(
            Tone::Faint,
            &format!("{hidden} more endpoints are in the report."),
        );
    }
}

/// The fullest layout that the page has room for.
fn fitting(page: &Page, listed: &[(&EndpointSummary, Tone)], titles: [&'static str; 2]) -> Layout {
    let mut layout = Layout::new(listed, titles, CHOICES[0]);
    for choice in CHOICES {
        layout = Layout::new(listed, titles, choice);
        if layout.fits(page.width()) {
            break;
        }
    }
    layout
}

struct Layout {
    titles: [&'static str; 2],
    choice: Choice,
    rows: Vec<Row>,
    groups: String,
    heads: Vec<String>,
    method: usize,
    name: usize,
    widths: Vec<usize>,
}

impl Layout {
    fn new(listed: &[(&EndpointSummary, Tone)], titles: [&'static str; 2], choice: Choice) -> Self {
        let Choice { due, send, .. } = choice;
        let before = if choice.share { 3 } else { 2 };
        let rows: Vec<Row> = listed
            .iter()
            .map(|(e, tone)| row(e, *tone, choice))
            .collect();
        let heads: Vec<String> = ["requests", "failed", ""]
            .iter()
            .take(before)
            .chain(due)
            .chain(send)
            .chain(&["req/s"])
            .map(|head| (*head).to_owned())
            .collect();
        let widths: Vec<usize> = heads
            .iter()
            .enumerate()
            .map(|(i, head)| {
                let cells = rows.iter().map(|row| columns(&row.cells[i]));
                cells.chain([columns(head)]).max().unwrap_or(0)
            })
            .collect();
        let widest = |of: fn(&Row) -> &String, head: &str| {
            let all = rows.iter().map(|row| columns(of(row)));
            all.chain([columns(head)]).max().unwrap_or(0)
        };
        let method = widest(|row| &row.method, titles[0]);
        let name = widest(|row| &row.name, titles[1]);
        let span = |from: usize, n: usize| -> usize {
            widths[from..from + n].iter().map(|width| width + GAP).sum()
        };
        // Titles of the two groups, each over its own columns.
        let mut groups = pad_left("", span(0, before));
        for (title, from, n) in [
            ("from due, ms", before, due.len()),
            ("from send, ms", before + due.len(), send.len()),
        ] {
            if n > 0 {
                let room = span(from, n);
                let title = if columns(title) + GAP > room {
                    "send"
                } else {
                    title
                };
                groups.push_str(&pad_left(&rule(title, room - GAP), room));
            }
        }
        Self {
            titles,
            choice,
            rows,
            groups,
            heads,
            method,
            name,
            widths,
        }
    }

    fn numbers(&self) -> usize {
        self.widths.iter().map(|width| width + GAP).sum::<usize>()
    }

    fn fits(&self, width: usize) -> bool {
        self.method + GAP + self.name.min(self.choice.name) + self.numbers() <= width
    }

    fn write(&self, page: &mut Page) {
        let room = page
            .width()
            .saturating_sub(self.method + GAP + self.numbers());
        let name = self.name.min(room.max(8));
        let before = if self.choice.share { 3 } else { 2 };
        let groups = format!("{}{}", " ".repeat(self.method + GAP + name), self.groups);
        page.line(&page.tone(Tone::Faint, groups.trim_end()));
        let head = format!(
            "{}  {}{}",
            pad_right(self.titles[0], self.method),
            pad_right(self.titles[1], name),
            self.cells(&self.heads)
        );
        page.line(&page.tone(Tone::Faint, head.trim_end()));
        for row in &self.rows {
            let text = format!(
                "{}  {}",
                pad_right(&row.method, self.method),
                pad_right(&shorten(&row.name, name), name)
            );
            let tone = if row.failed { Tone::Bad } else { row.tone };
            let mut line = page.tone(row.tone, &text);
            line.push_str(&page.tone(row.tone, &self.range(&row.cells, 0, 1)));
            line.push_str(&page.tone(tone, &self.range(&row.cells, 1, before)));
            line.push_str(&page.tone(row.tone, &self.range(&row.cells, before, row.cells.len())));
            page.line(&line);
        }
    }

    fn cells(&self, cells: &[String]) -> String {
        self.range(cells, 0, cells.len())
    }

    fn range(&self, cells: &[String], from: usize, to: usize) -> String {
        let pairs = cells.iter().zip(&self.widths).take(to).skip(from);
        pairs
            .map(|(cell, width)| pad_left(cell, width + GAP))
            .collect()
    }
}

/// A title drawn out to a width: `── from due, ms ──`.
fn rule(title: &str, width: usize) -> String {
    let left = width.saturating_sub(columns(title) + 2);
    if left < 2 {
        return title.to_owned();
    }
    format!(
        "{} {title} {}",
        "─".repeat(left / 2),
        "─".repeat(left - left / 2)
    )
}

fn row(e: &EndpointSummary, tone: Tone, choice: Choice) -> Row {
    let mut cells = vec![count(e.requests), count(e.failures)];
    if choice.share {
        cells.push(if e.failures > 0 {
            percent(e.failure_ratio)
        } else {
            String::new()
        });
    }
    cells.extend(choice.due.iter().map(|name| value(&e.from_due, name)));
    cells.extend(choice.send.iter().map(|name| value(&e.from_send, name)));
    cells.push(rate(e.rps));
    Row {
        tone,
        method: shorten(&clean(phrase::method(e.kind, &e.method)), METHOD),
        name: clean(&e.name),
        failed: e.failures > 0,
        cells,
    }
}

/// One percentile, marked when it is wide.
fn value(latency: &Latency, name: &str) -> String {
    let value = match name {
        "p50" => latency.p50,
        "p95" => latency.p95,
        "p99" => latency.p99,
        _ => latency.max,
    };
    let mark = if value.is_some() && latency.wide.iter().any(|wide| wide == name) {
        "~"
    } else {
        ""
    };
    format!("{mark}{}", short_or_dash(value))
}
