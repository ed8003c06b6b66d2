//! How good the search is: many searches of stations whose limit is known, on a clock that does not wait, beside the methods of others.
//!
//! `cargo run --release -p katydid-analyze --example searches -- [SEARCHES] [--only WORLD]… [--minutes M] [--fast | --beyond]` prints the
//! table that is kept in `bench/search`; with `--beyond` the one about loads beyond the limit.

mod beyond;
mod peers;
mod world;

use std::fmt::Write;
use std::process::ExitCode;

use katydid_analyze::search::limits::DROWNED_S;
use katydid_analyze::search::{Next, is_drowned, is_over, next};
use katydid_record::search::{Confirmation, Outcome, Purpose, Seen, Wish};

use crate::world::{MEAN_S, World, worlds};

/// The truth is between the ends so often, if the interval is right.
const NOMINAL: f64 = 95.0;

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else {
        eprintln!("searches: [SEARCHES] [--only WORLD]… [--minutes M] [--fast | --beyond]");
        return ExitCode::from(2);
    };
    if asked.beyond {
        beyond::table(&asked);
    } else {
        limits(&asked);
    }
    ExitCode::SUCCESS
}

/// The table of how often the number is right.
fn limits(asked: &Asked) {
    let Asked {
        searches,
        minutes,
        fast,
        ..
    } = *asked;
    println!(
        "| world | method | truth | searches | an answer | confirmed | median | p5 to p95 | more than 10 % off | interval holds the truth | \
         truth below it | truth above it | lower end safe | width | minutes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for world in worlds() {
        if !asked.is_about(world.name) {
            continue;
        }
        let truth = world.limit();
        if fast {
            let fast = all(searches, |seed| ours(&world, seed, minutes, true));
            println!("{}", row(&world, "katydid find --fast", truth, &fast));
            continue;
        }
        let precise = all(searches, |seed| ours(&world, seed, minutes, false));
        println!("{}", row(&world, "katydid find", truth, &precise));
        if world.with_peers {
            let bisection = all(searches, |seed| peers::bisection(&world, seed));
            println!(
                "{}",
                row(&world, "bisection, steps of 10 s", truth, &bisection)
            );
            let ramp = all(searches, |seed| peers::ramp(&world, seed));
            println!(
                "{}",
                row(&world, "ramp of 10 min, p95 so far", truth, &ramp)
            );
        }
    }
}

struct Asked {
    searches: u64,
    only: Vec<String>,
    minutes: Option<f64>,
    /// Only the search that ends with two loads.
    fast: bool,
    beyond: bool,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self {
            searches: 200,
            only: Vec::new(),
            minutes: None,
            fast: false,
            beyond: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--only" => asked.only.push(words.next()?),
                "--fast" => asked.fast = true,
                "--minutes" => asked.minutes = Some(words.next()?.parse().ok()?),
                "--beyond" => asked.beyond = true,
                number => asked.searches = number.parse().ok()?,
            }
        }
        Some(asked)
    }

    fn is_about(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}

/// One for each seed, on two threads; not in their order.
fn all<T: Send>(searches: u64, search: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let half = |first: u64| {
        let seeds = (first..searches).step_by(2);
        seeds.map(&search).collect::<Vec<T>>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut tried = half(0);
        tried.extend(other.join().expect("no search panics"));
        tried
    })
}

/// What one search said.
pub struct Tried {
    /// The limit, and the ends of its interval if it has one.
    pub answer: Option<(f64, Option<(f64, f64)>)>,
    /// Something near its lower end was held for minutes.
    pub is_confirmed: bool,
    /// How long it took, seconds.
    pub seconds: f64,
}

fn wish(world: &World, minutes: Option<f64>) -> Wish {
    Wish {
        budgets: vec![world.budget],
        start: 5.0,
        ceiling: None,
        whole: false,
        time_s: minutes.map(|minutes| 60.0 * minutes),
        limit_s: world.within_s,
        beyond: false,
        fast: false,
        hysteresis: false,
    }
}

/// All steps of a search, and what came of it.
fn search(world: &World, wish: &Wish, seed: u64) -> (Vec<Seen>, Outcome) {
    let mut station = world.station(1_000 + seed);
    let mut steps: Vec<Seen> = Vec::new();
    loop {
        let step = match next(wish, &steps) {
            Next::Step(step) => step,
            Next::Done(outcome) => return (steps, outcome),
        };
        let began = station.now();
        world.seconds(&mut station, step.height, step.settle_s);
        let is_over = |slices: &[(u64, u64)], stayed: &[f64]| {
            let (most, fewest) = DROWNED_S;
            let lately = &stayed[stayed.len().saturating_sub(most as usize)..];
            let time = lately.iter().sum::<f64>() / lately.len() as f64;
            // An overload on purpose ends early only where users are too few, and here they are not.
            let is_drowned = !step.purpose.is_overload()
                && lately.len() >= fewest as usize
                && is_drowned(time * step.height, step.height, world.within_s, MEAN_S);
            is_over(wish, step.purpose, &[slices.to_vec()], is_drowned)
        };
        let held = world.held(&mut station, step.height, step.hold_s, is_over);
        steps.push(Seen {
            step,
            lasted_s: station.now() - began,
            took: held.took(),
            slices: vec![held.slices],
            cut: held.cut,
            invalid: false,
            busy: 0.0,
        });
    }
}

fn ours(world: &World, seed: u64, minutes: Option<f64>, fast: bool) -> Tried {
    let wish = Wish {
        fast,
        ..wish(world, minutes)
    };
    let (steps, outcome) = search(world, &wish, seed);
    let (answer, is_confirmed) = match outcome {
        Outcome::Found {
            height,
            low,
            high,
            confirmation,
            ..
        } => (
            Some((height, Some((low, high)))),
            matches!(confirmation, Confirmation::Held(_)),
        ),
        Outcome::Between {
            held: Some(held),
            broke,
            ..
        } => (Some(((held * broke).sqrt(), Some((held, broke)))), false),
        _ => (None, false),
    };
    let before = steps
        .iter()
        .filter(|seen| seen.step.purpose != Purpose::Confirm);
    Tried {
        answer,
        is_confirmed,
        seconds: before.map(|seen| seen.lasted_s).sum(),
    }
}

fn row(world: &World, method: &str, truth: f64, tried: &[Tried]) -> String {
    let answers: Vec<_> = tried.iter().filter_map(|tried| tried.answer).collect();
    let n = answers.len();
    let percent = |part: usize| 100.0 * part as f64 / n.max(1) as f64;
    let confirmed = tried.iter().filter(|tried| tried.is_confirmed).count();
    let heights = sorted(answers.iter().map(|(height, _)| *height).collect());
    let off = answers
        .iter()
        .filter(|(height, _)| (height / truth - 1.0).abs() > 0.1);
    let seconds = sorted(tried.iter().map(|tried| tried.seconds).collect());
    let mut line = format!(
        "| {} | {method} | {truth:.1} | {} | {n} | {confirmed} | {:.1} ({:+.1} %) | {:.0} to {:.0} | {:.0} % | ",
        world.name,
        tried.len(),
        at(&heights, 0.5),
        100.0 * (at(&heights, 0.5) / truth - 1.0),
        at(&heights, 0.05),
        at(&heights, 0.95),
        percent(off.count()),
    );
    let ends: Vec<_> = answers.iter().filter_map(|(_, ends)| *ends).collect();
    if ends.is_empty() {
        line += "no interval | | | | | ";
    } else {
        let below = ends.iter().filter(|(low, _)| truth < *low).count();
        let above = ends.iter().filter(|(_, high)| truth > *high).count();
        let widths = sorted(ends.iter().map(|(low, high)| high / low - 1.0).collect());
        let held = percent(n - below - above);
        let verdict = if (held - NOMINAL).abs() <= 3.0 {
            ""
        } else {
            " (!)"
        };
        let _ = write!(
            line,
            "{held:.1} %{verdict} | {:.1} % | {:.1} % | {:.1} % | {:.0} % | ",
            percent(below),
            percent(above),
            percent(n - below),
            100.0 * at(&widths, 0.5),
        );
    }
    let _ = write!(line, "{:.1} |", at(&seconds, 0.5) / 60.0);
    line
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The quantile of values that are sorted.
fn at(values: &[f64], q: f64) -> f64 {
    let place = values.len().saturating_sub(1) as f64 * q;
    let value = values.get(place.round() as usize);
    value.copied().unwrap_or(f64::NAN)
}
