//! The report: one self-contained page that can be looked at, printed and kept.
//!
//! The page is the built viewer with a run in it, or a comparison, as JSON. Nothing is fetched; the page forbids it, and runs no
//! script but the viewer's. Texts come from servers and scripts: they are data in the page, and the viewer shows them as texts.

mod about;
mod compared;
mod embed;
mod texts;

use katydid_record::view::View;
use katydid_record::{Comparison, Manifest, Summary};
use serde::{Deserialize, Serialize};

use crate::words::escape;
use compared::Compared;
use texts::Texts;

/// The viewer, built: `viewer/`.
const APP: &str = include_str!("../../../viewer/dist/index.html");
/// Where the title goes.
const TITLE: &str = "<title>katydid</title>";
/// Where the run goes.
const RUN: &str = "<script type=\"application/json\" id=\"run\"></script>";

/// What the viewer reads.
#[derive(Serialize)]
struct Page<'a> {
    summary: &'a Summary,
    view: View,
    texts: Texts<'a>,
}

/// What the viewer reads of a comparison.
#[derive(Serialize)]
struct Versus<'a> {
    comparison: &'a Comparison,
    curves: Curves,
    texts: Compared,
}

/// Both sides of a comparison over time, run by run, in the order of their runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Curves {
    /// Runs of what it was before.
    pub before: Vec<RunCurve>,
    /// Runs of what it is now.
    pub after: Vec<RunCurve>,
}

/// One run over time: equally long lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCurve {
    /// Its id.
    pub id: String,
    /// After the beginning of the phase that is compared, s.
    pub t_s: Vec<f64>,
    /// Of successes, from due, ms; null where there were none.
    pub p95: Vec<Option<f64>>,
    /// Requests ended per second.
    pub rps: Vec<f64>,
}

/// The page of a run.
pub fn html(summary: &Summary, view: &View, manifest: &Manifest) -> String {
    let texts = Texts::new(summary, manifest);
    let title = escape(&texts.title);
    let page = Page {
        summary,
        view: embed::rounded(view),
        texts,
    };
    filled(&title, &page)
}

/// The page of a comparison.
pub fn comparison_html(told: &Comparison, curves: &Curves) -> String {
    let texts = Compared::new(told);
    let title = escape(&texts.title);
    let page = Versus {
        comparison: told,
        curves: embed::rounded_curves(curves),
        texts,
    };
    filled(&title, &page)
}

/// The viewer with this in it.
fn filled(title: &str, page: &impl Serialize) -> String {
    // Nothing in it can fail: keys are texts, and what is not a number becomes null.
    let run = embed::inert(&serde_json::to_string(page).unwrap_or_default());
    let (head, rest) = APP.split_once(TITLE).unwrap_or((APP, ""));
    let (middle, end) = rest.split_once(RUN).unwrap_or((rest, ""));
    [
        head,
        "<title>",
        title,
        "</title>",
        middle,
        "<script type=\"application/json\" id=\"run\">",
        &run,
        "</script>",
        end,
    ]
    .concat()
}
