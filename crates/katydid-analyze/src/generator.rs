//! The generator as one more thing that is watched: its charts, from the run second by second.

use katydid_record::Timeline;
use katydid_record::histogram::Packed;
use katydid_record::view::{Chart, ChartLine};

use crate::series::{Piece, pieces};

type Value<'a> = &'a dyn Fn(&Piece<'_>) -> Option<f64>;

/// On the time of the other charts; an interval's values stand in its middle.
pub fn charts(timeline: &Timeline) -> Vec<Chart> {
    let pieces = pieces(timeline);
    let middle = |piece: &Piece<'_>| (piece.from_us + piece.until_us) as f64 / 2e6;
    let t_s: Vec<f64> = pieces.iter().map(middle).collect();
    let chart = |id: &str, title: &str, unit: &str, lines: &[(&str, Value<'_>)]| Chart {
        id: id.into(),
        title: title.into(),
        unit: unit.into(),
        t_s: t_s.clone(),
        lines: lines
            .iter()
            .map(|(name, value)| ChartLine {
                name: (*name).to_owned(),
                values: pieces.iter().map(value).collect(),
            })
            .filter(|line| line.values.iter().any(Option::is_some))
            .collect(),
        ..Chart::default()
    };
    let all = [
        chart(
            "cpu",
            "Processor time, of one core",
            "%",
            &[
                ("all of katydid", &|p| of_a_core(p, p.second.cpu_us)),
                ("the scenario's thread", &|p| {
                    of_a_core(p, p.second.hub_cpu_us)
                }),
                ("the I/O thread", &|p| of_a_core(p, p.second.io_cpu_us)),
            ],
        ),
        chart(
            "late",
            "How late it was",
            "ms",
            &[
                ("requests taken up, p50", &|p| ms(&p.second.lag, 0.5)),
                ("requests taken up, p99", &|p| ms(&p.second.lag, 0.99)),
                ("the scenario's thread, p99", &|p| {
                    ms(&p.second.hub_lag, 0.99)
                }),
            ],
        ),
        chart(
            "memory",
            "Memory of katydid",
            "bytes",
            &[("resident", &|p| {
                Some(p.second.rss_bytes()).filter(|bytes| *bytes > 0.0)
            })],
        ),
        chart(
            "connections",
            "Connections opened",
            "/s",
            &[("opened", &|p| {
                Some(p.second.connections_opened as f64 / p.seconds())
            })],
        ),
    ];
    let drawn = all.into_iter();
    drawn
        .filter(|chart| chart.t_s.len() > 1 && !chart.lines.is_empty())
        .collect()
}

/// Processes of several workers add up.
fn of_a_core(piece: &Piece<'_>, cpu_us: u64) -> Option<f64> {
    let seconds = piece.seconds();
    (cpu_us > 0 && seconds > 0.0).then(|| cpu_us as f64 / 1e6 / seconds * 100.0)
}

fn ms(times: &Packed, q: f64) -> Option<f64> {
    times.quantile_us(q).map(|us| us as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use katydid_record::{Body, Frame, GeneratorWindow, Histogram};

    use super::*;

    #[test]
    fn each_second_has_its_values_and_what_was_not_measured_is_a_gap() {
        let mut timeline = Timeline::default();
        for second in 0..3 {
            let mut lag = Histogram::default();
            lag.record(2_000);
            let window = GeneratorWindow {
                lag: lag.to_sparse(),
                process_cpu_us: second * 100_000,
                hub_cpu_us: second * 60_000,
                connections_opened: 4,
                rss_bytes: 1 << 20,
                processors: 2,
                ..GeneratorWindow::default()
            };
            timeline.apply(&Frame {
                at: second * 1_000_000,
                span: 1_000_000,
                source: 0,
                phase: 0,
                body: Body::Generator(Box::new(window)),
            });
        }
        let charts = charts(&timeline);
        let ids: Vec<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
        assert_eq!(ids, ["cpu", "late", "memory", "connections"]);
        assert_eq!(charts[0].t_s, [0.5, 1.5, 2.5]);
        let cpu = &charts[0].lines[0].values;
        assert_eq!(*cpu, [None, Some(10.0), Some(20.0)]);
        assert_eq!(charts[0].lines.len(), 2, "the I/O thread was not measured");
        let late = charts[1].lines[1].values[1].unwrap();
        assert!((late - 2.0).abs() < 0.01, "{late}");
        assert_eq!(charts[3].lines[0].values, [Some(4.0); 3]);
    }
}
