//! The report: one self-contained page that can be looked at, printed and kept.
//!
//! The page is the built viewer with a run in it, as JSON. Nothing is fetched; the page forbids it, and runs no script but the
//! viewer's. Texts come from servers and scripts: they are data in the page, and the viewer shows them as texts.

mod about;
mod embed;
mod texts;

use katydid_record::view::View;
use katydid_record::{Manifest, Summary};
use serde::Serialize;

use crate::words::escape;
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

/// The page.
pub fn html(summary: &Summary, view: &View, manifest: &Manifest) -> String {
    let texts = Texts::new(summary, manifest);
    let title = escape(&texts.title);
    let page = Page {
        summary,
        view: embed::rounded(view),
        texts,
    };
    // Nothing in it can fail: keys are texts, and what is not a number becomes null.
    let run = embed::inert(&serde_json::to_string(&page).unwrap_or_default());
    let (head, rest) = APP.split_once(TITLE).unwrap_or((APP, ""));
    let (middle, end) = rest.split_once(RUN).unwrap_or((rest, ""));
    [
        head,
        "<title>",
        &title,
        "</title>",
        middle,
        "<script type=\"application/json\" id=\"run\">",
        &run,
        "</script>",
        end,
    ]
    .concat()
}
