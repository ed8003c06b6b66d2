//! How often the verdicts of a validation are right: many of them over stations whose truth is known, beside what is done without pairs.
//!
//! `cargo run --release -p katydid-analyze --example validations -- [VALIDATIONS]` prints the table that is kept in `bench/validate`.

mod world;

use std::process::ExitCode;

use katydid_analyze::compare::{Measured, compare};
use katydid_record::Comparison;
use katydid_record::comparison::{Change, Design};

use crate::world::{World, question, worlds};

/// A single run that is slower or faster by more than this is called another by many a pipeline.
const USUAL_LIMIT: f64 = 0.1;

fn main() -> ExitCode {
    let Ok(validations) = std::env::args().nth(1).map_or(Ok(200), |word| word.parse()) else {
        eprintln!("validations: [VALIDATIONS]");
        return ExitCode::from(2);
    };
    println!(
        "| world | method | the same: called another | 20 % slower: REGRESSED | all twice as fast: IMPROVED | one endpoint 3 times as fast: IMPROVED | \
         the same, asked for: called another | 20 % slower: interval holds the truth | finds, the median |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for world in worlds() {
        for pairs in [3, 5, 8] {
            println!("{}", row(&world, pairs, validations));
        }
        println!("{}", peers(&world, validations));
    }
    ExitCode::SUCCESS
}

fn row(world: &World, pairs: usize, n: u64) -> String {
    let validate = |slower: &(dyn Fn(usize) -> f64 + Sync), on: Option<&str>| -> Vec<Comparison> {
        all(n, |seed| {
            let runs = |side: u64, slower: &dyn Fn(usize) -> f64| -> Vec<Measured> {
                let seeds = (0..pairs as u64).map(|pair| 1_000_000 * (pair + 1) + 2 * seed + side);
                seeds.map(|seed| world.run(seed, slower)).collect()
            };
            let asked = question(on, Design::Pairs);
            compare(&runs(0, &|_| 1.0), &runs(1, slower), &asked).expect("they can be compared")
        })
    };
    let same = validate(&|_| 1.0, None);
    let slower = validate(&|_| 1.2, None);
    let faster = validate(&|_| 0.5, None);
    let one = validate(&|of| if of == 2 { 0.33 } else { 1.0 }, None);
    let asked = validate(&|_| 1.0, Some("GET /2"));
    let truth = world.ratio(1.2);
    let holds = |of: &Comparison| {
        let first = &of.changes[0];
        first.low.is_some_and(|low| 1.0 + low <= truth)
            && first.high.is_some_and(|high| 1.0 + high >= truth)
    };
    let finds = median(
        slower
            .iter()
            .filter_map(|of| of.changes[0].detectable)
            .collect(),
    );
    format!(
        "| {} | {pairs} pairs | {} | {} | {} | {} | {} | {} | {:.0} % |",
        world.name,
        share(&same, is_called_another),
        share(&slower, |of| of.verdict == "REGRESSED"),
        share(&faster, |of| of.verdict == "IMPROVED"),
        share(&one, |of| of.verdict == "IMPROVED"),
        share(&asked, is_called_another),
        share(&slower, holds),
        100.0 * finds
    )
}

/// One run of each side: by a limit of ten percent, and by what the requests of the two runs say of themselves.
fn peers(world: &World, n: u64) -> String {
    let changes = |by: f64| -> Vec<Change> {
        all(n, |seed| {
            let before = [world.run(9_000_000 + 2 * seed, &|_| 1.0)];
            let after = [world.run(9_000_001 + 2 * seed, &|_| by)];
            let asked = question(None, Design::Single);
            let told = compare(&before, &after, &asked).expect("they can be compared");
            told.changes[0].clone()
        })
    };
    let (same, slower, faster) = (changes(1.0), changes(1.2), changes(0.5));
    let by = |of: &Change| of.change.unwrap_or(0.0);
    format!(
        "| {} | one run each, ±10 % | {} | {} | {} | – | – | – | – |",
        world.name,
        share(&same, |of| by(of).abs() > USUAL_LIMIT),
        share(&slower, |of| by(of) > USUAL_LIMIT),
        share(&faster, |of| by(of) < -USUAL_LIMIT),
    )
}

fn is_called_another(of: &Comparison) -> bool {
    ["IMPROVED", "REGRESSED"].contains(&of.verdict.as_str())
}

/// One for each seed, on two threads.
fn all<T: Send>(n: u64, make: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let half = |first: u64| (first..n).step_by(2).map(&make).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut results = half(0);
        results.extend(other.join().expect("none panics"));
        results
    })
}

fn share<T>(of: &[T], is_it: impl Fn(&T) -> bool) -> String {
    let found = of.iter().filter(|one| is_it(one)).count();
    format!("{:.1} %", 100.0 * found as f64 / of.len() as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
