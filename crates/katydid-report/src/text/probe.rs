//! What each endpoint asks for, in a terminal: a row for each, and its most frequent queries.

use katydid_record::Summary;
use katydid_record::probe::{ProbeSummary, ProbedEndpoint, ProbedStatement};

use super::page::{Page, Tone};
use super::sections::more;
use crate::number::{count, short, short_or_dash};
use crate::phrase;
use crate::words::{clean, columns, pad_left, pad_right, shorten};

const GAP: usize = 2;
const MOST_ROWS: usize = 40;
/// Queries of an endpoint that are written out.
const MOST_QUERIES: usize = 4;
/// Columns of a name at least.
const NAME: usize = 14;

type Column = (&'static str, fn(&ProbedEndpoint) -> String);

/// What a terminal of 80 columns shows, and after them what wider ones do.
const COLUMNS: [Column; 10] = [
    ("then ms", |of| short_or_dash(of.median_ms)),
    ("queries", |of| counted(of.queries)),
    ("rows", |of| counted(of.rows)),
    ("blocks", |of| counted(of.blocks)),
    ("db ms", |of| short_or_dash(of.database_ms)),
    ("cache", |of| counted(of.commands)),
    ("first ms", |of| short_or_dash(of.first_ms)),
    ("8 at once", |of| short_or_dash(of.together_ms)),
    ("misses", |of| counted(of.misses)),
    ("new keys", |of| counted(of.new_keys)),
];

/// Nothing where there was no probe.
pub fn write(page: &mut Page, summary: &Summary) {
    let Some(probe) = &summary.probe else {
        return;
    };
    page.title("One request");
    table(page, probe);
    more(page, probe.endpoints.len(), MOST_ROWS, "endpoints");
    if let Some(text) = phrase::background(probe) {
        page.gap();
        page.paragraph(Tone::Faint, &text);
    }
    let with_queries = probe
        .endpoints
        .iter()
        .filter(|of| !of.statements.is_empty());
    let with_queries: Vec<&ProbedEndpoint> = with_queries.take(MOST_ROWS).collect();
    if !with_queries.is_empty() {
        page.title("Its queries");
    }
    for endpoint in with_queries {
        page.line(&page.tone(Tone::Strong, &clean(&title(endpoint))));
        for statement in endpoint.statements.iter().take(MOST_QUERIES) {
            let label = format!("{:>6} ×", figures(statement.per_request));
            page.item(10, &label, Tone::Plain, &query(statement));
        }
        more(page, endpoint.statements.len(), MOST_QUERIES, "queries");
    }
}

fn table(page: &mut Page, probe: &ProbeSummary) {
    let rows: Vec<&ProbedEndpoint> = probe.endpoints.iter().take(MOST_ROWS).collect();
    let widest = rows.iter().map(|of| columns(&clean(&title(of))));
    let widest = widest.max().unwrap_or(0);
    let width = |column: &Column| {
        let cells = rows.iter().map(|of| columns(&(column.1)(of)));
        cells.chain([columns(column.0)]).max().unwrap_or(0) + GAP
    };
    let asked: Column = ("asked", |of| count(of.requests));
    let failed: Column = ("failed", |of| count(of.failed));
    let mut shown = vec![asked];
    if rows.iter().any(|of| of.failed > 0) {
        shown.push(failed);
    }
    let room = page
        .width()
        .saturating_sub(widest.min(NAME.max(widest / 2)));
    for column in COLUMNS {
        let taken: usize = shown.iter().map(&width).sum();
        if taken + width(&column) <= room {
            shown.push(column);
        }
    }
    let taken: usize = shown.iter().map(&width).sum();
    let name = widest.min(page.width().saturating_sub(taken).max(8));
    let line = |first: &str, cell: &dyn Fn(&Column) -> String| {
        let cells = shown
            .iter()
            .map(|column| pad_left(&cell(column), width(column)));
        format!("{}{}", pad_right(first, name), cells.collect::<String>())
    };
    page.line(&page.tone(Tone::Faint, &line("", &|column| column.0.to_owned())));
    for of in &rows {
        let tone = if of.failed > 0 {
            Tone::Bad
        } else {
            Tone::Plain
        };
        let text = line(&shorten(&clean(&title(of)), name), &|column| (column.1)(of));
        page.line(&page.tone(tone, &text));
    }
}

fn title(of: &ProbedEndpoint) -> String {
    format!("{} {}", of.method, of.name)
}

fn query(of: &ProbedStatement) -> String {
    let grows = of
        .per_entry
        .map(|slope| format!("; {} for each entry shown", figures(slope)));
    format!(
        "{}  ({} rows, {} blocks, {} ms each{})",
        clean(&of.text),
        figures(of.rows),
        figures(of.blocks),
        short(of.ms),
        grows.unwrap_or_default()
    )
}

fn counted(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figures)
}

/// A count that may be a mean: whole where it is, to two places otherwise.
fn figures(value: f64) -> String {
    if (value - value.round()).abs() < 0.005 {
        count(value.round().max(0.0) as u64)
    } else if value >= 100.0 {
        count(value.round() as u64)
    } else {
        format!("{value:.2}")
    }
}
