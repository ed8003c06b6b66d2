//! The run over time: intervals as they are shown and read, each within one phase.

use std::borrow::Cow;

use katydid_record::summary::SeriesSummary;
use katydid_record::timeline::Second;
use katydid_record::{Histogram, PhaseId, Timeline};

const SECOND_US: u64 = 1_000_000;
/// What an edge leaves of an interval is not shown by itself if it is shorter than this, µs: a rate over it would say nothing.
const SHORTEST_US: u64 = SECOND_US / 2;

/// What happened between two instants.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// The phase; 0 where none was on.
    pub phase: PhaseId,
    /// Its beginning, µs of the run's clock.
    pub from_us: u64,
    /// Its end, µs.
    pub until_us: u64,
    /// What happened.
    pub second: Cow<'a, Second>,
}

impl<'a> Piece<'a> {
    /// Its length.
    pub fn seconds(&self) -> f64 {
        (self.until_us - self.from_us) as f64 / 1e6
    }

    fn is_short(&self) -> bool {
        self.until_us - self.from_us < SHORTEST_US
    }

    fn join(&mut self, next: &Piece<'a>) {
        self.until_us = self.until_us.max(next.until_us);
        self.second.to_mut().merge(&next.second);
    }
}

/// All intervals in the order of time. At the edges of phases they are cut; what is then shorter than half a second belongs to the
/// interval before it in its phase, or after it. Only a phase that is shorter than that shares its interval.
pub fn pieces(timeline: &Timeline) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for piece in cut_at_edges(timeline) {
        match pieces.last_mut() {
            Some(last) if last.phase == piece.phase && (piece.is_short() || last.is_short()) => {
                last.join(&piece);
            }
            // A phase of its own, and that short.
            Some(last) if last.is_short() => {
                last.join(&piece);
                last.phase = piece.phase;
            }
            _ => pieces.push(piece),
        }
    }
    let too_short = pieces.len() > 1 && pieces.last().is_some_and(Piece::is_short);
    if let Some(short) = pieces.pop_if(|_| too_short)
        && let Some(last) = pieces.last_mut()
    {
        last.join(&short);
    }
    pieces
}

fn cut_at_edges(timeline: &Timeline) -> impl Iterator<Item = Piece<'_>> {
    let began = |phase: &PhaseId| timeline.phases.get(phase).and_then(|known| known.began);
    let stretches = &timeline.seconds.stretches;
    stretches.iter().flat_map(move |(phase, stretch)| {
        let from = began(phase).unwrap_or(0);
        let until = timeline
            .phases
            .range(phase + 1..)
            .find_map(|(_, later)| later.began)
            .unwrap_or(timeline.end)
            .max(from);
        let first = stretch.intervals.keys().next().copied().unwrap_or(0);
        let last = stretch.intervals.keys().next_back().copied();
        let numbers = first..last.map_or(first, |last| last + 1);
        let edge = move |number: u64| {
            let at = number.saturating_mul(stretch.width_s.saturating_mul(SECOND_US));
            at.clamp(from, until)
        };
        numbers.map(move |number| Piece {
            phase: *phase,
            from_us: edge(number),
            until_us: edge(number + 1),
            second: match stretch.intervals.get(&number) {
                Some(second) => Cow::Borrowed(second),
                None => Cow::Owned(Second::default()),
            },
        })
    })
}

/// The same as lists, for charts.
pub fn series(timeline: &Timeline) -> SeriesSummary {
    let mut series = SeriesSummary {
        width_s: timeline.seconds.widest_s() as f64,
        ..SeriesSummary::default()
    };
    for piece in pieces(timeline) {
        let (length, second) = (piece.seconds(), &piece.second);
        let rate = |n: u64| if length > 0.0 { n as f64 / length } else { 0.0 };
        let mut dense = Histogram::default();
        dense.add(&second.from_due.to_sparse());
        let at = |q| dense.quantile_us(q).map(|us| us as f64 / 1e3);
        series.t_s.push(piece.from_us as f64 / 1e6);
        series.length_s.push(length);
        series.users.push(second.users());
        series.rps.push(rate(second.ok + second.failed));
        series.failures_per_s.push(rate(second.failed));
        series.in_flight.push(second.in_flight());
        series.p50.push(at(0.5));
        series.p95.push(at(0.95));
        series.p99.push(at(0.99));
    }
    series
}

#[cfg(test)]
mod tests {
    use katydid_record::frame::{Body, EndpointWindow, Frame, Kind, Mark, Name};

    use super::*;

    /// A run whose phases begin at these instants, ms, in which one request ends every tenth of a second.
    fn timeline(began_ms: &[u64], end_ms: u64) -> Timeline {
        let mut timeline = Timeline::default();
        let frame = |at_ms: u64, phase, body| Frame {
            at: at_ms * 1_000,
            span: 100_000,
            source: 0,
            phase,
            body,
        };
        let name = Name::Endpoint {
            id: 0,
            kind: Kind::Request,
            method: String::new(),
            name: "/".into(),
            tagged: None,
        };
        timeline.apply(&frame(0, 0, Body::Names(vec![name])));
        for (phase, at_ms) in (1..).zip(began_ms) {
            let mark = Mark::PhaseBegan {
                phase,
                name: "hold".into(),
                kind: "hold".into(),
            };
            timeline.apply(&frame(*at_ms, phase, Body::Mark(mark)));
        }
        for at_ms in (0..end_ms).step_by(100) {
            let phase = began_ms.iter().filter(|began| **began <= at_ms).count();
            let window = EndpointWindow {
                ok: 1,
                ..EndpointWindow::default()
            };
            timeline.apply(&frame(
                at_ms,
                phase as PhaseId,
                Body::Requests(vec![window]),
            ));
        }
        timeline
    }

    /// Phase, beginning and length in ms.
    fn check(began_ms: &[u64], end_ms: u64, expected: &[(PhaseId, u64, u64)]) {
        let timeline = timeline(began_ms, end_ms);
        let pieces = pieces(&timeline);
        let found: Vec<_> = pieces
            .iter()
            .map(|p| (p.phase, p.from_us / 1_000, (p.until_us - p.from_us) / 1_000))
            .collect();
        assert_eq!(found, expected);
        let ok: u64 = pieces.iter().map(|piece| piece.second.ok).sum();
        assert_eq!(ok, end_ms / 100);
    }

    #[test]
    fn intervals_end_where_a_phase_does() {
        check(
            &[],
            3_000,
            &[(0, 0, 1_000), (0, 1_000, 1_000), (0, 2_000, 1_000)],
        );
        check(&[0, 1_000], 2_000, &[(1, 0, 1_000), (2, 1_000, 1_000)]);
        check(
            &[0, 1_600],
            3_000,
            &[(1, 0, 1_000), (1, 1_000, 600), (2, 1_600, 1_400)],
        );
        // The rest of a second before the edge is short; so is the end of the run.
        check(
            &[0, 1_300],
            3_300,
            &[(1, 0, 1_300), (2, 1_300, 700), (2, 2_000, 1_300)],
        );
        // A phase that is no longer than that.
        check(&[200], 2_000, &[(1, 0, 1_000), (1, 1_000, 1_000)]);
        check(
            &[0, 1_000, 1_200],
            2_000,
            &[(1, 0, 1_000), (3, 1_000, 1_000)],
        );
        check(&[], 300, &[(0, 0, 300)]);
    }

    #[test]
    fn rates_are_over_what_an_interval_covers() {
        let series = series(&timeline(&[0, 1_600], 3_000));
        assert_eq!(series.rps, [10.0; 3]);
        assert_eq!(series.length_s, [1.0, 0.6, 1.4]);
    }
}
