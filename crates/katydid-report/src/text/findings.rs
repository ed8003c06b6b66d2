//! Why it is slow, in a terminal: causes with what they cost and what to change, what was ruled out, and what nobody looked at.

use katydid_record::Summary;
use katydid_record::finding::{Finding, Findings, NotObserved, RuledOut};

use super::page::{Page, Tone};
use super::sections::more;
use crate::phrase;

const MOST: usize = 8;
const MOST_SUSPECTED: usize = 3;
const MOST_BLIND: usize = 4;
/// Columns before a finding's lines.
const INDENT: usize = 4;
/// Columns of a finding's own labels.
const WORD: usize = 11;
/// Columns of a label.
const LABEL: usize = 17;

/// All of it. Nothing where nothing was watched and nothing found.
pub fn findings(page: &mut Page, summary: &Summary) {
    let Some(all) = &summary.findings else {
        return;
    };
    if !all.findings.is_empty() {
        page.title("Findings");
    }
    for (number, finding) in (1..).zip(all.findings.iter().take(MOST)) {
        one(page, number, finding);
    }
    more(page, all.findings.len(), MOST, "findings");
    page.gap();
    suspected(page, all);
    let ruled_out: Vec<String> = all.ruled_out.iter().map(ruled_out).collect();
    if !ruled_out.is_empty() && !summary.target.is_empty() {
        page.item(
            LABEL,
            "Ruled out",
            Tone::Plain,
            &format!("{}.", ruled_out.join("; ")),
        );
    }
    let blind = all.not_observed.iter().take(MOST_BLIND).map(not_observed);
    let blind: Vec<String> = blind.collect();
    if !blind.is_empty() {
        page.item(
            LABEL,
            "Not observed",
            Tone::Faint,
            &format!("{}.", blind.join("; ")),
        );
    }
}

fn one(page: &mut Page, number: usize, finding: &Finding) {
    page.gap();
    let label = format!("{number}.");
    page.item(
        INDENT,
        &label,
        Tone::Strong,
        &phrase::finding_title(finding),
    );
    page.item(INDENT, "", Tone::Plain, &finding.what);
    if let Some(cost) = finding.cost {
        page.item(INDENT, "", Tone::Plain, &phrase::cost(cost));
    }
    page.item(INDENT, "", Tone::Faint, &phrase::confidence(finding));
    let mut labelled = |label: &str, tone, text: &str| {
        page.item(WORD, &format!("    {label}"), tone, text);
    };
    labelled("fix", Tone::Plain, &finding.advice);
    for fix in &finding.fixes {
        labelled("", Tone::Plain, &format!("{}: {}", fix.r#in, fix.text));
    }
    labelled("check", Tone::Plain, &finding.check);
    for consequence in &finding.consequences {
        labelled("so", Tone::Faint, consequence);
    }
}

fn suspected(page: &mut Page, all: &Findings) {
    for finding in all.suspected.iter().take(MOST_SUSPECTED) {
        let text = format!("{}: {}", phrase::finding_title(finding), finding.what);
        page.item(LABEL, "Suspected", Tone::Faint, &text);
    }
    more(
        page,
        all.suspected.len(),
        MOST_SUSPECTED,
        "suspected causes",
    );
}

fn ruled_out(one: &RuledOut) -> String {
    format!("{} ({})", one.title, one.why)
}

fn not_observed(one: &NotObserved) -> String {
    format!("{} ({})", one.what, one.remedy)
}
