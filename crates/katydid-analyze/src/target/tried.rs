//! Small timelines for tests of charts.

use katydid_record::view::Chart;
use katydid_record::{Body, Frame, Name, SeriesKind, Timeline, Watched};

use super::views;

/// Name, labels `a=b,c=d`, kind, values, one for each look.
pub type Row<'a> = (&'a str, &'a str, SeriesKind, &'a [f64]);

/// A thing of a kind that was looked at every five seconds.
pub fn timeline(kind: &str, rows: &[Row<'_>]) -> Timeline {
    looked_at(kind, 5, rows)
}

/// The same, every so many seconds.
pub fn looked_at(kind: &str, every_s: u64, rows: &[Row<'_>]) -> Timeline {
    let looks = rows.iter().map(|row| row.3.len()).max().unwrap_or(0);
    let times: Vec<f64> = (1..=looks)
        .map(|look| (look as u64 * every_s) as f64)
        .collect();
    looked_at_times(kind, &times, rows)
}

/// The same, at these instants, s.
pub fn looked_at_times(kind: &str, times: &[f64], rows: &[Row<'_>]) -> Timeline {
    let mut timeline = Timeline::default();
    let mut apply = |at: f64, body| {
        timeline.apply(&Frame {
            at: (at * 1e6).round() as u64,
            span: 0,
            source: 1,
            phase: 0,
            body,
        });
    };
    apply(
        0.0,
        Body::Watched(Box::new(Watched {
            subject: "it".into(),
            kind: kind.into(),
            every_ms: 1_000,
            ..Watched::default()
        })),
    );
    let named = rows.iter().zip(0..).map(|((name, labels, how, _), id)| {
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        Name::Series {
            id,
            of: "it".into(),
            name: (*name).into(),
            labels: labels.map(|(a, b)| (a.into(), b.into())).collect(),
            unit: String::new(),
            kind: *how,
        }
    });
    apply(0.0, Body::Names(named.collect()));
    for (look, at) in times.iter().enumerate() {
        let values = rows.iter().zip(0..);
        let values = values.filter_map(|(row, id)| Some((id, *row.3.get(look)?)));
        apply(*at, Body::Samples(values.collect()));
    }
    timeline
}

/// A chart of the first thing that was watched.
pub fn chart(timeline: &Timeline, id: &str) -> Chart {
    let views = views(timeline);
    let found = views[0].charts.iter().find(|chart| chart.id == id);
    found.unwrap_or_else(|| panic!("no {id}")).clone()
}

/// Names of lines with their last values, rounded to three places.
pub fn check(chart: &Chart, expected: &[(&str, f64)]) {
    let lines = chart.lines.iter().map(|line| {
        let last = line.values.last().copied().flatten().unwrap_or(f64::NAN);
        (line.name.as_str(), (last * 1e3).round() / 1e3)
    });
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
