//! A comparison: what changed, by endpoint, and the verdict last.

use katydid_record::Comparison;
use katydid_record::comparison::{ChangeOutcome, SideSummary};

use super::Style;
use super::page::{Page, Tone};
use crate::versus::{self, Table};
use crate::words::{clean, columns, pad_left, pad_right, shorten};

/// Columns of a name at most.
const NAME: usize = 44;
/// Counts that are listed.
const MOST_COUNTS: usize = 15;

/// The text, with a line end.
pub fn comparison(told: &Comparison, style: &Style) -> String {
    let mut page = Page::new(style.width, style.color);
    page.gap();
    page.paragraph(
        Tone::Strong,
        &format!("Comparison: {}", versus::design(told)),
    );
    for (word, side) in [("Before", &told.before), ("After", &told.after)] {
        page.item(9, word, Tone::Plain, &label(side));
    }
    for table in versus::tables(told) {
        write(&mut page, &table);
    }
    if !told.changes.is_empty() {
        page.paragraph(Tone::Faint, &versus::about_intervals(told));
    }
    page.gap();
    if let Some(pairs) = versus::pairs(told) {
        page.item(
            17,
            "Pair by pair",
            Tone::Plain,
            &format!("{}: {pairs}", told.primary),
        );
    }
    for (sentence, of) in versus::besides(told) {
        page.item(2, "", tone(of.outcome), &sentence);
    }
    if !told.counts.is_empty() {
        page.title("Counted");
        for count in told.counts.iter().take(MOST_COUNTS) {
            page.item(2, "", Tone::Plain, &versus::counted(count));
        }
        super::sections::more(&mut page, told.counts.len(), MOST_COUNTS, "counts");
    }
    let findings = versus::findings(told);
    if !findings.is_empty() {
        page.title("Findings");
        for (word, names) in findings {
            page.item(2, "", Tone::Plain, &format!("{word}: {}", names.join("; ")));
        }
    }
    if !told.notes.is_empty() || !told.dropped.is_empty() {
        page.title("Notes");
        let dropped = told
            .dropped
            .iter()
            .map(|why| format!("Does not count: {why}."));
        for note in told.notes.iter().cloned().chain(dropped) {
            page.item(2, "", Tone::Plain, &note);
        }
    }
    page.gap();
    if let Some(dir) = &style.run_dir {
        page.line(&format!("Saved            {}", clean(dir)));
    }
    let tone = match told.verdict.as_str() {
        "REGRESSED" | "INVALID" => Tone::Bad,
        "INCONCLUSIVE" => Tone::Warning,
        _ => Tone::Strong,
    };
    page.item(told.verdict.len() + 2, &told.verdict, tone, &told.reason);
    page.finish()
}

fn label(side: &SideSummary) -> String {
    match side.runs.as_slice() {
        [one] if !side.label.contains(&one.id) => format!("{} ({})", side.label, one.id),
        _ => side.label.clone(),
    }
}

fn tone(outcome: ChangeOutcome) -> Tone {
    match outcome {
        ChangeOutcome::Worse => Tone::Bad,
        ChangeOutcome::Better => Tone::Strong,
        _ => Tone::Plain,
    }
}

fn write(page: &mut Page, table: &Table<'_>) {
    let phase = table.phase.map(|phase| format!(" in {}", clean(phase)));
    page.title(&format!("p95 from due, ms{}", phase.unwrap_or_default()));
    let heads = [
        "", "before", "after", "change", "interval", "", "p50", "p99", "failed",
    ];
    let cells: Vec<[String; 9]> = table
        .rows
        .iter()
        .map(|row| {
            let star = if row.p95.primary { "* " } else { "  " };
            [
                format!("{star}{}", shorten(&clean(row.endpoint), NAME)),
                versus::value(row.p95.before),
                versus::value(row.p95.after),
                versus::by(Some(row.p95)),
                versus::interval(row.p95),
                versus::outcome(row.p95).to_owned(),
                versus::by(row.p50),
                versus::by(row.p99),
                versus::bad(row.bad),
            ]
        })
        .collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|row| columns(&row[column]));
        widths.chain([columns(heads[column])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    // On a narrow terminal the last columns give way.
    let mut shown = heads.len();
    while shown > 6 && widths[..shown].iter().sum::<usize>() + 2 * (shown - 1) > page.width() {
        shown -= 1;
    }
    let line = |row: &dyn Fn(usize) -> String| {
        let cells = (0..shown).map(|column| match column {
            0 | 5 => pad_right(&row(column), widths[column]),
            _ => pad_left(&row(column), widths[column]),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    page.line(&line(&|column| heads[column].to_owned()));
    for (row, of) in cells.iter().zip(&table.rows) {
        let text = line(&|column| row[column].clone());
        let text = page.tone(tone(of.p95.outcome), text.trim_end());
        page.line(&text);
    }
    super::sections::more(
        page,
        table.rows.len() + table.more,
        table.rows.len(),
        "endpoints",
    );
}
