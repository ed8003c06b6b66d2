//! `--help` and `--version`, rendered from the table: groups, short lines, two columns.
//!
//! Every option that works is listed; what is refused is named in one paragraph, so that a Locust user finds it.

use std::fmt::Write;

use super::commands::summaries;
use super::table::{OptionRow, Status, option_rows};
use super::words::find;

const LEFT: usize = 30;

/// `katydid X.Y.Z`.
pub fn version() -> String {
    format!("katydid {}\n", env!("CARGO_PKG_VERSION"))
}

/// The main help for a terminal `width` columns wide; `None` asks the terminal.
pub fn run(width: Option<usize>) -> String {
    let width = width.unwrap_or_else(terminal_width).clamp(60, 120);
    let rows = option_rows();
    let mut text = String::from(
        "Run your locustfile, measure, and see why your service is slow.\n\n\
         Usage: katydid [OPTIONS] [UserClass ...]     run a locustfile\n       \
         katydid COMMAND ...                   one of these:\n\n",
    );
    for (word, about) in commands() {
        line(&mut text, width, &word, &about);
    }
    let mut group = "";
    for row in rows.iter().filter(|row| works(row)) {
        if row.group != group {
            group = &row.group;
            let _ = write!(text, "\n{group}:\n");
        }
        line(&mut text, width, &left(row), &row.help);
    }
    line(
        &mut text,
        width,
        "-h, --help",
        "Print this; COMMAND --help prints a command's",
    );
    line(&mut text, width, "-V, --version", "Print the version");
    text.push('\n');
    paragraph(&mut text, width, &refused(&rows));
    paragraph(
        &mut text,
        width,
        "Long options may be shortened. Each of them, without its dashes, is also a key of ~/.locust.conf, ./locust.conf, \
         [tool.locust] in ./pyproject.toml, katydid.toml beside the locustfile (in tables: docs/traffic.md) and --config FILE; the command line \
         comes first, then LOCUST_* variables (KATYDID_* for katydid's own options), then these files from last to first.",
    );
    text
}

/// Help of the commands whose words are a run's, or Python's to read.
pub fn told(word: &str) -> String {
    let (_, about) = TOLD
        .iter()
        .find(|(name, _)| *name == word)
        .copied()
        .unwrap_or(("", ""));
    let usage = match word {
        "check" => {
            "katydid check [-f FILE] [-H URL] [UserClass ...]\n\nOne user of each class does every task once. Each request and response is printed in outline:\nsecret headers and all values of JSON are hidden. Exit code 1 if anything failed, 2 if the scenario\ncannot be used. Takes the options of a run under Scenario and Logging."
        }
        "probe" => {
            "katydid probe [-f FILE] [-H URL] [-t TIME] [--watch ADDRESS ...] [UserClass ...]\n\nOne user of each class does its tasks over and over, one request at a time and without pauses, until each\nendpoint was asked 20 times or TIME is over [90s]. Before and after each request the counters of what is watched\nare read: so many queries, rows, blocks and cache commands are its own. Then each GET is made 8 times at once,\nbeside another endpoint, and by three other users, who log in. Tasks and user classes with `probe = False`\nare left out. It writes what the scenario writes. Exit code 1 if nothing could be asked, 2 if the scenario cannot\nbe used. Takes the options of a run under Scenario, Watching, Record and Logging."
        }
        "find" => {
            "katydid find -f FILE --slo OBJECTIVE ... [--time-budget TIME] [--up-to N] [--closed] [--fast | --beyond --hysteresis] [OPTIONS] [UserClass ...]\n\nArrivals come at a rate, for half a minute each: first to see roughly where an objective breaks, then many times\nnear that. One curve through all of them gives the greatest rate that keeps all objectives, with its 95 % interval;\nits lower end is then held for three minutes. --closed searches by users who wait for their answers instead;\n--fast ends after two to four minutes with two loads between which it breaks, roughly. With --beyond, if it holds and there is\ntime, the target is then overloaded on purpose: 1.5 times and twice that rate, and a spike from half of it; with --hysteresis\nit first goes up to 1.2 times that rate and down again. An arrival is one iteration of a user's tasks and waits for nobody (--load 'arrive at ...'). Exit code 0, also where there is no number\n(3 with --strict); 2 if the scenario cannot be used. Takes the options of a run but for those of load."
        }
        "plan" => {
            "katydid plan [--explain] [OPTIONS]\n\nTakes the options of a run and prints its phases and a picture of them. --explain adds where each option's value\ncame from. Without options: the presets."
        }
        "selftest" => {
            "katydid selftest --aa [--pairs N] -f FILE -H URL --load WORDS [OPTIONS]\n\nA validation of which both sides are the same: so what differs is what runs differ by on this machine. Says\nhow large a change has to be to be found by so many pairs. Takes the options of validate, but for the sides."
        }
        "exec" => {
            "katydid exec SCRIPT [ARGS ...]\n\nInside the script, `import locust` is katydid."
        }
        _ => "katydid demo",
    };
    format!("{about}\n\nUsage: {usage}\n")
}

const TOLD: [(&str, &str); 7] = [
    (
        "plan",
        "Show how much load a run would make when, without making it",
    ),
    ("check", "Run each task of a locustfile once, without load"),
    (
        "probe",
        "Count what each endpoint asks of database and cache, one request at a time",
    ),
    (
        "find",
        "Find the load at which an objective breaks: a number with its interval",
    ),
    (
        "selftest",
        "Measure by how much runs of the same service differ here (selftest --aa)",
    ),
    ("exec", "Run a Python script with katydid as its locust"),
    ("demo", "Show katydid on a service made for it"),
];

fn commands() -> Vec<(String, String)> {
    let told = TOLD
        .iter()
        .map(|(word, about)| ((*word).to_owned(), (*about).to_owned()));
    summaries().into_iter().chain(told).collect()
}

fn works(row: &OptionRow) -> bool {
    matches!(row.status, Status::Locust | Status::Own)
}

fn left(row: &OptionRow) -> String {
    if row.flags.is_empty() {
        return "UserClass ...".to_owned();
    }
    let flags = row.flags.join(", ");
    let indent = if row.flags.len() == 1 { "    " } else { "" };
    match (row.is_switch(), row.is_list()) {
        (true, _) => format!("{indent}{flags}"),
        (_, true) => format!("{indent}{flags} {} ...", placeholder(row)),
        _ => format!("{indent}{flags} {}", placeholder(row)),
    }
}

fn placeholder(row: &OptionRow) -> String {
    let command = super::table::parsing_command();
    let names = command
        .get_arguments()
        .find(|arg| arg.get_id() == row.dest.as_str())
        .and_then(|arg| arg.get_value_names().map(<[_]>::to_vec));
    names
        .and_then(|names| names.first().map(ToString::to_string))
        .unwrap_or_default()
}

fn refused(rows: &[OptionRow]) -> String {
    let flags: Vec<&str> = ["--web-port", "--autostart", "--master", "--worker"]
        .into_iter()
        .filter(|flag| find(rows, flag).is_some_and(|row| row.status == Status::NotBuilt))
        .collect();
    format!(
        "Not built yet: Locust's web UI, runs over several machines ({} and the like: refused).",
        flags.join(", ")
    )
}

fn line(text: &mut String, width: usize, left: &str, right: &str) {
    let mut lines = wrap(right, width - LEFT).into_iter();
    let first = lines.next().unwrap_or_default();
    if left.len() + 3 > LEFT {
        let _ = write!(text, "  {left}\n{:LEFT$}{first}\n", "");
    } else {
        let _ = writeln!(text, "  {left:<gap$}{first}", gap = LEFT - 2);
    }
    for more in lines {
        let _ = writeln!(text, "{:LEFT$}{more}", "");
    }
}

fn paragraph(text: &mut String, width: usize, words: &str) {
    for line in wrap(words, width) {
        let _ = writeln!(text, "{line}");
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    columns
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(100)
}
