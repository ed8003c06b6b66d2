//! Each measure of both sides: by how much it changed, how sure that is, and what it is called.

use std::collections::BTreeSet;

use katydid_record::comparison::{Change, ChangeOutcome, Design, Measure};

use super::effect::{Effect, mean};
use super::measured::{Place, Value};
use super::{Counted, Incomparable, Measured, NOISE, Primary, Question, is_decided, notes};

/// Chance of a false word about the primary measure.
const OF_PRIMARY: f64 = 0.05;
/// About any of the endpoints together, while the primary measure shows nothing. Once it does, they may have as much
/// (Wiens, *A fixed sequence Bonferroni procedure*, 2003).
const OF_OTHERS: f64 = 0.01;
/// About one guard.
const OF_GUARD: f64 = 0.01;
/// For equivalence (Schuirmann's two one-sided tests, 1987): an interval of 90 %.
const OF_EQUIVALENCE: f64 = 0.1;

/// With fewer pairs, more is asked of a change.
pub const FEW: usize = 5;
/// Shares that differ by less are called the same.
const SAME_SHARE: f64 = 0.005;

/// When a change is one.
#[derive(Clone, Copy)]
struct Rule {
    /// How often the interval may miss the truth.
    chance: f64,
    /// Smaller changes concern nobody.
    noise: f64,
    /// The whole interval has to be beyond the noise; else it must not hold zero, and the change itself has to be beyond the noise.
    whole: bool,
}

impl Rule {
    /// Of what is measured to be judged. Intervals of three values miss more often than they say where the values are not normal.
    fn judging(chance: f64, counted: &Counted<'_>) -> Self {
        Self {
            chance,
            noise: NOISE,
            whole: counted.before.len().max(counted.after.len()) < FEW,
        }
    }

    /// How far the end of an interval has to be from zero.
    fn least(self, scale: Scale) -> f64 {
        if self.whole {
            scale.size(self.noise)
        } else {
            0.0
        }
    }

    /// Of what should not get worse meanwhile.
    fn guarding(measure: Measure) -> Self {
        let noise = match measure {
            Measure::P50 | Measure::P95 | Measure::P99 | Measure::Goodput => 0.05,
            Measure::TargetCpu => 0.1,
            Measure::TargetMemory => 0.2,
            Measure::Bad => 0.001,
            Measure::Capacity => NOISE,
        };
        Self {
            chance: OF_GUARD,
            noise,
            whole: true,
        }
    }
}

fn more_is_better(measure: Measure) -> bool {
    matches!(measure, Measure::Goodput | Measure::Capacity)
}

/// All that both sides have, the primary one first, then all requests, then endpoints by how much they changed.
pub fn rows(counted: &Counted<'_>, asked: &Question) -> Result<Vec<Change>, Incomparable> {
    let shared = notes::shared_phases(counted);
    let places = places(counted, &shared);
    let primary = primary(&places, &shared, asked)?;
    let mut first = row(
        counted,
        &primary,
        Rule::judging(OF_PRIMARY, counted),
        asked.margin,
    );
    first.primary = true;
    let guard = |place: &Place| {
        place.endpoint.is_empty() && place.phase == primary.phase && place.measure != Measure::P95
    };
    let (guards, others): (Vec<_>, Vec<_>) = places
        .into_iter()
        .filter(|place| *place != primary)
        .partition(guard);
    let (judged, shown): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|place| place.measure == Measure::P95);
    let chance = if is_decided(&first) {
        OF_PRIMARY
    } else {
        OF_OTHERS
    };
    let each = chance / judged.len().max(1) as f64;
    let mut rows: Vec<Change> = Vec::new();
    rows.extend(
        guards
            .iter()
            .map(|place| row(counted, place, Rule::guarding(place.measure), asked.margin)),
    );
    rows.extend(
        judged
            .iter()
            .map(|place| row(counted, place, Rule::judging(each, counted), asked.margin)),
    );
    rows.extend(shown.iter().map(|place| Change {
        // Beside what is judged: a word about each of so many would often be a false one.
        outcome: ChangeOutcome::Unclear,
        ..row(
            counted,
            place,
            Rule::judging(OF_PRIMARY, counted),
            asked.margin,
        )
    }));
    let size = |change: &Change| change.change.map_or(0.0, |by| by.ln_1p().abs());
    rows.sort_by(|a, b| {
        let of_all = |change: &Change| change.endpoint.is_some();
        of_all(a)
            .cmp(&of_all(b))
            .then_with(|| is_decided(b).cmp(&is_decided(a)))
            .then_with(|| size(b).total_cmp(&size(a)))
            .then_with(|| {
                (&a.endpoint, a.measure, &a.phase).cmp(&(&b.endpoint, b.measure, &b.phase))
            })
    });
    rows.insert(0, first);
    Ok(rows)
}

/// What all runs that count have.
fn places(counted: &Counted<'_>, shared: &[String]) -> Vec<Place> {
    let mut all = counted.all();
    let Some(first) = all.next() else {
        return Vec::new();
    };
    let mut places: BTreeSet<&Place> = first.values.keys().collect();
    for run in all {
        places.retain(|place| run.values.contains_key(place));
    }
    let is_shared = |place: &&Place| shared.contains(&place.phase);
    // In the closed model a slower service is asked less: how many it answers is a measure. Arrivals come as they are planned.
    let says_something = |place: &&Place| {
        place.measure != Measure::Goodput || counted.all().any(|run| run.is_closed)
    };
    let places = places.into_iter();
    places
        .filter(is_shared)
        .filter(says_something)
        .cloned()
        .collect()
}

fn primary(places: &[Place], shared: &[String], asked: &Question) -> Result<Place, Incomparable> {
    let longest = shared.first().cloned().unwrap_or_default();
    let wished = asked.primary.clone().unwrap_or(Primary {
        endpoint: None,
        measure: Measure::P95,
        phase: None,
    });
    let place = |measure| Place {
        phase: wished.phase.clone().unwrap_or_else(|| longest.clone()),
        endpoint: wished.endpoint.clone().unwrap_or_default(),
        measure,
    };
    let found = |place: &Place| {
        let is_it = |of: &&Place| {
            of.phase == place.phase
                && of.measure == place.measure
                && is_called(&of.endpoint, &place.endpoint)
        };
        let exact = places
            .iter()
            .find(|of| is_it(of) && of.endpoint == place.endpoint);
        let mut all = places.iter().filter(is_it);
        // A name that several methods have is none of them.
        exact
            .or_else(|| all.next().filter(|_| all.next().is_none()))
            .cloned()
    };
    if asked.primary.is_none() {
        // Where next to nothing is answered there is no percentile, and failures say it.
        let first =
            [Measure::Capacity, Measure::P95, Measure::Bad].map(|measure| found(&place(measure)));
        return first.into_iter().flatten().next().ok_or_else(|| {
            Incomparable(if shared.is_empty() {
                "the two sides have no phase in common: compare runs of one scenario under one load"
            } else {
                "there is nothing that was measured in all runs: a search without a number, or runs in which no request ended"
            }.into())
        });
    }
    found(&place(wished.measure)).or_else(|| {
        // `log in now` is a name, not `log` in the phase `now`.
        let (endpoint, phase) = (wished.endpoint.as_ref()?, wished.phase.as_ref()?);
        found(&Place {
            phase: longest.clone(),
            endpoint: format!("{endpoint} in {phase}"),
            measure: wished.measure,
        })
    }).ok_or_else(|| {
        let known: BTreeSet<&str> = places.iter().filter(|of| of.measure == wished.measure && !of.endpoint.is_empty()).map(|of| of.endpoint.as_str()).collect();
        let known: Vec<&str> = known.into_iter().take(10).collect();
        Incomparable(format!(
            "'{}' was not measured on both sides often enough, or there is more than one of that name; there are: {}",
            wished.endpoint.as_deref().unwrap_or("all requests"),
            known.join(", ")
        ))
    })
}

/// Whether this is its method and name, or its name.
fn is_called(endpoint: &str, wanted: &str) -> bool {
    endpoint == wanted
        || !wanted.is_empty()
            && endpoint
                .split_once(' ')
                .is_some_and(|(_, name)| name == wanted)
}

fn row(counted: &Counted<'_>, place: &Place, rule: Rule, margin: f64) -> Change {
    let values = |runs: &[&Measured]| -> Vec<Value> {
        let found = runs.iter().filter_map(|run| run.values.get(place));
        found.copied().collect()
    };
    let (before, after) = (values(&counted.before), values(&counted.after));
    let scale = Scale::of(place.measure);
    let [old, new] = [&before, &after]
        .map(|side| -> Vec<f64> { side.iter().map(|of| scale.up(of.value)).collect() });
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let in_pairs = before.iter().zip(&after);
    let is_paired = counted.design == Design::Pairs;
    let plain = Change {
        phase: text(&place.phase),
        endpoint: text(&place.endpoint),
        measure: place.measure,
        before: mean(&old).map(|mean| scale.down(mean)),
        after: mean(&new).map(|mean| scale.down(mean)),
        pairs: in_pairs
            .filter(|_| is_paired)
            .map(|(before, after)| [before.value, after.value])
            .collect(),
        ..Change::default()
    };
    let effect = match counted.design {
        Design::Pairs => {
            let differences = old.iter().zip(&new).map(|(old, new)| new - old);
            Effect::of_pairs(&differences.collect::<Vec<f64>>())
        }
        Design::Groups => Effect::of_groups(&old, &new),
        // Of a share nothing can be assumed.
        Design::Single if scale == Scale::Plain => None,
        Design::Single => {
            let within = (before[0].within, after[0].within);
            Some(Effect::of_single(old[0], new[0], within))
        }
    };
    let Some(effect) = effect.map(|effect| match scale {
        Scale::Plain => effect.or_binomial(within(&before).hypot(within(&after)), rule.chance),
        Scale::Ratio => effect,
    }) else {
        let difference = mean(&new).zip(mean(&old)).map(|(new, old)| new - old);
        return Change {
            change: difference.map(|by| scale.change(by)),
            outcome: ChangeOutcome::Indicative,
            ..plain
        };
    };
    let (low, high) = effect.interval(rule.chance);
    Change {
        change: Some(scale.change(effect.mean)),
        low: Some(scale.change(low)),
        high: Some(scale.change(high)),
        confidence: Some(1.0 - rule.chance),
        detectable: Some(scale.change(effect.detectable(rule.chance) + rule.least(scale))),
        outcome: outcome(&effect, place.measure, rule, margin, counted.design),
        ..plain
    }
}

/// How far off the mean of so many values may be by chance within their runs.
fn within(values: &[Value]) -> f64 {
    let squares: f64 = values.iter().map(|value| value.within.powi(2)).sum();
    squares.sqrt() / values.len().max(1) as f64
}

/// What is compared: values themselves, or their logarithms.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Plain,
    Ratio,
}

impl Scale {
    fn of(measure: Measure) -> Self {
        match measure {
            Measure::Bad => Self::Plain,
            _ => Self::Ratio,
        }
    }

    fn up(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Ratio => value.max(f64::MIN_POSITIVE).ln(),
        }
    }

    fn down(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Ratio => value.exp(),
        }
    }

    /// A share as a difference on this scale.
    fn size(self, share: f64) -> f64 {
        match self {
            Self::Plain => share,
            Self::Ratio => share.ln_1p(),
        }
    }

    /// A difference on this scale as the reader's: a share of what it was.
    fn change(self, difference: f64) -> f64 {
        match self {
            Self::Plain => difference,
            Self::Ratio => difference.exp_m1(),
        }
    }
}

fn outcome(
    effect: &Effect,
    measure: Measure,
    rule: Rule,
    margin: f64,
    design: Design,
) -> ChangeOutcome {
    if design == Design::Single {
        return ChangeOutcome::Indicative;
    }
    let scale = Scale::of(measure);
    let (low, high) = effect.interval(rule.chance);
    let beyond = rule.least(scale);
    if effect.mean.abs() > scale.size(rule.noise) && (low > beyond || high < -beyond) {
        return if (low > 0.0) == more_is_better(measure) {
            ChangeOutcome::Better
        } else {
            ChangeOutcome::Worse
        };
    }
    let (low, high) = effect.interval(OF_EQUIVALENCE);
    let margin = match scale {
        Scale::Plain => SAME_SHARE,
        Scale::Ratio => scale.size(margin),
    };
    if low > -margin && high < margin {
        ChangeOutcome::Same
    } else {
        ChangeOutcome::Unclear
    }
}
