//! From words to decisions: two passes over the command line, each option's value settled once.
//!
//! [`locate`] runs before the locustfile is imported and lets unknown words pass, as listeners may add options.
//! [`resolve`] runs after and is strict. Nobody downstream sees words, environment or files.

use std::collections::BTreeMap;

use katydid_record::Model;
use serde::Serialize;

use crate::cli::Options;
use crate::cli::parse::{self, Values};
use crate::cli::table::OptionRow;
use crate::cli::values::{Timespan, timespan};
use crate::cli::words::{self, Word};
use crate::cli::{one_on_stdout, option_rows};
use crate::condition;
use crate::config::{self, Layer, Source, Surroundings};
use crate::error::UsageError;
use crate::experiments;
use crate::load::{self, Load};
use crate::resolved::{Resolved, split};
use crate::search;
use crate::slo;
use crate::watching;

/// Iterations that are under way when the last arrival has come may take so long; cut off, the slowest would be missing.
const GRACE_OF_ARRIVALS: Timespan = Timespan(30);

/// What to say, and exit 2, when neither the options nor a shape ask for load.
pub const NO_LOAD: &str = "nothing says how much load to make. Add for example:
  -u 10 -r 2 -t 1m    10 users, 2 more each second, for one minute
or a LoadTestShape class to the locustfile; `katydid check -f FILE -H URL` runs each task once.";

/// What is typed again and again does not say that a database may be changed.
const ONLY_IN_A_FILE: &str = "--disposable is for a configuration file: [watch] disposable = [\"HOST:PORT/DATABASE\"] in katydid.toml";

/// What the first pass tells: enough to set up logging and import the locustfiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The words of `-f`, split at commas: files, folders, URLs, `-`.
    pub locustfiles: Vec<String>,
    /// Level of Python's logging, upper case.
    pub loglevel: String,
    /// File to log to.
    pub logfile: Option<String>,
    /// Whether the locustfile sets up logging itself.
    pub skip_log_setup: bool,
    /// Where load goes, unless the locustfile says it.
    #[serde(skip)]
    pub host: Option<String>,
    /// The words of `--load`.
    #[serde(skip)]
    pub load: Option<String>,
    /// Of `-u`.
    #[serde(skip)]
    pub num_users: Option<u64>,
    /// Of `-t`, seconds.
    #[serde(skip)]
    pub run_time: Option<u64>,
}

/// First pass over the words after `katydid`; `check` or `probe` may stand first.
pub fn locate(argv: &[String], around: &Surroundings) -> Result<Located, UsageError> {
    let rows = option_rows();
    let (argv, _) = after_command(argv);
    let (words, _) = words::read(argv, &rows);
    let mut given = Vec::new();
    for word in words {
        match word {
            Word::Known { row, word } => {
                // What is abbreviated may be an option that the locustfile adds.
                if let (Some(text), true) = (row.refusal(row.flag()), argv.contains(&word)) {
                    return Err(UsageError::new(text));
                }
                given.push(word);
            }
            Word::Value(value) => given.push(value),
            Word::Unknown(_) | Word::Ambiguous(..) => {}
        }
    }
    let wanted = [
        "locustfile",
        "config",
        "loglevel",
        "logfile",
        "skip_log_setup",
        "host",
        "load",
        "num_users",
        "run_time",
    ];
    let wanted: Vec<OptionRow> = rows
        .iter()
        .filter(|row| wanted.contains(&row.dest.as_str()))
        .cloned()
        .collect();
    let mut values = lenient(&given, &wanted)?;
    let named = values
        .get("config")
        .and_then(|texts| texts.first())
        .cloned();
    let chosen = values.get("locustfile").and_then(|texts| texts.first());
    for layer in layers(around, named.as_deref(), chosen, &wanted, &rows, &[], false)? {
        for (dest, (texts, _)) in layer.values {
            values.entry(dest).or_insert(texts);
        }
    }
    let mut text = |dest: &str| values.remove(dest)?.into_iter().next();
    let (host, load, users) = (text("host"), text("load"), text("num_users"));
    // What is wrong with them the second pass says.
    let num_users = users.and_then(|users| users.parse().ok());
    let run_time = text("run_time").and_then(|time| Some(timespan(&time).ok()?.0));
    let options = parse::typed(&values, &rows)?;
    Ok(Located {
        locustfiles: split(&options.scenario.locustfile),
        loglevel: options.logging.loglevel,
        logfile: options.logging.logfile,
        skip_log_setup: options.logging.skip_log_setup,
        host,
        load,
        num_users,
        run_time,
    })
}

/// Values of `wanted` among words of which some may be unknown.
fn lenient(words: &[String], wanted: &[OptionRow]) -> Result<Values, UsageError> {
    let mut values = Values::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let (flag, attached) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let short = flag
            .get(..2)
            .filter(|_| !flag.starts_with("--"))
            .unwrap_or(flag);
        let Some(row) = words::find(wanted, flag).or_else(|| words::find(wanted, short)) else {
            continue;
        };
        if row.is_switch() {
            values.insert(row.dest.clone(), Vec::new());
            continue;
        }
        let glued = (flag.len() > short.len()).then(|| word[short.len()..].to_owned());
        let next = words.next_if(|next| !next.starts_with('-') || next.len() == 1);
        let value = attached.or(glued).or_else(|| next.cloned());
        let value =
            value.ok_or_else(|| UsageError::new(format!("{} needs a value", row.title())))?;
        values.insert(row.dest.clone(), vec![value]);
    }
    Ok(values)
}

/// Second pass, strict; `check` or `probe` may stand first. `argv` no longer holds the `custom` options, those that the locustfile added.
pub fn resolve(
    argv: &[String],
    custom: &[OptionRow],
    around: &Surroundings,
) -> Result<Resolved, UsageError> {
    let rows = option_rows();
    let (argv, command) = after_command(argv);
    let mut settled = command_line(argv, &rows)?;
    only_what_applies(command, &settled, &rows)?;
    let named = settled
        .get("config")
        .and_then(|(texts, _)| texts.first())
        .cloned();
    let mut custom_from_files = BTreeMap::new();
    let chosen = settled
        .get("locustfile")
        .and_then(|(texts, _)| texts.first());
    let chosen = chosen.cloned();
    for Layer { values, custom } in layers(
        around,
        named.as_deref(),
        chosen.as_ref(),
        &rows,
        &rows,
        custom,
        true,
    )? {
        let mut values = values;
        if command == "find" {
            // Shared files may hold them.
            values.retain(|dest, _| !search::REFUSED.contains(&dest.as_str()));
        }
        take(&mut settled, values);
        for (dest, (text, _)) in custom {
            custom_from_files.entry(dest).or_insert(text);
        }
    }
    let values = settled
        .iter()
        .map(|(dest, (texts, _))| (dest.clone(), texts.clone()))
        .collect();
    let mut options = parse::typed(&values, &rows)?;
    if options.output.stats_history_enabled && options.output.csv_prefix.is_none() {
        return Err(UsageError::new("--csv-full-history needs --csv PREFIX"));
    }
    let files = [&options.own.summary, &options.own.markdown];
    one_on_stdout(options.output.json, files)?;
    let slos: Vec<_> = options.goals.slo.iter().flatten().collect();
    let slos = slos.into_iter().map(|text| slo::parse(text));
    let slos = slos.collect::<Result<Vec<_>, _>>()?;
    let (load, search) = if command == "find" {
        let (load, wish) = search::load(&options, &slos)?;
        (Some(load), Some(wish))
    } else {
        (load(&options, &settled, &rows)?, None)
    };
    let arrive = load
        .as_ref()
        .is_some_and(|load| load.schedule.model == Model::Arrivals);
    if arrive && !settled.contains_key("stop_timeout") {
        options.load.stop_timeout = GRACE_OF_ARRIVALS;
    }
    let abort_on = condition::parse_all(options.goals.abort_on.iter().flatten())?;
    let watched = options.watching.watch.as_deref().unwrap_or_default();
    let watched = watching::sources(watched, &[], None)?;
    let disposable = options.watching.disposable.as_deref().unwrap_or_default();
    if matches!(settled.get("disposable"), Some((_, Source::CommandLine))) {
        return Err(UsageError::new(ONLY_IN_A_FILE));
    }
    let experiments = options.watching.experiment.as_deref().unwrap_or_default();
    experiments::check(experiments, disposable, &watched)?;
    let source = |row: &OptionRow| {
        settled
            .get(&row.dest)
            .map_or(Source::Default, |(_, source)| source.clone())
    };
    Ok(Resolved {
        command,
        search,
        schedule: load.as_ref().map(|load| load.schedule.clone()),
        events: load.map(|load| load.events).unwrap_or_default(),
        slos,
        abort_on,
        load_given: command == "find" || LOAD.iter().any(|dest| settled.contains_key(*dest)),
        sources: rows
            .iter()
            .map(|row| (row.dest.clone(), source(row)))
            .collect(),
        options,
        custom_from_files,
    })
}

/// Environment and files, the strongest first. `chosen`: the locustfile of the command line, beside which `katydid.toml` lies; else the
/// layers say which it is. Only `wanted` rows are read.
fn layers(
    around: &Surroundings,
    named: Option<&str>,
    chosen: Option<&String>,
    wanted: &[OptionRow],
    rows: &[OptionRow],
    custom: &[OptionRow],
    strict: bool,
) -> Result<Vec<Layer>, UsageError> {
    let mut layers = vec![config::environment(around, wanted, custom)?];
    for file in config::files(around, named)? {
        layers.push(config::file(&file, wanted, custom, strict)?);
    }
    let said = |layer: &Layer| Some(layer.values.get("locustfile")?.0.first()?.clone());
    let locustfile = chosen.cloned().or_else(|| layers.iter().find_map(said));
    let locustfile = locustfile.unwrap_or_else(|| "locustfile.py".to_owned());
    if let Some(file) = config::beside(around, &locustfile, rows)? {
        let after_named = 1 + usize::from(named.is_some());
        layers.insert(after_named, config::file(&file, wanted, custom, strict)?);
    }
    Ok(layers)
}

/// Options that say the load apart from `--load`.
const APART: [&str; 3] = ["num_users", "spawn_rate", "run_time"];

/// Takes the values of a weaker layer that no stronger one has. What a file says of the load counts only if nothing stronger says
/// anything of it, however each is written.
fn take(settled: &mut Settled, weaker: BTreeMap<String, (Vec<String>, Source)>) {
    let says = |dests: &[&str]| dests.iter().any(|dest| settled.contains_key(*dest));
    let (whole, apart) = (says(&["load"]), says(&APART));
    for (dest, given) in weaker {
        let in_a_file = matches!(given.1, Source::File { .. });
        let left_out = match dest.as_str() {
            "load" => apart,
            "max_users" => apart || whole,
            dest if APART.contains(&dest) => whole,
            _ => false,
        };
        if !(in_a_file && left_out) {
            settled.entry(dest).or_insert(given);
        }
    }
}

/// Options that ask for load.
const LOAD: [&str; 6] = [
    "load",
    "num_users",
    "spawn_rate",
    "run_time",
    "iterations",
    "headless",
];

/// What `--load` describes; it stands alone.
fn load(
    options: &Options,
    given: &Settled,
    rows: &[OptionRow],
) -> Result<Option<Load>, UsageError> {
    const NO_ARRIVALS: &str = "--max-users is for arrivals (--load 'arrive at 50/s for 5m'); this load says itself how many users there are";
    let Some(words) = &options.load.load else {
        if given.contains_key("max_users") {
            return Err(UsageError::new(NO_ARRIVALS));
        }
        return Ok(None);
    };
    let says_it_too = |row: &&OptionRow| {
        ["num_users", "spawn_rate", "run_time"].contains(&row.dest.as_str())
            && given.contains_key(&row.dest)
    };
    if let Some(row) = rows.iter().find(says_it_too) {
        return Err(UsageError::new(format!(
            "--load says how many users there are and how long; {} says it again: leave one of them out",
            row.title()
        )));
    }
    let load = load::parse(words)?;
    if load.schedule.model == Model::Users && given.contains_key("max_users") {
        return Err(UsageError::new(NO_ARRIVALS));
    }
    Ok(Some(load))
}

/// The words after `check`, `probe` or `find`, and what stood there, or `run`.
fn after_command(argv: &[String]) -> (&[String], &'static str) {
    match argv.split_first() {
        Some((first, rest)) if first == "check" => (rest, "check"),
        Some((first, rest)) if first == "probe" => (rest, "probe"),
        Some((first, rest)) if first == "find" => (rest, "find"),
        _ => (argv, "run"),
    }
}

/// Heading of options about each request.
const REQUESTS: &str = "Requests (katydid's own)";

/// A check makes no load and keeps no results, a probe makes none: such options would be ignored. Shared files may hold them.
fn only_what_applies(command: &str, given: &Settled, rows: &[OptionRow]) -> Result<(), UsageError> {
    let row = |dests: &[&str]| {
        let mut given = rows.iter().filter(|row| given.contains_key(&row.dest));
        given.find(|row| dests.contains(&row.dest.as_str()))
    };
    match command {
        "run" => search::only_there(row(&search::OPTIONS))?,
        "find" => search::refuse(row(&search::REFUSED))?,
        _ => {}
    }
    let (groups, single, why): (&[&str], &[&str], &str) = match command {
        "check" => (
            &["Scenario", REQUESTS, "Logging"],
            &[],
            "which runs each task once",
        ),
        "probe" => (
            &[
                "Scenario",
                REQUESTS,
                "Logging",
                "Watching (katydid's own)",
                "Record (katydid's own)",
            ],
            &["run_time", "html_file", "only_summary"],
            "which makes one request at a time",
        ),
        _ => return Ok(()),
    };
    let applies = |row: &OptionRow| {
        groups.contains(&row.group.as_str()) || single.contains(&row.dest.as_str())
    };
    let foreign = rows
        .iter()
        .find(|row| given.contains_key(&row.dest) && !applies(row));
    foreign.map_or(Ok(()), |row| {
        Err(UsageError::new(format!(
            "{} does not apply to {command}, {why}: remove it",
            row.title()
        )))
    })
}

type Settled = BTreeMap<String, (Vec<String>, Source)>;

fn command_line(argv: &[String], rows: &[OptionRow]) -> Result<Settled, UsageError> {
    let (read, rest) = words::read(argv, rows);
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for word in read {
        match word {
            Word::Known { row, word } => match row.refusal(row.flag()) {
                Some(text) => return Err(UsageError::new(text)),
                None => known.push(word),
            },
            Word::Value(value) => known.push(value),
            Word::Unknown(word) => unknown.push(word),
            Word::Ambiguous(word, several) => {
                let several = several.join(", ");
                return Err(UsageError::new(format!(
                    "{word} is ambiguous: it could be {several}"
                )));
            }
        }
    }
    if !unknown.is_empty() {
        return Err(words::unrecognized(&unknown, rows));
    }
    known.push("--".to_owned());
    known.extend(rest);
    let values = parse::values(&known, rows)?;
    Ok(values
        .into_iter()
        .map(|(dest, texts)| (dest, (texts, Source::CommandLine)))
        .collect())
}
