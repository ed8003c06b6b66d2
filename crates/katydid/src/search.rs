//! `katydid find`: what is searched for, from the options.

use katydid_record::Slo;
use katydid_record::search::Wish;

use crate::cli::Options;
use crate::cli::options::Search;
use crate::cli::table::OptionRow;
use crate::error::UsageError;
use crate::load::Load;
use crate::session::seek;

/// Dests of the options that only a search has.
pub const OPTIONS: [&str; 6] = [
    "time_budget",
    "up_to",
    "closed",
    "fast",
    "beyond",
    "hysteresis",
];
/// Dests of those that it has not: it says itself how much load there is.
pub const REFUSED: [&str; 6] = [
    "load",
    "num_users",
    "spawn_rate",
    "run_time",
    "iterations",
    "processes",
];
/// Arrivals of the first step, per second, or users.
const START: f64 = 5.0;
/// Users at work at once, or the most that are tried, unless it is said how many: an overload is cut off before there are more, up to some hundreds of arrivals per second.
pub const MOST_USERS: u64 = 5_000;

/// What to say of an option that only a search has, elsewhere.
pub fn only_there(given: Option<&OptionRow>) -> Result<(), UsageError> {
    given.map_or(Ok(()), |row| {
        let flag = row.title();
        Err(UsageError::new(format!(
            "{flag} is for the search: katydid find -f FILE --slo OBJECTIVE {flag} …"
        )))
    })
}

/// What to say of an option that a search has not.
pub fn refuse(given: Option<&OptionRow>) -> Result<(), UsageError> {
    given.map_or(Ok(()), |row| {
        let why = match row.dest.as_str() {
            "processes" => "several processes are not built for it yet",
            "run_time" => "it ends when the number is precise, or after --time-budget",
            _ => "it says itself how much load there is",
        };
        Err(UsageError::new(format!(
            "{} does not apply to find: {why}; remove it",
            row.title()
        )))
    })
}

/// The first step, and what is searched for.
pub fn load(options: &Options, slos: &[Slo]) -> Result<(Load, Wish), UsageError> {
    if slos.is_empty() {
        return Err(UsageError::new(
            "find has to know what must hold, for example: --slo 'p95 < 300ms' --slo 'errors < 1%'",
        ));
    }
    if let Some(slo) = slos.iter().find(|slo| slo.phase.is_some()) {
        return Err(UsageError::new(format!(
            "--slo '{}': find makes its own phases; leave out the phase",
            slo.text
        )));
    }
    let Search {
        time_budget,
        up_to,
        closed,
        fast,
        beyond,
        hysteresis,
    } = options.search;
    let overloads = (beyond.then_some("--beyond")).or(hysteresis.then_some("--hysteresis"));
    if let Some(flag) = overloads {
        let why = if options.goals.abort_on.is_some() {
            "overloads the target on purpose, and --abort-on says what it must not suffer: leave one of them out"
        } else if closed {
            "needs arrivals: users who wait for their answers hold back when it is slow, so they cannot overload it as arrivals do. Leave out --closed"
        } else if fast {
            "begins with an answer that is confirmed, and --fast ends with a rough one: leave one of them out"
        } else {
            ""
        };
        if !why.is_empty() {
            return Err(UsageError::new(format!("{flag} {why}")));
        }
    }
    let wrong = if closed && options.load.max_users.is_some() {
        "--max-users is for arrivals: with --closed, --up-to says how many users are tried at most"
    } else if closed && up_to.is_some_and(|most| most < 1.0 || most.fract() > 0.0) {
        "--up-to counts users here: it is a whole number"
    } else {
        ""
    };
    if !wrong.is_empty() {
        return Err(UsageError::new(wrong));
    }
    let most_users = closed.then_some(MOST_USERS as f64);
    let wish = Wish {
        budgets: slos.iter().map(|slo| slo.limit.budget()).collect(),
        start: up_to.map_or(START, |most| most.min(START)),
        ceiling: up_to.or(most_users),
        whole: closed,
        limit_s: seek::longest_s(slos),
        time_s: time_budget.map(|time| time.0 as f64),
        beyond,
        fast,
        hysteresis,
    };
    let schedule = seek::first(&wish).ok_or_else(|| {
        UsageError::new("--time-budget is shorter than the first step: give it 10m or more")
    })?;
    let load = Load {
        schedule,
        events: Vec::new(),
    };
    Ok((load, wish))
}
