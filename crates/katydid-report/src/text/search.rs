//! The answer of a search, and a picture of what was bad at which load.

use katydid_record::Summary;
use katydid_record::search::SearchSummary;

use super::page::{Page, Tone};
use crate::number::{count, percent, rate};
use crate::words::{clean, pad_left};

/// Columns of the longest bar.
const BAR: usize = 40;
/// The longest bar is so many times what is allowed.
const TIMES: f64 = 4.0;

/// Nothing of a run that was no search.
pub fn write(page: &mut Page, summary: &Summary) {
    let Some(search) = &summary.search else {
        return;
    };
    let tone = if search.is_answered() {
        Tone::Strong
    } else {
        Tone::Warning
    };
    page.paragraph(tone, &clean(&search.answer));
    for remark in &search.remarks {
        page.item(2, "", Tone::Plain, &clean(remark));
    }
    picture(page, search);
    page.gap();
}

fn picture(page: &mut Page, search: &SearchSummary) {
    let Some(objective) = search.objective().filter(|_| !search.levels.is_empty()) else {
        return;
    };
    let allowed = percent(objective.budget);
    page.title(&clean(&format!(
        "Bad requests by load: {}, {allowed} allowed (┊)",
        objective.text
    )));
    let unit = &search.unit;
    let width = unit.len().max(10);
    page.line(&format!("  {}  steps      bad", pad_left(unit, width)));
    let most = (TIMES * objective.budget).min(1.0);
    let room = BAR.min(page.width().saturating_sub(width + 22));
    for level in &search.levels {
        page.line(&format!(
            "  {}  {}  {}  {}",
            pad_left(&rate(level.height), width),
            pad_left(&count(level.steps), 5),
            pad_left(&percent(level.bad), 7),
            bar(level.bad / most, objective.budget / most, room)
        ));
    }
}

/// `part` of the room, and a mark.
fn bar(part: f64, mark: f64, room: usize) -> String {
    let cells = |part: f64| (part * room as f64).round().min(room as f64) as usize;
    let (length, mark) = (cells(part), cells(mark).min(room.saturating_sub(1)));
    let cell = |n: usize| match n {
        n if n < length => '█',
        n if n == mark => '┊',
        _ => ' ',
    };
    let text: String = (0..room).map(cell).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_passes_the_mark() {
        assert_eq!(bar(0.0, 0.25, 8), "  ┊");
        assert_eq!(bar(0.25, 0.25, 8), "██┊");
        assert_eq!(bar(0.5, 0.25, 8), "████");
        assert_eq!(bar(3.0, 0.25, 8), "████████");
    }
}
