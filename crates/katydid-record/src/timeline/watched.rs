//! Series of what is watched, bounded: where a series has more points than are kept, the last of each two seconds are, then of four.
//!
//! It knows points, gaps and nothing of what they mean.

use std::collections::BTreeMap;

use super::SeriesName;
use crate::frame::{Fact, Mark, RunTime, SeriesKind};
use crate::watched::Watched;

/// Points kept of one series.
pub const POINTS: usize = 3_600;
/// Series kept; of a run with more, those that came later are left out.
pub const SERIES: usize = 4_000;
/// Things that are watched.
pub const SUBJECTS: usize = 200;
/// Facts kept of one thing.
const FACTS: usize = 5_000;
/// Interruptions kept of one thing.
const BREAKS: usize = 1_000;

/// What identifies a series.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Name.
    pub name: String,
    /// What tells it from others of its name.
    pub labels: BTreeMap<String, String>,
}

/// What was seen of one thing.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// As it was last announced; empty where only its loss is known.
    pub watched: Watched,
    /// Where a series is, by name and labels.
    places: BTreeMap<SeriesKey, usize>,
    /// In the order in which they came: to find each of a million points by its labels took a fifth of a replay.
    series: Vec<Series>,
    /// When it was lost, regained or began anew, with why; between the points before and after, a counter's growth is not known.
    pub breaks: BTreeMap<RunTime, Mark>,
    /// Texts by topic and by what they are about, the newest of each: of a statement, what it is.
    pub facts: BTreeMap<(String, String), (RunTime, String)>,
}

/// The points of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// `s`, `bytes`…; empty for a count.
    pub unit: String,
    /// How to read it.
    pub kind: SeriesKind,
    points: Vec<(RunTime, f64)>,
    /// At most one point is kept of so long; a power of two of seconds, or 0 while all are.
    width_us: u64,
}

/// What a counter grew by between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// The first look, µs.
    pub from: RunTime,
    /// The second, µs.
    pub until: RunTime,
    /// In the series' unit; `None` if the two cannot be compared.
    pub by: Option<f64>,
}

impl Growth {
    /// Between them, s.
    pub fn seconds(&self) -> f64 {
        (self.until - self.from) as f64 / 1e6
    }

    /// Per second.
    pub fn rate(&self) -> Option<f64> {
        self.by.map(|by| by / self.seconds())
    }
}

impl Series {
    fn new(unit: &str, kind: SeriesKind) -> Self {
        Self {
            unit: unit.to_owned(),
            kind,
            points: Vec::new(),
            width_us: 0,
        }
    }

    /// In the order of time.
    pub fn points(&self) -> &[(RunTime, f64)] {
        &self.points
    }

    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }

    fn add(&mut self, at: RunTime, value: f64) {
        // Mostly it is the newest: looking for its place among thousands, in each of a thousand series, took a third of a replay.
        let place = match self.points.last() {
            Some((last, _)) if *last >= at => self.points.binary_search_by_key(&at, |(at, _)| *at),
            _ => Err(self.points.len()),
        };
        let (true, Err(place)) = (value.is_finite(), place) else {
            return;
        };
        if self.shares_interval(self.points.get(place), at) {
            return;
        }
        let before = place
            .checked_sub(1)
            .and_then(|place| self.points.get(place));
        if self.shares_interval(before, at) {
            self.points[place - 1] = (at, value);
        } else {
            self.points.insert(place, (at, value));
        }
        while self.points.len() > POINTS {
            self.width_us = (self.width_us * 2).max(2_000_000);
            self.thin();
        }
    }

    fn shares_interval(&self, point: Option<&(RunTime, f64)>, at: RunTime) -> bool {
        self.width_us > 0 && point.is_some_and(|(of, _)| of / self.width_us == at / self.width_us)
    }

    /// Keeps the last point of each interval: a look is a look, and what lies between two of them a counter tells.
    fn thin(&mut self) {
        let width_us = self.width_us;
        self.points.dedup_by(|next, kept| {
            let is_same = next.0 / width_us == kept.0 / width_us;
            if is_same {
                *kept = *next;
            }
            is_same
        });
    }
}

impl Subject {
    /// How a counter grew from look to look. A fall is a reset: how much it grew is not known.
    pub fn growths<'a>(
        &'a self,
        series: &'a Series,
    ) -> impl DoubleEndedIterator<Item = Growth> + 'a {
        series.points.windows(2).map(|pair| {
            let ((from, before), (until, after)) = (pair[0], pair[1]);
            let is_whole = after >= before && !self.is_broken(from, until);
            Growth {
                from,
                until,
                by: is_whole.then_some(after - before),
            }
        })
    }

    /// Whether it was lost or began anew between two instants.
    pub fn is_broken(&self, from: RunTime, until: RunTime) -> bool {
        from < until && self.breaks.range(from + 1..=until).next().is_some()
    }

    /// What a counter grew by in all between two instants, as far as it is known, and the seconds of which it is. What it grew by from
    /// one look to the next belongs to the instant in their middle: looks at the edges of phases come a moment after these.
    pub fn grown(&self, series: &Series, from: RunTime, until: RunTime) -> (f64, f64) {
        let middle = |growth: &Growth| growth.from + (growth.until - growth.from) / 2;
        let within = self
            .growths(series)
            .filter(|growth| (from..until).contains(&middle(growth)));
        within.fold((0.0, 0.0), |(grown, seconds), growth| match growth.by {
            Some(by) => (grown + by, seconds + growth.seconds()),
            None => (grown, seconds),
        })
    }

    /// The newest text of a topic about something.
    pub fn fact(&self, topic: &str, about: &str) -> Option<&str> {
        let key = (topic.to_owned(), about.to_owned());
        self.facts.get(&key).map(|(_, text)| text.as_str())
    }

    /// A series without labels.
    pub fn plain(&self, name: &str) -> Option<&Series> {
        self.labelled(name, &BTreeMap::new())
    }

    /// The series of a name that has these labels and no other.
    pub fn labelled(&self, name: &str, labels: &BTreeMap<String, String>) -> Option<&Series> {
        let key = SeriesKey {
            name: name.to_owned(),
            labels: labels.clone(),
        };
        self.places.get(&key).map(|place| &self.series[*place])
    }

    /// The first series of a name of which a label has this value.
    pub fn of<'a>(&'a self, name: &'a str, (label, value): (&str, &str)) -> Option<&'a Series> {
        let is_it = |labels: &BTreeMap<String, String>| {
            labels.get(label).is_some_and(|found| found == value)
        };
        let mut series = self.named(name).filter(|(labels, _)| is_it(labels));
        series.next().map(|(_, series)| series)
    }

    /// All series of a name, in the order of their labels.
    pub fn named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, &'a Series)> {
        let from = SeriesKey {
            name: name.to_owned(),
            labels: BTreeMap::new(),
        };
        self.places
            .range(from..)
            .take_while(move |(key, _)| key.name == name)
            .map(|(key, place)| (&key.labels, &self.series[*place]))
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        let all = |of: &Self| {
            let of = of.clone();
            let places = of.places.into_iter();
            places
                .map(|(key, place)| (key, of.series[place].clone()))
                .collect::<Vec<_>>()
        };
        (&self.watched, &self.breaks, &self.facts) == (&other.watched, &other.breaks, &other.facts)
            && all(self) == all(other)
    }
}

/// All that is watched, by subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// By its key.
    pub subjects: BTreeMap<String, Subject>,
    series: usize,
}

impl Target {
    /// False: it was left out because of a cap.
    pub(super) fn add(
        &mut self,
        SeriesName {
            of,
            key,
            unit,
            kind,
            place: known_place,
        }: &mut SeriesName,
        (at, value): (RunTime, f64),
    ) -> bool {
        let Self {
            subjects,
            series: count,
        } = self;
        let Some(subject) = known(subjects, of) else {
            return false;
        };
        let place = known_place.or_else(|| subject.places.get(key).copied());
        let place = match place {
            Some(place) => place,
            None if *count >= SERIES => return false,
            None => {
                *count += 1;
                subject.places.insert(key.clone(), subject.series.len());
                subject.series.push(Series::new(unit, *kind));
                subject.series.len() - 1
            }
        };
        *known_place = Some(place);
        subject.series[place].add(at, value);
        true
    }

    pub(super) fn announce(&mut self, watched: &Watched) -> bool {
        let subject = known(&mut self.subjects, &watched.subject);
        subject.is_some_and(|subject| {
            subject.watched = watched.clone();
            true
        })
    }

    pub(super) fn learn(&mut self, of: &str, at: RunTime, fact: &Fact) -> bool {
        let Some(subject) = known(&mut self.subjects, of) else {
            return false;
        };
        let key = (fact.topic.clone(), fact.subject.clone());
        let known = subject.facts.get(&key).map(|(at, text)| (*at, text));
        if known.is_some_and(|known| known >= (at, &fact.text)) {
            return true;
        }
        if known.is_none() && subject.facts.len() >= FACTS {
            return false;
        }
        subject.facts.insert(key, (at, fact.text.clone()));
        true
    }

    pub(super) fn mark(&mut self, at: RunTime, mark: &Mark) -> bool {
        let (Mark::Lost { what, .. } | Mark::Regained { what } | Mark::Restarted { what, .. }) =
            mark
        else {
            return true;
        };
        let Some(subject) = known(&mut self.subjects, what) else {
            return false;
        };
        if subject.breaks.len() >= BREAKS {
            return false;
        }
        subject.breaks.insert(at, mark.clone());
        true
    }
}

/// What is known of a subject; nothing if there are too many.
fn known<'a>(subjects: &'a mut BTreeMap<String, Subject>, of: &str) -> Option<&'a mut Subject> {
    if subjects.len() >= SUBJECTS && !subjects.contains_key(of) {
        return None;
    }
    if !subjects.contains_key(of) {
        subjects.insert(of.to_owned(), Subject::default());
    }
    subjects.get_mut(of)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(points: &[(RunTime, f64)]) -> Series {
        let mut series = Series::new("", SeriesKind::Counter);
        points
            .iter()
            .for_each(|(at, value)| series.add(*at, *value));
        series
    }

    fn grown(points: &[(RunTime, f64)], breaks: &[RunTime]) -> Vec<Option<f64>> {
        let lost = |at: &RunTime| {
            let why = Mark::Regained { what: "it".into() };
            (*at, why)
        };
        let subject = Subject {
            breaks: breaks.iter().map(lost).collect(),
            ..Subject::default()
        };
        let series = series(points);
        subject.growths(&series).map(|growth| growth.by).collect()
    }

    #[test]
    fn a_reset_is_a_gap_and_so_is_a_loss() {
        let points = [(0, 5.0), (10, 7.0), (20, 1.0), (30, 4.0)];
        assert_eq!(grown(&points, &[]), [Some(2.0), None, Some(3.0)]);
        assert_eq!(grown(&points, &[0, 5]), [None, None, Some(3.0)]);
        assert_eq!(grown(&points, &[30]), [Some(2.0), None, None]);
    }

    #[test]
    fn what_is_no_number_is_no_point() {
        assert_eq!(series(&[(1, f64::NAN), (2, f64::INFINITY)]).points(), []);
    }

    #[test]
    fn long_series_keep_the_last_of_each_interval() {
        let all: Vec<_> = (0..10_000_u64).map(|s| (s * 1_000_000, s as f64)).collect();
        let kept = series(&all);
        assert!(kept.points().len() <= POINTS, "{}", kept.points().len());
        let ends: Vec<_> = all
            .iter()
            .copied()
            .filter(|(_, s)| *s as u64 % 4 == 3)
            .collect();
        assert_eq!(kept.points(), ends);
    }

    proptest! {
        #[test]
        fn the_order_of_frames_does_not_matter(order in Just((0..9_000_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let points = |seconds: &[u64]| seconds.iter().map(|s| (s * 1_000_000, *s as f64)).collect::<Vec<_>>();
            let sorted: Vec<u64> = (0..9_000).collect();
            prop_assert_eq!(series(&points(&order)), series(&points(&sorted)));
        }
    }
}
