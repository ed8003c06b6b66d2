//! The generator as one more thing that is watched: its charts, from the run second by second.

use std::collections::BTreeMap;

use katydid_record::Timeline;
use katydid_record::histogram::Packed;
use katydid_record::timeline::Level;
use katydid_record::view::{Chart, ChartLine};

use crate::series::{Piece, pieces};
use crate::target::draw::{LINES, beyond_the_largest};

type Value<'a> = &'a dyn Fn(&Piece<'_>) -> Option<f64>;
type OfProcess<'a> = &'a dyn Fn(&Piece<'_>, &Level) -> Option<f64>;

/// The run in pieces, and each of them process by process.
struct Sheet<'a> {
    pieces: Vec<Piece<'a>>,
    processes: Vec<BTreeMap<u32, Level>>,
    t_s: Vec<f64>,
    /// Besides the one that writes the record, which makes no load then.
    has_workers: bool,
}

/// On the time of the other charts; an interval's values stand in its middle.
pub fn charts(timeline: &Timeline) -> Vec<Chart> {
    let pieces = pieces(timeline);
    let middle = |piece: &Piece<'_>| (piece.from_us + piece.until_us) as f64 / 2e6;
    let sheet = Sheet {
        processes: pieces.iter().map(|p| p.second.processes()).collect(),
        t_s: pieces.iter().map(middle).collect(),
        has_workers: timeline.generators.processes.len() > 1,
        pieces,
    };
    let drawn = processors(&sheet).into_iter().chain(late(&sheet)).chain([
        sheet
            .by_process("in_flight", "Requests in flight", "", &|_, level| {
                Some(level.in_flight as f64)
            })
            .stacked(),
        sheet.chart(
            "connections",
            "Connections opened",
            "/s",
            &[("opened", &|p| {
                Some(p.second.connections_opened as f64 / p.seconds())
            })],
        ),
        sheet
            .by_process("memory", "Memory of katydid", "bytes", &|_, level| {
                level.rss_bytes()
            })
            .stacked(),
    ]);
    drawn.filter_map(Drawing::done).collect()
}

/// A thread that has used up its core is the end of its process: of several each is shown, since a sum would hide it.
fn processors(sheet: &Sheet<'_>) -> Vec<Drawing> {
    let all: Value<'_> = &|p| of_a_core(p, p.second.cpu_us);
    let hub: OfProcess<'_> = &|p, level| of_a_core(p, level.hub_cpu_us);
    let io: OfProcess<'_> = &|p, level| of_a_core(p, level.io_cpu_us);
    let title = "Processor time, of one core";
    if !sheet.has_workers {
        let lines = [
            ("all of katydid", sheet.pieces.iter().map(all).collect()),
            ("the scenario's thread", sheet.of_process(0, hub)),
            ("the I/O thread", sheet.of_process(0, io)),
        ];
        let lines = lines.map(|(name, values)| (name.to_owned(), values));
        return vec![sheet.drawing("cpu", title, "%", lines.into_iter())];
    }
    let by = |id, what: &str, of| {
        let title = format!("{what}: processor time, of one core each");
        sheet.by_process(id, &title, "%", of).limit(100.0)
    };
    vec![
        sheet.chart("cpu", title, "%", &[("all of katydid", all)]),
        by("cpu.hub", "Scenario's threads", hub),
        by("cpu.io", "I/O threads", io),
    ]
}

fn late(sheet: &Sheet<'_>) -> Vec<Drawing> {
    let mut drawn = vec![sheet.chart(
        "late",
        "How late it was",
        "ms",
        &[
            ("requests taken up, p50", &|p| ms(&p.second.lag, 0.5)),
            ("requests taken up, p99", &|p| ms(&p.second.lag, 0.99)),
            ("the scenario's thread, at most", &|p| {
                Some(p.second.hub_late_max_us()? as f64 / 1e3)
            }),
        ],
    )];
    if sheet.has_workers {
        let title = "The latest that the scenario's threads were";
        drawn.push(sheet.by_process("late.hub", title, "ms", &|_, level| {
            (level.hub_late_max_us > 0).then(|| level.hub_late_max_us as f64 / 1e3)
        }));
    }
    drawn
}

/// A chart that is being made.
struct Drawing {
    chart: Chart,
}

impl Sheet<'_> {
    fn chart(&self, id: &str, title: &str, unit: &str, lines: &[(&str, Value<'_>)]) -> Drawing {
        let line = |(name, value): &(&str, Value<'_>)| {
            ((*name).to_owned(), self.pieces.iter().map(value).collect())
        };
        self.drawing(id, title, unit, lines.iter().map(line))
    }

    /// A line for each process that makes load; where there is only one, it needs no name of its own.
    fn by_process(&self, id: &str, title: &str, unit: &str, of: OfProcess<'_>) -> Drawing {
        let mut numbers: Vec<u32> = self
            .processes
            .iter()
            .flat_map(|p| p.keys().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let line = |process: u32| (self.name(process), self.of_process(process, of));
        // The parent of workers has memory, but neither users nor requests.
        let lines = numbers.into_iter().map(line);
        self.drawing(
            id,
            title,
            unit,
            lines.filter(|(_, values)| is_something(values)),
        )
    }

    fn of_process(&self, process: u32, of: OfProcess<'_>) -> Vec<Option<f64>> {
        let pieces = self.pieces.iter().zip(&self.processes);
        pieces
            .map(|(piece, levels)| of(piece, levels.get(&process)?))
            .collect()
    }

    fn name(&self, process: u32) -> String {
        match process {
            0 if self.has_workers => "writes the record".to_owned(),
            0 => "katydid".to_owned(),
            // As marks count them.
            worker => format!("worker {}", worker - 1),
        }
    }

    fn drawing(
        &self,
        id: &str,
        title: &str,
        unit: &str,
        lines: impl Iterator<Item = (String, Vec<Option<f64>>)>,
    ) -> Drawing {
        let lines = lines.map(|(name, values)| ChartLine { name, values });
        let chart = Chart {
            id: id.to_owned(),
            title: title.to_owned(),
            unit: unit.to_owned(),
            t_s: self.t_s.clone(),
            lines: lines
                .filter(|line| line.values.iter().any(Option::is_some))
                .collect(),
            ..Chart::default()
        };
        Drawing { chart }
    }
}

fn is_something(values: &[Option<f64>]) -> bool {
    values.iter().flatten().any(|value| *value > 0.0)
}

impl Drawing {
    /// The lines are parts of a whole, where there are several.
    fn stacked(mut self) -> Self {
        self.chart.stacked = self.chart.lines.len() > 1;
        self
    }

    fn limit(mut self, limit: f64) -> Self {
        self.chart.limit = Some(limit);
        self
    }

    /// Of many processes those that reach highest; of parts of a whole the rest as one, else the title says so.
    fn done(mut self) -> Option<Chart> {
        let lines = &mut self.chart.lines;
        let count = lines.len();
        let top = |line: &ChartLine| line.values.iter().flatten().copied().fold(0.0, f64::max);
        let rest = beyond_the_largest(lines, top);
        if !rest.is_empty() {
            if self.chart.stacked {
                let sum = |at: usize| {
                    let seen = rest.iter().filter_map(|line| line.values[at]);
                    seen.reduce(|a, b| a + b)
                };
                let values = (0..self.chart.t_s.len()).map(sum).collect();
                let name = format!("{} others", rest.len());
                lines.push(ChartLine { name, values });
            } else {
                let title = &self.chart.title;
                self.chart.title = format!("{title} (the highest {} of {count})", LINES - 1);
            }
        }
        let is_drawn = self.chart.t_s.len() > 1 && !self.chart.lines.is_empty();
        is_drawn.then_some(self.chart)
    }
}

fn of_a_core(piece: &Piece<'_>, cpu_us: u64) -> Option<f64> {
    let seconds = piece.seconds();
    (cpu_us > 0 && seconds > 0.0).then(|| cpu_us as f64 / 1e6 / seconds * 100.0)
}

fn ms(times: &Packed, q: f64) -> Option<f64> {
    times.quantile_us(q).map(|us| us as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use katydid_record::{Body, Frame, GeneratorWindow, Histogram, Sparse};

    use super::*;

    fn one_value(us: u64) -> Sparse {
        let mut times = Histogram::default();
        times.record(us);
        times.to_sparse()
    }

    /// A window of each source in each second.
    fn windows(
        sources: &[u32],
        seconds: u64,
        window: impl Fn(usize, u64) -> GeneratorWindow,
    ) -> Timeline {
        let mut timeline = Timeline::default();
        for second in 0..seconds {
            for (place, source) in sources.iter().enumerate() {
                timeline.apply(&Frame {
                    at: second * 1_000_000,
                    span: 1_000_000,
                    source: *source,
                    phase: 0,
                    body: Body::Generator(Box::new(window(place, second))),
                });
            }
        }
        timeline
    }

    /// Sources that use such a share of a core, in percent.
    fn busy(sources: &[(u32, u64)], seconds: u64) -> Timeline {
        let numbers: Vec<u32> = sources.iter().map(|(source, _)| *source).collect();
        windows(&numbers, seconds, |place, _| {
            let share = sources[place].1;
            GeneratorWindow {
                hub_lag: one_value(share * 10),
                process_cpu_us: share * 12_000,
                hub_cpu_us: share * 10_000,
                in_flight: share / 10,
                rss_bytes: 1 << 20,
                processors: 2,
                ..GeneratorWindow::default()
            }
        })
    }

    #[test]
    fn of_several_processes_each_has_its_line() {
        let charts = charts(&busy(&[(0, 0), (16, 95), (32, 20)], 3));
        let chart = |id| charts.iter().find(|chart| chart.id == id).unwrap();
        let all = &chart("cpu").lines;
        assert_eq!(
            all[0].values,
            [Some(138.0); 3],
            "a sum, which hides that one is full"
        );
        let hubs = chart("cpu.hub");
        let found: Vec<_> = hubs
            .lines
            .iter()
            .map(|l| (l.name.as_str(), l.values[1]))
            .collect();
        assert_eq!(found, [("worker 0", Some(95.0)), ("worker 1", Some(20.0))]);
        assert_eq!(hubs.limit, Some(100.0));
        assert_eq!(chart("late.hub").lines[0].values[0], Some(0.95));
        let in_flight = chart("in_flight");
        assert!(in_flight.stacked && in_flight.lines.len() == 2);
        assert_eq!(chart("memory").lines.len(), 3, "the parent has some too");
    }

    #[test]
    fn of_many_processes_the_highest_are_shown() {
        let sources: Vec<(u32, u64)> = (1..=20).map(|n| (n * 16, u64::from(n))).collect();
        let charts = charts(&busy(&sources, 2));
        let hubs = charts.iter().find(|chart| chart.id == "cpu.hub").unwrap();
        assert_eq!(
            (hubs.lines.len(), hubs.lines[0].name.as_str()),
            (LINES - 1, "worker 19")
        );
        let in_flight = charts.iter().find(|chart| chart.id == "in_flight").unwrap();
        let sum: f64 = in_flight
            .lines
            .iter()
            .filter_map(|line| line.values[0])
            .sum();
        assert!((sum - 12.0).abs() < 1e-9 && in_flight.lines[LINES - 1].name.ends_with(" others"));
        assert!(
            hubs.title.ends_with("(the highest 7 of 20)"),
            "{}",
            hubs.title
        );
    }

    #[test]
    fn a_long_run_is_merged_and_its_latest_stays() {
        let timeline = busy(&[(0, 40)], 9_000);
        let charts = charts(&timeline);
        let cpu = charts.iter().find(|chart| chart.id == "cpu").unwrap();
        assert!(cpu.t_s.len() <= 3_602, "{}", cpu.t_s.len());
        let hub = cpu.lines[1].values[100].unwrap();
        assert!((hub - 40.0).abs() < 1e-9, "{hub}");
        let merged = timeline.seconds.intervals().next().unwrap().processes();
        assert_eq!(merged[&0].hub_late_max_us, 400);
    }

    #[test]
    fn each_second_has_its_values_and_what_was_not_measured_is_a_gap() {
        let timeline = windows(&[0], 3, |_, second| GeneratorWindow {
            lag: one_value(2_000),
            process_cpu_us: second * 100_000,
            hub_cpu_us: second * 60_000,
            connections_opened: 4,
            in_flight: 3,
            rss_bytes: 1 << 20,
            processors: 2,
            ..GeneratorWindow::default()
        });
        let charts = charts(&timeline);
        let ids: Vec<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
        assert_eq!(ids, ["cpu", "late", "in_flight", "connections", "memory"]);
        assert_eq!(charts[0].t_s, [0.5, 1.5, 2.5]);
        let cpu = &charts[0].lines[0].values;
        assert_eq!(*cpu, [None, Some(10.0), Some(20.0)]);
        assert_eq!(charts[0].lines.len(), 2, "the I/O thread was not measured");
        let late = charts[1].lines[1].values[1].unwrap();
        assert!((late - 2.0).abs() < 0.01, "{late}");
        assert_eq!(charts[3].lines[0].values, [Some(4.0); 3]);
        assert_eq!(charts[4].lines[0].name, "katydid");
    }
}
