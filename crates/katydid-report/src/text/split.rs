//! Where the time of each endpoint goes, in a terminal, and whether what was counted fits together.

use katydid_record::Summary;
use katydid_record::summary::{LittleSummary, SplitSummary};

use super::page::{Page, Tone};
use super::sections::more;
use crate::number::{short, short_or_dash};
use crate::words::{clean, columns, pad_left, pad_right, shorten};

const MOST: usize = 12;
const NUMBER: usize = 10;
const HEADS: [&str; 7] = [
    "all", "before", "pool", "database", "cache", "services", "rest",
];

/// Nothing where nobody saw what endpoints call.
pub fn write(page: &mut Page, summary: &Summary) {
    if summary.splits.is_empty() {
        return;
    }
    let what = if summary.run.command == "probe" {
        "median of a request made alone"
    } else {
        "mean of a request"
    };
    page.title(&format!("Where the time goes, {what}, ms"));
    let rows: Vec<&SplitSummary> = summary.splits.iter().take(MOST).collect();
    let widest = rows
        .iter()
        .map(|of| columns(&clean(&of.endpoint)))
        .max()
        .unwrap_or(0);
    // Few drivers tell of it.
    let has_pool = rows.iter().any(|of| of.pool_ms.is_some());
    let is_shown = |head: &&str| has_pool || *head != "pool";
    let shown = HEADS.iter().filter(|head| is_shown(head)).count();
    let name = widest.min(page.width().saturating_sub(NUMBER * shown).max(8));
    let line = |first: &str, cells: &[String]| {
        let cells: String = HEADS
            .iter()
            .zip(cells)
            .filter(|(head, _)| is_shown(head))
            .map(|(_, cell)| pad_left(cell, NUMBER))
            .collect();
        format!("{}{cells}", pad_right(first, name))
    };
    let heads = HEADS.map(str::to_owned);
    page.line(&page.tone(Tone::Faint, &line("", &heads)));
    for of in &rows {
        let mark = if of.inferred { "~" } else { "" };
        let cells = [
            short(of.mean_ms),
            short_or_dash(of.before_ms),
            short_or_dash(of.pool_ms),
            format!("{mark}{}", short(of.database_ms)),
            short_or_dash(of.cache_ms),
            short_or_dash(of.services_ms),
            short(of.rest_ms),
        ];
        page.line(&line(&shorten(&clean(&of.endpoint), name), &cells));
    }
    more(page, summary.splits.len(), MOST, "endpoints");
    let inferred = rows.iter().any(|of| of.inferred);
    let mut note = "before: until the service began with it; rest: its own work, its waits, and what was not seen".to_owned();
    if has_pool {
        note += "; pool: until it had a connection to the database";
    }
    if inferred {
        note += "; ~ is inferred: calls per request times the statement's mean";
    }
    page.paragraph(Tone::Faint, &format!("{note}."));
    let checks: Vec<String> = summary.little.iter().map(check).collect();
    if !checks.is_empty() {
        page.item(
            17,
            "Little's law",
            Tone::Plain,
            &format!("{}.", checks.join("; ")),
        );
    }
}

fn check(of: &LittleSummary) -> String {
    let phase = if of.phase.is_empty() {
        String::new()
    } else {
        format!(" in {}", clean(&of.phase))
    };
    format!(
        "{}{phase}: {} counted in {} looks, {} by rate times time",
        clean(&of.what),
        short(of.counted),
        of.looks,
        short(of.computed)
    )
}
