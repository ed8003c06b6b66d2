//! Lines and charts from the series of one thing that is watched.

use std::collections::BTreeMap;

use katydid_record::RunTime;
use katydid_record::timeline::{Growth, Series, Subject};
use katydid_record::view::{Chart, ChartLine};

/// Lines that a chart shows by name; the rest are one.
pub const LINES: usize = 8;

/// Looks nearer than this to the one before, s, are drawn with it: they are those at the edges of phases and at the end. The system counts
/// processor time in ticks of 10 ms, so that a rate over a few of them is noise.
const SHORTEST: f64 = 0.5;

/// Values over time; what is not known is `None`.
pub type Points = Vec<(RunTime, Option<f64>)>;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// One thing that is watched, to be drawn.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// What was seen of it.
    pub subject: &'a Subject,
}

/// A chart that is being made.
#[must_use = "it becomes a chart by `done`"]
pub struct Drawing<'a> {
    look: Look<'a>,
    chart: Chart,
    lines: Vec<(String, Points)>,
}

impl<'a> Look<'a> {
    /// An empty chart.
    pub fn chart(self, id: &str, title: &str, unit: &str) -> Drawing<'a> {
        Drawing {
            look: self,
            chart: Chart {
                id: id.to_owned(),
                title: title.to_owned(),
                unit: unit.to_owned(),
                ..Chart::default()
            },
            lines: Vec::new(),
        }
    }

    /// The levels of a series.
    pub fn level(self, series: &Series) -> Points {
        let points = series.points().iter();
        points.map(|(at, value)| (*at, Some(*value))).collect()
    }

    /// How a counter grew from look to look, what is shorter than `SHORTEST` joined to what is beside it. By time alone, so that series that
    /// are read together keep their instants in common.
    fn growths(self, series: &Series) -> Vec<Growth> {
        let mut drawn: Vec<Growth> = Vec::new();
        for growth in self.subject.growths(series) {
            match drawn.last_mut() {
                Some(last) if last.seconds() < SHORTEST || growth.seconds() < SHORTEST => {
                    last.until = growth.until;
                    last.by = last.by.zip(growth.by).map(|(before, after)| before + after);
                }
                _ => drawn.push(growth),
            }
        }
        drawn
    }

    /// How fast a counter grew, per second, at the ends of what it grew in.
    pub fn rate(self, series: &Series) -> Points {
        self.growths(series)
            .into_iter()
            .map(|growth| (growth.until, growth.rate()))
            .collect()
    }

    /// Growth of one counter for each one that another grew by, where both are read together. `None` where the other did not grow.
    pub fn per(self, series: &Series, other: &Series) -> Points {
        let others: BTreeMap<RunTime, f64> = self
            .growths(other)
            .into_iter()
            .filter_map(|growth| Some((growth.until, growth.by?)))
            .collect();
        let per = |at: &RunTime, by: Option<f64>| {
            let other = others.get(at).filter(|other| **other > 0.0)?;
            Some(by? / other)
        };
        self.growths(series)
            .into_iter()
            .map(|growth| (growth.until, per(&growth.until, growth.by)))
            .collect()
    }

    /// What share of both one of two counters grew by, where both are read together. `None` where neither grew.
    pub fn share(self, part: &Series, rest: &Series) -> Points {
        let both = self.growths(part).into_iter().zip(self.growths(rest));
        both.map(|(part, rest)| {
            let share = part.by.zip(rest.by).and_then(|(part, rest)| {
                let all = part + rest;
                (all > 0.0).then(|| part / all)
            });
            (part.until, share)
        })
        .collect()
    }

    /// The newest value of the series of a name, where there is one and not several.
    pub fn only(self, name: &str) -> Option<f64> {
        let mut all = self.subject.named(name);
        let first = all.next().filter(|_| all.next().is_none());
        first.and_then(|(_, series)| series.last())
    }

    /// The newest level of a series without labels.
    pub fn last(self, name: &str) -> Option<f64> {
        self.subject.plain(name)?.last()
    }

    /// How fast a counter without labels last grew, per second.
    pub fn last_rate(self, name: &str) -> Option<f64> {
        let series = self.subject.plain(name)?;
        self.growths(series).last()?.rate()
    }
}

/// Adds lines point by point; where one is not known, the sum is not.
pub fn sum(lines: &[Points]) -> Points {
    let mut sums: BTreeMap<RunTime, (usize, Option<f64>)> = BTreeMap::new();
    for (at, value) in lines.iter().flatten() {
        let (count, sum) = sums.entry(*at).or_insert((0, Some(0.0)));
        *count += 1;
        *sum = sum.and_then(|sum| Some(sum + (*value)?));
    }
    sums.into_iter().map(|(at, (_, sum))| (at, sum)).collect()
}

/// Leaves the largest of more lines than are shown by name, the largest first, and gives the others: none where all are shown.
pub fn beyond_the_largest<L>(lines: &mut Vec<L>, size: impl Fn(&L) -> f64) -> Vec<L> {
    if lines.len() <= LINES {
        return Vec::new();
    }
    lines.sort_by(|a, b| size(b).total_cmp(&size(a)));
    lines.split_off(LINES - 1)
}

impl<'a> Drawing<'a> {
    /// A line. Lines of one name are added up.
    pub fn line(mut self, name: &str, points: Points) -> Self {
        if points.iter().all(|(_, value)| value.is_none()) {
            return self;
        }
        let known = self.lines.iter_mut().find(|(known, _)| known == name);
        match known {
            Some((_, sums)) => *sums = sum(&[std::mem::take(sums), points]),
            None => self.lines.push((name.to_owned(), points)),
        }
        self
    }

    /// The levels of a series without labels, if there is one.
    pub fn level(self, series: &str, name: &str) -> Self {
        let points = self.look.subject.plain(series).map(|s| self.look.level(s));
        self.line(name, points.unwrap_or_default())
    }

    /// How fast a counter without labels grew, if there is one.
    pub fn rate(self, series: &str, name: &str) -> Self {
        let points = self.look.subject.plain(series).map(|s| self.look.rate(s));
        self.line(name, points.unwrap_or_default())
    }

    /// Growth of one for each one of another, if there are both.
    pub fn per(self, series: &str, other: &str, name: &str) -> Self {
        let subject = self.look.subject;
        let both = subject.plain(series).zip(subject.plain(other));
        let points = both.map(|(one, other)| self.look.per(one, other));
        self.line(name, points.unwrap_or_default())
    }

    /// What share of both one of two counters grew by, if there are both.
    pub fn share(self, part: &str, rest: &str, name: &str) -> Self {
        let subject = self.look.subject;
        let both = subject.plain(part).zip(subject.plain(rest));
        let points = both.map(|(part, rest)| self.look.share(part, rest));
        self.line(name, points.unwrap_or_default())
    }

    /// A line for each series of a name, called as its labels are by `called`; what it calls nothing is left out.
    pub fn each(
        mut self,
        series: &'a str,
        points: impl Fn(Look<'a>, &'a Series) -> Points,
        called: impl Fn(&Labels) -> Option<String>,
    ) -> Self {
        let look = self.look;
        for (labels, found) in look.subject.named(series) {
            if let Some(name) = called(labels) {
                self = self.line(&name, points(look, found));
            }
        }
        self
    }

    /// All values times this.
    pub fn times(mut self, factor: f64) -> Self {
        let values = self.lines.iter_mut().flat_map(|(_, points)| points);
        values.for_each(|(_, value)| *value = value.map(|value| value * factor));
        self
    }

    /// The lines are parts of a whole.
    pub fn stacked(mut self) -> Self {
        self.chart.stacked = true;
        self
    }

    /// What it cannot go beyond, if that is known.
    pub fn limit(mut self, limit: Option<f64>) -> Self {
        self.chart.limit = limit;
        self
    }

    /// The chart, if anything was seen. Of many lines the largest are shown by name and, where they are parts of a whole, the rest
    /// as one; else the rest is left out, and the title says so.
    pub fn done(mut self) -> Option<Chart> {
        if self.lines.is_empty() {
            return None;
        }
        self.keep_the_largest();
        let half_us = (self.look.subject.watched.every_ms * 1_000 / 2).max(1);
        let breaks = self.look.subject.breaks.keys().copied();
        let all = self.lines.iter().flat_map(|(_, points)| points);
        let mut times: Vec<RunTime> = all.map(|(at, _)| *at).chain(breaks.clone()).collect();
        times.sort_unstable();
        let mut instants: Vec<RunTime> = Vec::new();
        for at in times {
            if instants.last().is_none_or(|last| at - last >= half_us) {
                instants.push(at);
            }
        }
        let place = |at: RunTime| {
            instants
                .partition_point(|instant| *instant <= at)
                .saturating_sub(1)
        };
        for (name, points) in &self.lines {
            let mut values = vec![None; instants.len()];
            points
                .iter()
                .for_each(|(at, value)| values[place(*at)] = *value);
            breaks.clone().for_each(|at| values[place(at)] = None);
            let name = name.clone();
            self.chart.lines.push(ChartLine { name, values });
        }
        self.chart.t_s = instants.iter().map(|at| *at as f64 / 1e6).collect();
        Some(self.chart)
    }

    fn keep_the_largest(&mut self) {
        let size = |(_, points): &(String, Points)| -> f64 {
            points.iter().filter_map(|(_, value)| *value).sum()
        };
        let rest = beyond_the_largest(&mut self.lines, size);
        if rest.is_empty() {
            return;
        }
        let count = rest.len();
        if self.chart.stacked {
            let rest: Vec<Points> = rest.into_iter().map(|(_, points)| points).collect();
            let name = format!("{count} others");
            self.lines.push((name, sum(&rest)));
        } else {
            let title = &self.chart.title;
            self.chart.title = format!(
                "{title} (the largest {} of {})",
                LINES - 1,
                LINES - 1 + count
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use katydid_record::SeriesKind::Counter;

    use super::super::tried::looked_at_times;
    use super::*;

    #[test]
    fn a_look_soon_after_another_is_drawn_with_it() {
        // At 1.01 s the edge of a phase, at 3.02 s the end: each a tick of 10 ms, which would be 100 %.
        let row = (
            "cpu",
            "",
            Counter,
            [0.0, 0.5, 0.51, 1.0, 1.5, 1.51].as_slice(),
        );
        let timeline = looked_at_times("host", &[0.0, 1.0, 1.01, 2.0, 3.0, 3.01], &[row]);
        let look = Look {
            subject: &timeline.target.subjects["it"],
        };
        let rates: Vec<(RunTime, Option<f64>)> = look
            .rate(look.subject.plain("cpu").expect("it is there"))
            .into_iter()
            .map(|(at, rate)| (at / 10_000, rate.map(|rate| (rate * 100.0).round())))
            .collect();
        assert_eq!(
            rates,
            [(101, Some(50.0)), (200, Some(49.0)), (301, Some(50.0))]
        );
    }
}
