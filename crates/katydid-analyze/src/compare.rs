//! What changed between two sides, and whether chance would do the same.
//!
//! One measure is judged first (the primary one). The endpoints' p95 are looked at together, at a level that leaves the chance of a false
//! word about any of them small; what should not get worse meanwhile (medians, p99, failures, processor time, memory) is a guard. What
//! is counted is compared as it is. Pure: runs come as [`Measured`].

mod counts;
pub mod effect;
mod judged;
mod measured;
mod notes;
#[cfg(test)]
mod tests;
mod told;

use katydid_record::Comparison;
use katydid_record::comparison::{
    COMPARISON_VERSION, Change, ChangeOutcome, Design, Measure, RunOfSide, SideSummary,
};

use crate::exit_code;
pub use measured::{Count, Curve, Measured, Place, Value, WARM_UP};

/// Smaller changes concern nobody, as a share.
pub const NOISE: f64 = 0.02;
/// Within so much to both sides the two are called equivalent.
pub const MARGIN: f64 = 0.05;
/// More than this share of the pairs must not be dropped.
const DROPPED: f64 = 0.2;
/// Fewer pairs conclude nothing.
pub const LEAST_PAIRS: usize = 3;

/// What is judged first.
#[derive(Clone, Debug, PartialEq)]
pub struct Primary {
    /// `GET /dashboard`; none for all requests.
    pub endpoint: Option<String>,
    /// What of it.
    pub measure: Measure,
    /// In which phase; none for the longest.
    pub phase: Option<String>,
}

/// What is asked of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// How the runs were made.
    pub design: Design,
    /// What tells the sides apart.
    pub labels: [String; 2],
    /// None: p95 of all requests, or the greatest load where that was searched for.
    pub primary: Option<Primary>,
    /// Within so much to both sides the two are called equivalent, as a share.
    pub margin: f64,
}

/// Why nothing can be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Incomparable(pub String);

/// Compares; of pairs the n-th of one side is with the n-th of the other.
pub fn compare(
    before: &[Measured],
    after: &[Measured],
    asked: &Question,
) -> Result<Comparison, Incomparable> {
    let ended = Counted::of(before, after, asked.design, true).ended_early();
    let counted = Counted::of(before, after, asked.design, ended.is_some());
    let mut told = Comparison {
        version: COMPARISON_VERSION,
        design: asked.design,
        before: side(&asked.labels[0], before, &counted.before),
        after: side(&asked.labels[1], after, &counted.after),
        counted: counted.before.len().min(counted.after.len()) as u64,
        dropped: counted.dropped.clone(),
        noise: NOISE,
        margin: asked.margin,
        ..Comparison::default()
    };
    if let Some(why) = counted.too_few() {
        (told.verdict, told.reason) = ("INVALID".into(), why);
        told.exit_code = exit_code::INVALID;
        return Ok(told);
    }
    told.notes = notes::notes(&counted);
    if let Some(why) = ended {
        (told.verdict, told.reason) = ("REGRESSED".into(), why);
        told.exit_code = exit_code::SLO_FAILED;
        return Ok(told);
    }
    let rows = judged::rows(&counted, asked)?;
    told.primary = told::title(&rows[0], &counted);
    told.changes = rows;
    told.counts = counts::counts(&counted);
    told.findings = counts::findings(&counted);
    (told.verdict, told.reason) = told::verdict(&told, &counted, asked.primary.is_some());
    told.exit_code = match told.verdict.as_str() {
        "REGRESSED" => exit_code::SLO_FAILED,
        _ => 0,
    };
    Ok(told)
}

/// Of pairs of the same: the standard deviation of the primary measure from run to run, as a share, and which change so many pairs
/// would find in four of five cases. `None` where there are too few pairs.
pub fn noise(told: &Comparison) -> Option<(f64, Vec<(usize, f64)>)> {
    const PAIRS: [usize; 5] = [3, 5, 8, 12, 20];
    let first = told.changes.first()?;
    let differences: Vec<f64> = first
        .pairs
        .iter()
        .map(|[before, after]| (after / before).ln())
        .filter(|difference| difference.is_finite())
        .collect();
    let spread = effect::spread(&differences)?;
    let finds = PAIRS.map(|pairs| {
        let least = if pairs < judged::FEW {
            NOISE.ln_1p()
        } else {
            0.0
        };
        let finds = effect::found_by(pairs, spread) + least;
        (pairs, finds.exp_m1())
    });
    // A difference has the noise of two runs.
    Some((spread / std::f64::consts::SQRT_2, finds.to_vec()))
}

fn side(label: &str, runs: &[Measured], counted: &[&Measured]) -> SideSummary {
    let run = |of: &Measured| RunOfSide {
        id: of.id.clone(),
        started: of.started.clone(),
        counts: counted.iter().any(|run| std::ptr::eq(*run, of)),
    };
    SideSummary {
        label: label.to_owned(),
        runs: runs.iter().map(run).collect(),
    }
}

/// The runs that count.
struct Counted<'a> {
    before: Vec<&'a Measured>,
    after: Vec<&'a Measured>,
    dropped: Vec<String>,
    made: usize,
    design: Design,
}

impl<'a> Counted<'a> {
    /// `with_aborted`: those count whose load was ended by a condition.
    fn of(
        before: &'a [Measured],
        after: &'a [Measured],
        design: Design,
        with_aborted: bool,
    ) -> Self {
        let why_not = |run: &Measured| {
            let aborted = run.aborted.as_ref().filter(|_| !with_aborted);
            let aborted = aborted.map(|why| format!("its load was ended before its time: {why}"));
            run.why_not.clone().or(aborted)
        };
        let mut counted = Self {
            before: Vec::new(),
            after: Vec::new(),
            dropped: Vec::new(),
            made: before.len().max(after.len()),
            design,
        };
        if design == Design::Pairs {
            for (number, (a, b)) in (1..).zip(before.iter().zip(after)) {
                let of_before = why_not(a).map(|why| format!("before: {why}"));
                let why = of_before.or_else(|| why_not(b).map(|why| format!("after: {why}")));
                if let Some(why) = why {
                    counted.dropped.push(format!("pair {number}, {why}"));
                } else {
                    counted.before.push(a);
                    counted.after.push(b);
                }
            }
            return counted;
        }
        for (runs, all) in [(&mut counted.before, before), (&mut counted.after, after)] {
            for run in all {
                match why_not(run) {
                    None => runs.push(run),
                    Some(why) => counted.dropped.push(format!("{}: {why}", run.id)),
                }
            }
        }
        counted
    }

    fn too_few(&self) -> Option<String> {
        let first = self.dropped.first().map_or("", String::as_str);
        if self.design == Design::Pairs {
            let dropped = self.dropped.len();
            let too_many = dropped as f64 > DROPPED * self.made as f64;
            return (self.before.is_empty() || too_many && dropped > 0)
                .then(|| format!("{dropped} of {} pairs do not count; {first}", self.made));
        }
        (self.before.is_empty() || self.after.is_empty())
            .then(|| format!("no run of one side counts; {first}"))
    }

    /// Whether the service was so bad after the change, and not before it, that the load was ended (`--abort-on`).
    fn ended_early(&self) -> Option<String> {
        let aborted = |runs: &[&'a Measured]| -> Vec<&'a str> {
            runs.iter()
                .filter_map(|run| run.aborted.as_deref())
                .collect()
        };
        let (before, after) = (aborted(&self.before), aborted(&self.after));
        let share = |aborted: &[&str], of: usize| aborted.len() as f64 / of.max(1) as f64;
        let more = share(&after, self.after.len()) - share(&before, self.before.len());
        let is_one_load = self.all().all(|run| run.planned == self.after[0].planned);
        let is_enough = self.design != Design::Pairs || self.after.len() >= LEAST_PAIRS;
        let why = after
            .first()
            .filter(|_| is_one_load && is_enough && more >= DROPPED)?;
        Some(format!(
            "the load was ended before its time in {} of {} runs after the change, and in {} of {} before: {why}",
            after.len(),
            self.after.len(),
            before.len(),
            self.before.len()
        ))
    }

    /// All runs that count.
    fn all(&self) -> impl Iterator<Item = &'a Measured> {
        self.before.iter().chain(&self.after).copied()
    }
}

/// Whether it is called better or worse.
fn is_decided(change: &Change) -> bool {
    matches!(change.outcome, ChangeOutcome::Better | ChangeOutcome::Worse)
}
