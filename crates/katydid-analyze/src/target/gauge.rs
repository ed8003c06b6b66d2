//! How numbers are shown that somebody asked for by a query of their own.

use katydid_record::view::Chart;

use super::Kind;
use super::draw::Look;

/// Its row in the list.
pub const KIND: Kind = Kind {
    name: "gauge",
    charts,
    tables: |_, _| Vec::new(),
    pressing: |_| Vec::new(),
};

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let watched = &look.subject.watched;
    let name = watched
        .subject
        .strip_prefix("gauge ")
        .unwrap_or(&watched.subject);
    let called = |labels: &super::draw::Labels| {
        Some(labels.get("label").map_or(name, String::as_str).to_owned())
    };
    vec![
        look.chart("value", name, "")
            .each("value", Look::level, called)
            .done(),
    ]
}
