//! The text at the end of a run: what a terminal shows when it is over.
//!
//! From 80 columns; everything foreign is cleaned of what would steer a terminal. An invalid run says so first.

mod findings;
mod page;
mod probe;
mod search;
mod sections;
mod split;
mod table;
mod versus;

use katydid_record::Summary;

use crate::phrase;
use page::{Page, Tone};
pub use versus::comparison;

/// How the text is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
    /// Where the run was saved.
    pub run_dir: Option<String>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: 120,
            color: false,
            run_dir: None,
        }
    }
}

/// The text, with a line end.
pub fn text(summary: &Summary, style: &Style) -> String {
    let mut page = Page::new(style.width, style.color);
    warnings(&mut page, summary);
    page.gap();
    page.paragraph(Tone::Strong, &heading(summary));
    page.gap();
    if summary.run.command == "probe" {
        return probed(page, summary, style);
    }
    search::write(&mut page, summary);
    table::write(&mut page, summary);
    let apart = phrase::apart(&summary.total);
    if !apart.is_empty() {
        page.paragraph(
            Tone::Warning,
            &format!("Not in the table: {}.", apart.join("; ")),
        );
    }
    if summary.search.is_none() {
        table::phases(&mut page, summary);
    }
    if phrase::any_wide(summary) {
        page.paragraph(Tone::Faint, phrase::WIDE);
    }
    sections::spikes(&mut page, summary);
    sections::events(&mut page, summary);
    sections::drifts(&mut page, summary);
    sections::objectives(&mut page, summary);
    sections::failures(&mut page, summary);
    sections::failing_responses(&mut page, summary);
    sections::exceptions(&mut page, summary);
    sections::slowest(&mut page, summary);
    sections::generator(&mut page, summary);
    sections::watched(&mut page, summary);
    sections::traced(&mut page, summary);
    split::write(&mut page, summary);
    sections::notes(&mut page, summary);
    findings::findings(&mut page, summary);
    sections::saved(&mut page, style.run_dir.as_deref());
    sections::verdict(&mut page, summary);
    page.finish()
}

/// A probe makes no load: of its requests the times are the least that there is to see.
fn probed(mut page: Page, summary: &Summary, style: &Style) -> String {
    probe::write(&mut page, summary);
    sections::failures(&mut page, summary);
    sections::failing_responses(&mut page, summary);
    sections::exceptions(&mut page, summary);
    sections::watched(&mut page, summary);
    sections::notes(&mut page, summary);
    findings::findings(&mut page, summary);
    sections::saved(&mut page, style.run_dir.as_deref());
    page.finish()
}

/// Only why it was slow: what was run, and the findings.
pub fn diagnosis(summary: &Summary, style: &Style) -> String {
    let mut page = Page::new(style.width, style.color);
    warnings(&mut page, summary);
    page.gap();
    page.paragraph(Tone::Strong, &heading(summary));
    findings::findings(&mut page, summary);
    let none = |all: &katydid_record::Findings| all.findings.is_empty() && all.suspected.is_empty();
    if summary.findings.as_ref().is_none_or(none) {
        page.gap();
        page.paragraph(Tone::Plain, "No cause was found.");
    }
    page.finish()
}

fn warnings(page: &mut Page, summary: &Summary) {
    if let Some(reason) = phrase::invalid(summary) {
        page.paragraph(Tone::Bad, &format!("INVALID: {reason}"));
    }
    if let Some(text) = phrase::incomplete(summary) {
        page.paragraph(Tone::Bad, text);
    }
    if let Some(text) = phrase::another_test(summary) {
        page.paragraph(Tone::Bad, &text);
    }
}

fn heading(summary: &Summary) -> String {
    let what = format!(
        "{} ({})",
        phrase::what_ran(summary),
        phrase::ended(&summary.run.ended)
    );
    if summary.run.name.is_empty() {
        what
    } else {
        format!("{}: {what}", summary.run.name)
    }
}
