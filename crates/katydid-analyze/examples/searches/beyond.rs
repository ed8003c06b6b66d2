//! What a search says of loads beyond the limit, beside what is so: whole searches of services that refuse whom they would make wait, and
//! of services that get more to do by being late.
//!
//! What is so comes from long simulations of the same services, in the search's own words and by its own thresholds: whether these are
//! good ones is not asked.

use katydid_analyze::interval;
use katydid_analyze::search::{Said, limits, said};
use katydid_record::search::{BeyondSummary, Confirmation, Outcome, Wish};
use katydid_target::Wandering;

use crate::world::{LIGHT, Manners, World};
use crate::{Asked, all, at, search, sorted, wish};

/// Those of a search, of overloads and of spikes.
const WORDS: [&str; 5] = [
    "graceful",
    "degraded",
    "collapse",
    "recovered",
    "metastable",
];
/// Where nothing was told.
const NOTHING: &str = "–";
/// So near to a threshold, as a part of it, either word would be right.
const NEAR: f64 = 0.03;
/// Seeds of what is so begin here, far from those of searches.
const SEEDS: u64 = 1_000_000;
/// How long a service is watched after a spike before it is said that it does not recover, seconds.
const WATCHED_S: f64 = 1_800.0;

/// Prints it, row by row.
pub fn table(asked: &Asked) {
    println!(
        "| service | noise | limit | truth at 1.5× | truth at 2× | truth after the spike | searches | with a number | \
         confirmed, beyond tried | 1.5× right | 2× right | spike right | not told: 1.5×, 2×, spike | \
         said of the peak at 1.5× | at 2× | median recovery, s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, manners) in services() {
        if !asked.is_about(name) {
            continue;
        }
        for (noise, wandering) in [("none", Wandering::default()), ("light", LIGHT)] {
            let world = World {
                manners,
                ..World::new(name, 8, wandering)
            };
            let truth = Truth::of(&world);
            let tried = all(asked.searches, |seed| Tried::of(asked, &world, seed));
            println!("| {name} | {noise} | {}", truth.row(&tried));
        }
    }
}

/// All of them. Good is what takes up to 0.2 s.
fn services() -> Vec<(&'static str, Manners)> {
    let usual = Manners::default();
    let sheds = |most_s, refusal| Manners {
        most_s,
        refusal,
        ..usual
    };
    let tries_again = |patience_s, storm, most_s| Manners {
        most_s,
        patience_s,
        storm,
        ..usual
    };
    vec![
        ("endless queue", usual),
        ("sheds", sheds(0.2, 0.0)),
        ("sheds at 30 %", sheds(0.2, 0.3)),
        ("sheds at 45 %", sheds(0.2, 0.45)),
        ("retries ×1.5", tries_again(1.0, 1.5, 4.0)),
        ("retries ×3", tries_again(1.0, 3.0, 4.0)),
        ("retries ×5", tries_again(1.0, 5.0, 4.0)),
        ("early retries ×4", tries_again(0.2, 4.0, 4.0)),
        (
            "retries ×1.6, endless queue",
            tries_again(1.0, 1.6, f64::INFINITY),
        ),
    ]
}

/// What is so.
struct Truth {
    /// Arrivals per second.
    limit: f64,
    /// Goodput at each load beyond the limit, as a part of its peak.
    of_peak: Vec<f64>,
    /// The second after each spike from which all was well, if there was one.
    recoveries: Vec<Option<usize>>,
}

impl Truth {
    fn of(world: &World) -> Self {
        let limit = limit(world);
        // Twentieths of the limit.
        let goodputs = all(25, |n| {
            let times = (16 + n) as f64 / 20.0;
            (times, goodput(world, times * limit))
        });
        let of_peak = |times: &f64| {
            let upto = |times: f64| goodputs.iter().filter(move |of| of.0 < times + 1e-6);
            let peak = upto(*times).map(|of| of.1).fold(0.0, f64::max);
            let there = upto(*times).max_by(|a, b| a.0.total_cmp(&b.0));
            there.map_or(f64::NAN, |of| of.1 / peak)
        };
        Self {
            limit,
            of_peak: limits::BEYOND.iter().map(of_peak).collect(),
            recoveries: all(40, |seed| recovery(world, limit, seed)),
        }
    }

    /// What comes of nearly all spikes; `None`: it is not always the same.
    fn of_spike(&self) -> Option<&'static str> {
        let well = self.recoveries.iter().flatten().count();
        let part = well as f64 / self.recoveries.len() as f64;
        match part {
            0.95.. => Some("recovered"),
            ..=0.05 => Some("metastable"),
            _ => None,
        }
    }

    /// All but the first two columns.
    fn row(&self, tried: &[Tried]) -> String {
        let said = tried.iter().filter_map(|tried| tried.said.as_ref());
        let said: Vec<&Said> = said.collect();
        let words = |of: &dyn Fn(&Said) -> Option<&'static str>| {
            let words = said.iter().map(|said| of(said));
            words.collect::<Vec<_>>()
        };
        let [less, more] = limits::BEYOND;
        let told = [
            words(&|said| word(&overload(said, less)?.outcome)),
            words(&|said| word(&overload(said, more)?.outcome)),
            words(&|said| word(&said.spike.as_ref()?.outcome)),
        ];
        let truths = [
            Some(class(self.of_peak[0])),
            Some(class(self.of_peak[1])),
            self.of_spike(),
        ];
        let rights: Vec<String> = (truths.into_iter().zip(&told))
            .map(|(truth, told)| right(truth, told))
            .collect();
        let missing = told.map(|told| told.iter().filter(|told| told.is_none()).count());
        let parts = limits::BEYOND.map(|times| {
            let steps = said.iter().filter_map(|said| overload(said, times));
            spread(steps.map(|of| of.of_peak).collect())
        });
        let recoveries = said.iter().filter_map(|said| said.spike.as_ref());
        let recoveries = recoveries.filter_map(|spike| spike.recovery_s);
        let cells = [
            format!("{:.1}", self.limit),
            part(self.of_peak[0]),
            part(self.of_peak[1]),
            self.spike(),
            tried.len().to_string(),
            numbers(tried),
            said.len().to_string(),
            rights.join(" | "),
            missing.map(|missing| missing.to_string()).join(", "),
            parts.join(" | "),
            median(recoveries.collect()),
        ];
        cells.join(" | ") + " |"
    }

    fn spike(&self) -> String {
        let all = self.recoveries.len();
        let seconds: Vec<f64> = (self.recoveries.iter().flatten())
            .map(|second| *second as f64)
            .collect();
        let well = seconds.len();
        let median = median(seconds);
        match self.of_spike() {
            Some("recovered") => format!("recovered ({median} s)"),
            Some(word) => word.to_owned(),
            None => format!("recovered in {well} of {all} ({median} s)"),
        }
    }
}

/// What one search said.
struct Tried {
    /// Why it has no number, if so.
    without: Option<&'static str>,
    /// Of the loads beyond the limit, if they were tried.
    said: Option<Said>,
}

impl Tried {
    fn of(asked: &Asked, world: &World, seed: u64) -> Self {
        let wish = Wish {
            beyond: true,
            ..wish(world, asked.minutes)
        };
        let (steps, outcome) = search(world, &wish, seed);
        let (height, binding, confirmation) = match outcome {
            Outcome::Found {
                height,
                binding,
                confirmation,
                ..
            } => (height, binding, confirmation),
            Outcome::TooNoisy { .. } => return Self::without("too noisy"),
            Outcome::Stuck { .. } => return Self::without("does not recover"),
            _ => return Self::without("other"),
        };
        let is_tried = matches!(confirmation, Confirmation::Held(_))
            && steps.iter().any(|seen| seen.step.purpose.is_beyond());
        Self {
            without: None,
            said: is_tried.then(|| said(&wish, &steps, height, binding)),
        }
    }

    fn without(why: &'static str) -> Self {
        Self {
            without: Some(why),
            said: None,
        }
    }
}

/// Where the budget is used up in steps as long as the search's own, each begun with nobody waiting. In hours without an end, who tries
/// again would be found in a storm at far less.
fn limit(world: &World) -> f64 {
    world.crossing(3e5, |rate, requests| {
        let (settle_s, hold_s) = limits::FINE_S;
        let steps = (requests / (rate * hold_s)).ceil();
        let sums = all(steps as u64, |seed| {
            let mut station = world.station(SEEDS + seed);
            world.seconds(&mut station, rate, settle_s);
            let slices = world.seconds(&mut station, rate, hold_s);
            interval::sum(&slices)
        });
        let (bad, total) = interval::sum(&sums);
        bad as f64 / total as f64
    })
}

/// Good requests per second of a load that lasts.
fn goodput(world: &World, rate: f64) -> f64 {
    const TIMES: u64 = 10;
    const LENGTH_S: f64 = 200.0;
    let good = |seed| {
        let mut station = world.station(SEEDS + seed);
        world.seconds(&mut station, rate, 60.0);
        let slices = world.seconds(&mut station, rate, LENGTH_S);
        let (bad, total) = interval::sum(&slices);
        (total - bad) as f64
    };
    (0..TIMES).map(good).sum::<f64>() / (TIMES as f64 * LENGTH_S)
}

/// The second after a spike from which the budget is kept for one, ten and thirty seconds.
fn recovery(world: &World, limit: f64, seed: u64) -> Option<usize> {
    let mut station = world.station(SEEDS + seed);
    let base = limits::BASE * limit;
    world.seconds(&mut station, base, 60.0);
    let spike = limits::SPIKE * limit;
    world.seconds(&mut station, spike, limits::SPIKE_S);
    let slices = world.seconds(&mut station, base, WATCHED_S);
    let (first, all) = limits::MENDED;
    let keeps = |slices: &[(u64, u64)]| {
        let (bad, total) = interval::sum(slices);
        bad as f64 <= world.budget * total as f64
    };
    let mut spans = slices.windows(all);
    spans.position(|span| keeps(&span[..1]) && keeps(&span[..first]) && keeps(span))
}

/// The search's word for it.
fn class(of_peak: f64) -> &'static str {
    if of_peak >= limits::GRACEFUL {
        WORDS[0]
    } else if of_peak >= limits::COLLAPSE {
        WORDS[1]
    } else {
        WORDS[2]
    }
}

/// `(!)`: it is too near to a threshold for a truth.
fn part(of_peak: f64) -> String {
    let is_near = |threshold: &f64| (of_peak / threshold - 1.0).abs() <= NEAR;
    let is_near = [limits::GRACEFUL, limits::COLLAPSE].iter().any(is_near);
    let mark = if is_near { " (!)" } else { "" };
    format!("{} ({of_peak:.2}){mark}", class(of_peak))
}

fn overload(said: &Said, times: f64) -> Option<&BeyondSummary> {
    let mut overloads = said.beyond.iter();
    overloads.find(|of| (of.times - times).abs() < 1e-6)
}

/// A word of a summary; `None`: it says that it is not known.
fn word(said: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|word| *word == said)
}

/// How many gave a number, and why others did not.
fn numbers(tried: &[Tried]) -> String {
    let without = |why| tried.iter().filter(|tried| tried.without == why).count();
    let why = ["too noisy", "does not recover", "other"].map(|why| (why, without(Some(why))));
    let why = why.iter().filter(|(_, count)| *count > 0);
    with(without(None).to_string(), why)
}

/// How many of those that were told are so, and what the others said.
fn right(truth: Option<&str>, told: &[Option<&str>]) -> String {
    let count = |word: &str| told.iter().flatten().filter(|told| **told == word).count();
    let all = told.iter().flatten().count();
    if all == 0 {
        return NOTHING.to_owned();
    }
    let counts = WORDS.map(|word| (word, count(word)));
    let others = counts.iter();
    let others = others.filter(|(word, count)| truth != Some(word) && *count > 0);
    with(format!("{} of {all}", truth.map_or(0, count)), others)
}

/// With counts in brackets, if there are any.
fn with<'a>(text: String, counts: impl Iterator<Item = &'a (&'static str, usize)>) -> String {
    let counts: Vec<String> = counts
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if counts.is_empty() {
        return text;
    }
    format!("{text} ({})", counts.join(", "))
}

/// The median, and in brackets from where to where nine of ten are.
fn spread(values: Vec<f64>) -> String {
    if values.is_empty() {
        return NOTHING.to_owned();
    }
    let sorted = sorted(values);
    let [low, middle, high] = [0.05, 0.5, 0.95].map(|q| at(&sorted, q));
    format!("{middle:.2} ({low:.2} to {high:.2})")
}

fn median(values: Vec<f64>) -> String {
    if values.is_empty() {
        return NOTHING.to_owned();
    }
    format!("{:.0}", at(&sorted(values), 0.5))
}
