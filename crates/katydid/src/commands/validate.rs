//! `katydid validate`: did a change work? Pairs of runs, the sides in turns, each a `katydid` of its own; then what they differ by.
//!
//! It knows the order of things. What a run is, the run knows; what follows from the numbers is the analysis's.

mod children;
mod side;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use katydid_analyze::compare::{self as analyzed, WARM_UP};
use katydid_analyze::exit_code;
use katydid_record::writer::MANIFEST_FILE;
use katydid_record::{Comparison, Model, Schedule};

use super::pairs::PairSet;
use super::{compare, say};
use crate::cli::ValidateOptions;
use crate::cli::words::has;
use crate::config::Surroundings;
use crate::error::{EXIT_USAGE, UsageError};
use crate::load;
use crate::plan::{Located, locate};
use crate::run_dir;
use children::{Child, Ended};
use side::Side;

/// What a run takes besides its load, s: starting, and the last answers.
const BESIDES_S: f64 = 4.0;

/// Makes the runs and compares them; gives the exit code. `launcher` is how a run is started: program and first words.
pub fn validate(
    options: &ValidateOptions,
    launcher: Option<&[String]>,
    cwd: &Path,
) -> anyhow::Result<i32> {
    let launcher = launcher.ok_or_else(|| {
        UsageError::new(
            "validate runs locustfiles, which needs the Python package: install katydid's wheel",
        )
    })?;
    let located = locate(&options.rest, &Surroundings::of_process())?;
    let sides = side::sides(options, &located)?;
    let load = Load::of(&located, options.warm_up.0)?;
    // Refused before the first run, not after the last.
    options.on.as_deref().map(compare::on).transpose()?;
    can_be_run(launcher, &options.rest)?;
    let signals = Arc::new(AtomicUsize::new(0));
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        signal_hook::flag::register_usize(signal, signals.clone(), signal as usize)
            .context("cannot watch for signals")?;
    }
    let given = options.run_dir.as_deref().map(Path::new);
    let dir = run_dir::create(given, cwd, "validate", Timestamp::now())?.path;
    let labels = [sides[0].label.clone(), sides[1].label.clone()];
    let planned = usize::from(options.pairs);
    let mut made = Made {
        set: PairSet::new(labels, options.on.clone(), options.margin, planned),
        dir: &dir,
        options,
        launcher,
        load: &load,
        sides: &sides,
        signals: &signals,
    };
    made.set.write(&dir)?;
    eprintln!(
        "validate: {planned} pairs in turns, {} of load each side, about {} in all; runs are kept in {}. Ctrl-C ends it with the pairs that are whole.",
        minutes(load.length_s),
        minutes(2.0 * planned as f64 * (load.length_s + BESIDES_S)),
        dir.display()
    );
    let stopped = made.all();
    let set = made.set;
    if let Err(error) = &stopped {
        eprintln!("error: {error:#}");
    }
    match compare::of_set(&set, &dir, None) {
        Ok(compared) if options.same => {
            let code = compare::tell(&compared, &options.files, Some(&dir), false);
            let files = [&options.files.summary, &options.files.markdown];
            if files.iter().any(|file| file.as_deref() == Some("-")) {
                eprint!("{}", noise(&compared.told));
            } else {
                say(&noise(&compared.told));
            }
            if code == EXIT_USAGE {
                return Ok(code);
            }
            let is_valid = stopped.is_ok() && compared.told.verdict != "INVALID";
            Ok(if is_valid { 0 } else { exit_code::INVALID })
        }
        Ok(compared) => {
            let code = compare::tell(&compared, &options.files, Some(&dir), options.strict);
            Ok(code)
        }
        Err(_) if signals.load(Ordering::Acquire) != 0 => Ok(exit_code::INVALID),
        Err(_) if stopped.is_err() => Ok(EXIT_USAGE),
        Err(error) => Err(error.into()),
    }
}

/// What runs of the same differ by, and what so many pairs would find.
fn noise(told: &Comparison) -> String {
    let Some((spread, finds)) = analyzed::noise(told) else {
        return String::new();
    };
    let finds = finds
        .iter()
        .map(|(pairs, share)| format!("{pairs} pairs {:.0} %", share * 100.0));
    let finds = finds.collect::<Vec<_>>().join(", ");
    let wrong = match told.verdict.as_str() {
        "IMPROVED" | "REGRESSED" => {
            "\nThe verdict above is wrong: nothing was changed. Chance does that once in twenty times; if it does it again, something drifts, or depends on the order."
        }
        _ => "",
    };
    format!(
        "\nNoise: {} differs by {:.1} % from run to run (standard deviation). In four of five cases this finds a change of: {finds}.{wrong}\n",
        told.primary,
        spread * 100.0
    )
}

/// Whether the locustfile can be read, and knows the options: it may have added some.
fn can_be_run(launcher: &[String], words: &[String]) -> anyhow::Result<()> {
    if has(words, "--baseline") {
        return Err(
            UsageError::new("validate compares its own two sides: leave out --baseline").into(),
        );
    }
    let mut command = Command::new(&launcher[0]);
    command.args(&launcher[1..]).args(words).arg("--list");
    let done = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start a run")?;
    if done.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    let told = told.trim();
    Err(UsageError::new(told.strip_prefix("error: ").unwrap_or(told)).into())
}

/// How much load each run makes.
struct Load {
    /// As `--load` takes it, with the warm-up before it.
    words: String,
    /// All of it.
    length_s: f64,
}

impl Load {
    fn of(located: &Located, warm_up_s: u64) -> Result<Self, UsageError> {
        let words = match (&located.load, located.num_users, located.run_time) {
            (Some(words), ..) => words.clone(),
            (None, Some(users), Some(time)) => format!("hold {users} users for {time}s"),
            _ => {
                return Err(UsageError::new(
                    "validate has to know how much load each run makes: --load 'arrive at 50/s for 60s', or -u 20 -t 60",
                ));
            }
        };
        let schedule = load::parse(&words)?.schedule;
        let words = match before(&schedule, warm_up_s) {
            Some(first) => format!("{first}, {words}"),
            None => words,
        };
        let length_s = load::parse(&words)?.schedule.length_s();
        Ok(Self { words, length_s })
    }
}

/// The part that goes before: the same level. A load that begins with a ramp warms up by itself, and one with lines has to say it itself.
fn before(schedule: &Schedule, warm_up_s: u64) -> Option<String> {
    let first = schedule.phases.first()?;
    let is_level = (first.from - first.to).abs() < f64::EPSILON || first.rise_s <= 1.0;
    if warm_up_s == 0 || !schedule.lines.is_empty() || !is_level {
        return None;
    }
    let unit = match schedule.model {
        Model::Users => " users",
        Model::Arrivals => "/s",
    };
    Some(format!(
        "hold {}{unit} for {warm_up_s}s as {WARM_UP}",
        first.to
    ))
}

/// The pairs so far, and what is needed to make more.
struct Made<'a> {
    set: PairSet,
    dir: &'a Path,
    options: &'a ValidateOptions,
    launcher: &'a [String],
    load: &'a Load,
    sides: &'a [Side; 2],
    signals: &'a AtomicUsize,
}

impl Made<'_> {
    /// All of them. An error ends it; the pairs that are whole stay.
    fn all(&mut self) -> anyhow::Result<()> {
        for number in 1..=self.set.planned {
            let names = ["before", "after"].map(|side| format!("{number:02}-{side}"));
            // Before, after, after, before: what drifts in one direction meets both sides alike.
            let order = if number % 2 == 1 { [0, 1] } else { [1, 0] };
            for which in order {
                let stage = format!(
                    "pair {number} of {}, {}",
                    self.set.planned, self.sides[which].word
                );
                self.run(number, which, &names, &stage)?;
            }
            self.set.pairs.push(names);
            self.set.write(self.dir)?;
            self.tell(number);
        }
        Ok(())
    }

    fn run(
        &self,
        number: usize,
        which: usize,
        names: &[String; 2],
        stage: &str,
    ) -> anyhow::Result<()> {
        let side = &self.sides[which];
        let log = self.dir.join(format!("{}.log", names[which]));
        side.prepare(&log, self.options, self.signals)
            .with_context(|| stage.to_owned())?;
        let mut words: Vec<String> = self.options.rest.clone();
        if !has(&words, "--seed") && std::env::var_os("KATYDID_SEED").is_none() {
            // Both sides of a pair draw the same choices and pauses.
            words.extend(["--seed".to_owned(), number.to_string()]);
        }
        words.retain(|word| word != "--headless");
        words = without_load(words);
        words.extend(["--load".to_owned(), self.load.words.clone()]);
        words.extend(["--headless".to_owned(), "--run-dir".to_owned()]);
        words.push(self.dir.join(&names[which]).display().to_string());
        words.extend(side.words.iter().cloned());
        words.extend(self.probe(number, which));
        let mut child = Child::start(self.launcher, &words, &log)?;
        match child.wait(stage, self.load.length_s, self.signals)? {
            Ended::Interrupted => anyhow::bail!("{stage}: interrupted"),
            // 2 is also what a script may ask for, or a listener that raised: then there is a record.
            Ended::With(EXIT_USAGE)
                if !self.dir.join(&names[which]).join(MANIFEST_FILE).is_file() =>
            {
                anyhow::bail!(
                    "{stage}: the run could not be made: {}",
                    children::last_words(&log)
                )
            }
            Ended::With(_) => Ok(()),
        }
    }

    /// The first run of each side counts queries, the others know of it.
    fn probe(&self, number: usize, which: usize) -> Vec<String> {
        let rest = &self.options.rest;
        let asked = ["--probe", "--probed", "--experiment"]
            .iter()
            .any(|flag| has(rest, flag));
        let watches = has(rest, "--watch") || std::env::var_os("KATYDID_WATCH").is_some();
        let first = format!("01-{}", self.sides[which].word);
        match number {
            _ if asked || self.options.no_probe || !watches => Vec::new(),
            1 => vec!["--probe".to_owned()],
            // Where it failed, that was said, and the run was made without.
            _ if !self.dir.join(format!("{first}-probe")).is_dir() => Vec::new(),
            _ => {
                let folder = self.dir.join(first).display().to_string();
                vec!["--probed".to_owned(), folder]
            }
        }
    }

    /// What this pair says, in a line.
    fn tell(&self, number: usize) {
        let alone = PairSet {
            pairs: self.set.pairs[number - 1..].to_vec(),
            planned: 1,
            ..self.set.clone()
        };
        let stage = format!("pair {number} of {}", self.set.planned);
        let Ok(compare::Compared { told, .. }) = compare::of_set(&alone, self.dir, None) else {
            eprintln!("{stage}: there is nothing to compare");
            return;
        };
        if let Some(why) = told.dropped.first() {
            eprintln!(
                "{stage} does not count: {}",
                why.trim_start_matches("pair 1, ")
            );
            return;
        }
        // What was asked for and was not measured is said after the first.
        let asked = told
            .notes
            .first()
            .filter(|note| number == 1 && note.starts_with('\''));
        if let Some(note) = asked {
            eprintln!(
                "warning: --on {note} {} is judged in its place.",
                told.primary
            );
        }
        let first = told
            .changes
            .first()
            .and_then(|first| first.before.zip(first.after));
        if let Some((before, after)) = first {
            eprintln!("{stage}: {} {before:.1} → {after:.1}", told.primary);
        }
    }
}

/// The load is said once, with its warm-up.
fn without_load(words: Vec<String>) -> Vec<String> {
    const LONG: [&str; 4] = ["--load", "--users", "--spawn-rate", "--run-time"];
    const SHORT: [&str; 3] = ["-u", "-r", "-t"];
    let mut kept = Vec::new();
    let mut all = words.into_iter();
    while let Some(word) = all.next() {
        let is_long = LONG.iter().any(|flag| word == *flag);
        let is_attached = LONG
            .iter()
            .any(|flag| has(std::slice::from_ref(&word), flag))
            || SHORT
                .iter()
                .any(|flag| word.starts_with(flag) && word.len() > flag.len());
        if is_long || SHORT.contains(&word.as_str()) {
            all.next();
        } else if !is_attached {
            kept.push(word);
        }
    }
    kept
}

fn minutes(seconds: f64) -> String {
    if seconds < 100.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}

/// A signal has come.
fn is_stopped(signals: &AtomicUsize) -> bool {
    signals.load(Ordering::Acquire) != 0
}

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn located(load: &str) -> Located {
        Located {
            load: Some(load.to_owned()),
            ..Located::default()
        }
    }

    #[test]
    fn the_warm_up_is_the_same_level() {
        let check = |given: &str, expected: &str| {
            let load = Load::of(&located(given), 15).expect("it is a load");
            assert_eq!(load.words, expected);
        };
        check(
            "arrive at 120/s for 60s",
            "hold 120/s for 15s as warm-up, arrive at 120/s for 60s",
        );
        check(
            "hold 20 users for 60s",
            "hold 20 users for 15s as warm-up, hold 20 users for 60s",
        );
        check(
            "ramp to 20 users over 20s, hold 60s",
            "ramp to 20 users over 20s, hold 60s",
        );
        check(
            "A: hold 2 users for 60s; B: hold 3 users",
            "A: hold 2 users for 60s; B: hold 3 users",
        );
        let none = Located::default();
        assert!(Load::of(&none, 15).is_err());
    }

    #[test]
    fn the_load_is_said_once() {
        let words = [
            "-f",
            "a.py",
            "--load",
            "x",
            "-u",
            "3",
            "-t60",
            "--run-time=9",
            "--tags",
            "a",
        ];
        let kept = without_load(words.map(str::to_owned).to_vec());
        assert_eq!(kept, ["-f", "a.py", "--tags", "a"]);
    }
}
