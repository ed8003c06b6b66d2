//! The words after `katydid` that name something other than a run, each with its own options.
//!
//! A command counts only as the first word: `katydid -f x.py report` runs the user class `report`.

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use katydid_record::Slo;

use super::options::{OTLP, TRACE_SHARE, WATCH};
use super::parse::usage;
use super::table::flags;
use super::values::{Timespan, above_zero, positive, share, timespan};
use super::words::{has, nearest};
use crate::commands::compare::Files;
use crate::condition::{self, Condition};
use crate::error::UsageError;
use crate::slo;

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The bare form: a run of a locustfile. Python's.
    Run,
    /// One pass over the scenario, without load. Python's; its words are a run's, without options of load.
    Check,
    /// Each endpoint alone. Python's; its words are a run's, without options of load.
    Probe,
    /// The search for the load at which an objective breaks. Python's; its words are a run's, without options of load.
    Find,
    /// A Python script in which `import locust` is katydid. Python's.
    Exec {
        /// The script.
        script: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// The demonstration. Python's.
    Demo,
    /// One URL under load.
    Attack(Box<AttackOptions>),
    /// What a run of these words would do.
    Plan(Vec<String>),
    /// List of the runs in a folder.
    Runs(RunsOptions),
    /// Reports of a finished run.
    Report(ReportOptions),
    /// Why the target of a finished run was slow.
    Diagnose(DiagnoseOptions),
    /// What changed between two runs.
    Compare(CompareOptions),
    /// Whether a change worked: pairs of runs, in turns.
    Validate(Box<ValidateOptions>),
    /// What can be seen of a target.
    Doctor(DoctorOptions),
    /// Print this text on standard output.
    Print(String),
}

#[derive(Parser)]
#[command(name = "katydid", no_binary_name = true, disable_version_flag = true)]
#[command(
    disable_help_subcommand = true,
    bin_name = "katydid",
    max_term_width = 120
)]
struct Words {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    /// Put one URL under load, without a script
    Attack(Box<AttackOptions>),
    /// List recorded runs, newest last
    Runs(RunsOptions),
    /// Rebuild the reports of a recorded run
    Report(ReportOptions),
    /// Say why the target of a recorded run was slow: findings, with evidence and fixes
    Diagnose(DiagnoseOptions),
    /// Say what changed between two recorded runs, or since the pinned baseline
    Compare(CompareOptions),
    /// Prove a change: runs of both sides in turns, and a verdict with its interval
    Validate(Box<ValidateOptions>),
    /// Say what can be seen of a target, and what opens the rest
    Doctor(DoctorOptions),
}

/// `attack URL`: one request again and again.
#[derive(Args, Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct AttackOptions {
    /// http:// or https:// URL
    #[arg(value_name = "URL", value_parser = url)]
    pub url: String,
    /// Most connections, each with one request at a time [10; with --rate those of one second, 100 to 5,000]
    #[arg(short = 'c', long, value_name = "N", value_parser = positive)]
    pub connections: Option<u64>,
    /// How long: 90, 20s, 3m, 1h30m
    #[arg(short = 't', long = "time", value_name = "TIME", default_value = "10s", value_parser = timespan)]
    pub time: Timespan,
    /// Requests per second, sent on schedule; without it, each connection asks as soon as it is answered
    #[arg(long, value_name = "N", value_parser = above_zero, allow_negative_numbers = true)]
    pub rate: Option<f64>,
    /// Method [GET, with a body POST]
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = method)]
    pub method: Option<String>,
    /// Header to send; may be repeated
    #[arg(short = 'H', long = "header", value_name = "'Name: value'", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// Body to send; @FILE reads it from a file
    #[arg(
        short = 'd',
        long = "data",
        value_name = "BODY|@FILE",
        allow_hyphen_values = true
    )]
    pub data: Option<String>,
    /// Seconds without a connection, or without a byte from the server, after which a request has failed
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = above_zero)]
    pub timeout: f64,
    /// Accept any TLS certificate
    #[arg(long)]
    pub insecure: bool,
    /// Send through this proxy
    #[arg(long, value_name = "URL", value_parser = url)]
    pub http_proxy: Option<String>,
    /// What must hold: 'p95 < 300ms', 'errors < 1%'; may be repeated
    #[arg(long, value_name = "OBJECTIVE")]
    pub slo: Vec<String>,
    /// End the load when this holds for ten seconds: 'errors > 10%', 'p95 > 2s', 'cpu > 90%'; may be repeated
    #[arg(long, value_name = "CONDITION")]
    pub abort_on: Vec<String>,
    /// Exit code 3, not 0, when it cannot be told whether an objective holds
    #[arg(long)]
    pub strict: bool,
    /// Addresses of what is watched.
    #[arg(long, value_name = "ADDRESS", help = WATCH)]
    pub watch: Vec<String>,
    /// Watch nothing but what --watch names
    #[arg(long)]
    pub no_discovery: bool,
    /// Have requests traced (header traceparent), and receive the target's spans at 127.0.0.1:4318, or at --watch otlp:ADDRESS
    #[arg(long)]
    pub trace: bool,
    /// Share of the requests that are traced: 5%, 0.05 [10%]
    #[arg(long, value_name = "SHARE", default_value = TRACE_SHARE, value_parser = share, hide_default_value = true)]
    pub trace_share: f64,
    /// Keep the run here [runs/<UTC time>-<name>]
    #[arg(long, value_name = "DIR", env = "KATYDID_RUN_DIR", hide_env = true)]
    pub run_dir: Option<String>,
    /// Name of the run [the host]
    #[arg(long, value_name = "NAME", env = "KATYDID_NAME", hide_env = true)]
    pub name: Option<String>,
    /// Write the HTML report here
    #[arg(long, value_name = "FILE")]
    pub html: Option<String>,
    /// Write the summary as JSON; - is standard output
    #[arg(long, value_name = "FILE", env = "KATYDID_SUMMARY", hide_env = true)]
    pub summary: Option<String>,
    /// Write JUnit XML, for a pipeline's page of tests
    #[arg(long, value_name = "FILE", env = "KATYDID_JUNIT", hide_env = true)]
    pub junit: Option<String>,
    /// Write the verdict and its tables as Markdown, for a pull request; - is standard output
    #[arg(long, value_name = "FILE", env = "KATYDID_MARKDOWN", hide_env = true)]
    pub markdown: Option<String>,
    /// Whom to push metrics to.
    #[arg(long, value_name = "URL", help = OTLP, env = "KATYDID_OTLP", hide_env = true)]
    pub otlp: Option<String>,
    /// Show metrics for Prometheus at this address while the run lasts: 127.0.0.1:9646
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "KATYDID_PROMETHEUS",
        hide_env = true
    )]
    pub prometheus: Option<String>,
    /// Write Locust's CSV files, without the history
    #[arg(long, value_name = "PREFIX")]
    pub csv: Option<String>,
}

impl AttackOptions {
    /// The method that is sent.
    pub fn method(&self) -> &str {
        let implied = if self.data.is_some() { "POST" } else { "GET" };
        self.method.as_deref().unwrap_or(implied)
    }

    /// The bytes of the body, read from the file that `@FILE` names.
    pub fn body(&self) -> Result<Vec<u8>, UsageError> {
        let data = self.data.as_deref().unwrap_or_default();
        let Some(path) = data.strip_prefix('@') else {
            return Ok(data.as_bytes().to_vec());
        };
        std::fs::read(path)
            .map_err(|error| UsageError::new(format!("-d/--data: cannot read {path}: {error}")))
    }

    /// Its objectives, read.
    pub fn slos(&self) -> Result<Vec<Slo>, UsageError> {
        self.slo.iter().map(|text| slo::parse(text)).collect()
    }

    /// Its conditions, read.
    pub fn conditions(&self) -> Result<Vec<Condition>, UsageError> {
        condition::parse_all(&self.abort_on)
    }

    /// Host of the URL, without credentials and port: the run's name unless one is given.
    pub fn host(&self) -> &str {
        host_of(&self.url).unwrap_or("attack")
    }
}

/// `runs [DIR]`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct RunsOptions {
    /// Folder of runs
    #[arg(value_name = "DIR", default_value = "runs")]
    pub dir: String,
    /// Name these runs: --tag NAME RUN ...
    #[arg(long, value_names = ["NAME", "RUN"], num_args = 2.., conflicts_with_all = ["untag", "pin"])]
    pub tag: Vec<String>,
    /// Take a name away again: --untag NAME RUN ...
    #[arg(long, value_names = ["NAME", "RUN"], num_args = 2.., conflicts_with = "pin")]
    pub untag: Vec<String>,
    /// Make these runs, and no others, the baseline that `katydid compare RUN` compares with
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub pin: Vec<String>,
}

/// `compare [BEFORE] AFTER`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct CompareOptions {
    /// A run's folder, its id, the beginning of it, `last`, or a tag of one or more runs; alone it is compared with the baseline; or the folder of a validation
    #[arg(value_name = "BEFORE")]
    pub before: String,
    /// The same, of what it is now
    #[arg(value_name = "AFTER")]
    pub after: Option<String>,
    /// Compare with the runs of this tag [baseline]
    #[arg(long, value_name = "TAG", conflicts_with = "after")]
    pub baseline: Option<String>,
    /// What should have changed, and is judged first: 'GET /dashboard', 'GET /dashboard p99 in hold' [p95 of all requests]
    #[arg(long, value_name = "WHAT")]
    pub on: Option<String>,
    /// Call it equivalent within this [5%]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub margin: Option<f64>,
    /// Exit code 3, not 0, when it cannot be told
    #[arg(long)]
    pub strict: bool,
    /// Files.
    #[command(flatten)]
    pub files: Files,
}

/// `validate`: its own options; all others are those of the runs.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(
    override_usage = "katydid validate --before URL --after URL -f FILE --load WORDS [OPTIONS OF A RUN]"
)]
pub struct ValidateOptions {
    /// Pairs of runs; three at least
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(3..=100))]
    pub pairs: u16,
    /// Where it is as it was
    #[arg(long, value_name = "URL", value_parser = url, requires = "after", conflicts_with_all = ["before_hook", "before_header"])]
    pub before: Option<String>,
    /// Where the change is
    #[arg(long, value_name = "URL", value_parser = url, requires = "before", conflicts_with_all = ["before_hook", "before_header"])]
    pub after: Option<String>,
    /// In place of two URLs: a command that makes the service what it was; exit status 0 when that is done
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "after_hook",
        conflicts_with = "before_header"
    )]
    pub before_hook: Option<String>,
    /// A command that makes the change
    #[arg(long, value_name = "COMMAND", requires = "before_hook")]
    pub after_hook: Option<String>,
    /// In place of two URLs: a header of every request without the change, for a feature flag
    #[arg(long, value_name = "'Name: value'", value_parser = header_text, requires = "after_header")]
    pub before_header: Option<String>,
    /// A header of every request with the change
    #[arg(long, value_name = "'Name: value'", value_parser = header_text, requires = "before_header")]
    pub after_header: Option<String>,
    /// How long a hook, and then the service until it answers, may take
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = timespan)]
    pub hook_timeout: Timespan,
    /// What is asked until it answers [the host]
    #[arg(long, value_name = "URL", value_parser = url)]
    pub health: Option<String>,
    /// Load that is made before what is measured, in each run
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = timespan)]
    pub warm_up: Timespan,
    /// What should have changed, and is judged first: 'GET /dashboard', 'GET /dashboard p99 in hold' [p95 of all requests]
    #[arg(long, value_name = "WHAT")]
    pub on: Option<String>,
    /// Call it equivalent within this
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub margin: f64,
    /// Do not count queries per request first: else the first run of each side begins with a probe, if a database is watched
    #[arg(long)]
    pub no_probe: bool,
    /// Exit code 3, not 0, when it cannot be told
    #[arg(long)]
    pub strict: bool,
    /// Folder of the runs [runs/<UTC time>-validate]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<String>,
    /// Files.
    #[command(flatten)]
    pub files: Files,
    /// Both sides are the same (`selftest --aa`): what differs is noise.
    #[arg(skip)]
    pub same: bool,
    /// The options of the runs.
    #[arg(skip)]
    pub rest: Vec<String>,
}

const LOOK_AT: &str = "What to look at: env:DATABASE_URL, redis://127.0.0.1:6379, port:8000, ssh://app1; may be repeated";

/// `doctor`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct DoctorOptions {
    /// Addresses of what is watched.
    #[arg(long, value_name = "ADDRESS", help = LOOK_AT, env = "KATYDID_WATCH", hide_env = true)]
    pub watch: Vec<String>,
    /// Base URL of a target; on this machine its host and its processes are looked at too
    #[arg(
        short = 'H',
        long,
        value_name = "URL",
        env = "LOCUST_HOST",
        hide_env = true
    )]
    pub host: Option<String>,
}

/// `report RUN`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ReportOptions {
    /// A run's folder, its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Write the HTML report here too
    #[arg(long, value_name = "FILE")]
    pub html: Option<String>,
    /// Write the summary as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub summary: Option<String>,
    /// Write JUnit XML, for a pipeline's page of tests
    #[arg(long, value_name = "FILE")]
    pub junit: Option<String>,
    /// Write the verdict and its tables as Markdown, for a pull request; - or nothing is standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub markdown: Option<String>,
    /// Write Locust's CSV files
    #[arg(long, value_name = "PREFIX")]
    pub csv: Option<String>,
    /// Print Locust's statistics as JSON
    #[arg(long)]
    pub json: bool,
}

/// `diagnose RUN`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct DiagnoseOptions {
    /// A run's folder, its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Print the findings as JSON, as findings.json has them
    #[arg(long)]
    pub json: bool,
}

/// Reads what `argv` (without the program's name) asks for. Options of a run are not judged here.
pub fn command(argv: &[String]) -> Result<Command, UsageError> {
    let first = argv.first().map(String::as_str);
    let rest = argv.get(1..).unwrap_or_default();
    match first {
        Some("help") if argv.len() == 1 => Ok(Command::Print(super::help::run(None))),
        Some("attack" | "runs" | "report" | "diagnose" | "doctor" | "compare") => parse(argv),
        Some("validate") => validate(argv, false),
        Some(word @ "selftest") if asks(rest, &["-h", "--help"]) => {
            Ok(Command::Print(super::help::told(word)))
        }
        Some("selftest") => selftest(rest),
        Some("exec") => exec(rest),
        // Its words are Python's to read.
        Some("demo") => Ok(Command::Demo),
        Some(word @ ("check" | "probe" | "find")) if asks(rest, &["-h", "--help"]) => {
            Ok(Command::Print(super::help::told(word)))
        }
        Some("check") => Ok(Command::Check),
        Some("probe") => Ok(Command::Probe),
        Some("find") => Ok(Command::Find),
        Some(word @ "plan") if asks(rest, &["-h", "--help"]) => {
            Ok(Command::Print(super::help::told(word)))
        }
        Some("plan") => Ok(Command::Plan(rest.to_vec())),
        _ if asks(argv, &["-h", "--help"]) => Ok(Command::Print(super::help::run(None))),
        _ if asks(argv, &["-V", "--version"]) => Ok(Command::Print(super::help::version())),
        Some(word) => plausible(word).map(|()| Command::Run),
        None => Ok(Command::Run),
    }
}

fn asks(argv: &[String], flags: &[&str]) -> bool {
    let before = argv.iter().take_while(|word| *word != "--");
    before
        .into_iter()
        .any(|word| flags.contains(&word.as_str()))
}

fn exec(rest: &[String]) -> Result<Command, UsageError> {
    match rest.split_first() {
        Some((script, _)) if script == "-h" || script == "--help" => {
            Ok(Command::Print(super::help::told("exec")))
        }
        Some((script, _)) if script.starts_with('-') => Err(UsageError::new(format!(
            "exec: the script comes first: katydid exec SCRIPT {script} …"
        ))),
        Some((script, args)) => Ok(Command::Exec {
            script: script.clone(),
            args: args.to_vec(),
        }),
        None => Err(UsageError::new(
            "exec: SCRIPT is missing: katydid exec SCRIPT [ARGS…]",
        )),
    }
}

/// A first word that is no option would be a user class; a path or an URL never is one.
fn plausible(word: &str) -> Result<(), UsageError> {
    if word.starts_with('-') {
        Ok(())
    } else if word.contains("://") {
        Err(UsageError::new(format!(
            "to put a URL under load: katydid attack {word}"
        )))
    } else if std::path::Path::new(word)
        .extension()
        .is_some_and(|end| end == "py")
    {
        Err(UsageError::new(format!(
            "to run a locustfile: katydid -f {word}"
        )))
    } else {
        Ok(())
    }
}

/// A validation of which both sides are the same.
fn selftest(rest: &[String]) -> Result<Command, UsageError> {
    const SIDES: [&str; 6] = [
        "--before",
        "--after",
        "--before-hook",
        "--after-hook",
        "--before-header",
        "--after-header",
    ];
    if !rest.iter().any(|word| word == "--aa") {
        return Err(UsageError::new(
            "selftest: write selftest --aa, with the options of a run: it measures by how much runs of the same service differ here",
        ));
    }
    if let Some(flag) = SIDES.iter().find(|flag| has(rest, flag)) {
        return Err(UsageError::new(format!(
            "selftest: {flag} is for validate; here both sides are the same: give --host"
        )));
    }
    let words = rest.iter().filter(|word| *word != "--aa").cloned();
    let words: Vec<String> = ["validate".to_owned()].into_iter().chain(words).collect();
    validate(&words, true)
}

/// Its own options are read here; the others are those of the runs.
fn validate(argv: &[String], same: bool) -> Result<Command, UsageError> {
    let words = Words::command();
    let command = words.find_subcommand("validate").unwrap_or(&words);
    let takes_value = |word: &str| {
        let flag = word.split('=').next().unwrap_or(word);
        let mut all = command.get_arguments();
        let found = all.find(|arg| flags(arg).iter().any(|own| own == flag))?;
        Some(!word.contains('=') && found.get_action().takes_values())
    };
    let (mut own, mut rest) = (vec![argv[0].clone()], Vec::new());
    let mut all = argv[1..].iter();
    while let Some(word) = all.next() {
        if ["-h", "--help"].contains(&word.as_str()) {
            own.push(word.clone());
            continue;
        }
        match takes_value(word) {
            Some(with_value) => {
                own.push(word.clone());
                own.extend(with_value.then(|| all.next().cloned()).flatten());
            }
            None => rest.push(word.clone()),
        }
    }
    match parse(&own)? {
        Command::Validate(mut options) => {
            (options.rest, options.same) = (rest, same);
            Ok(Command::Validate(options))
        }
        other => Ok(other),
    }
}

fn parse(argv: &[String]) -> Result<Command, UsageError> {
    let command = Words::command();
    let parsed = command
        .try_get_matches_from(argv)
        .and_then(|matches| Words::from_arg_matches(&matches));
    match parsed {
        Ok(Words {
            word: Word::Attack(attack),
        }) => {
            let asked = [&attack.summary, &attack.markdown];
            one_on_stdout(false, asked).map_err(|error| told_by(&argv[0], error))?;
            Ok(Command::Attack(attack))
        }
        Ok(Words {
            word: Word::Runs(runs),
        }) => Ok(Command::Runs(runs)),
        Ok(Words {
            word: Word::Report(report),
        }) => {
            let asked = [&report.summary, &report.markdown];
            one_on_stdout(report.json, asked).map_err(|error| told_by(&argv[0], error))?;
            Ok(Command::Report(report))
        }
        Ok(Words {
            word: Word::Diagnose(diagnose),
        }) => Ok(Command::Diagnose(diagnose)),
        Ok(Words {
            word: Word::Compare(compare),
        }) => {
            let asked = [&compare.files.summary, &compare.files.markdown];
            one_on_stdout(false, asked).map_err(|error| told_by(&argv[0], error))?;
            Ok(Command::Compare(compare))
        }
        Ok(Words {
            word: Word::Validate(validate),
        }) => {
            let asked = [&validate.files.summary, &validate.files.markdown];
            one_on_stdout(false, asked).map_err(|error| told_by(&argv[0], error))?;
            Ok(Command::Validate(validate))
        }
        Ok(Words {
            word: Word::Doctor(doctor),
        }) => Ok(Command::Doctor(doctor)),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            Ok(Command::Print(error.to_string()))
        }
        Err(error) => Err(misused(&error, &argv[0])),
    }
}

/// Standard output holds one thing. `asked` are the files of `--summary` and `--markdown`.
pub(crate) fn one_on_stdout(json: bool, asked: [&Option<String>; 2]) -> Result<(), UsageError> {
    let [summary, markdown] = asked.map(|file| file.as_deref() == Some("-"));
    let takers = [
        ("--json", json),
        ("--summary -", summary),
        ("--markdown -", markdown),
    ];
    let takers: Vec<&str> = takers
        .iter()
        .filter(|(_, asks)| *asks)
        .map(|(flag, _)| *flag)
        .collect();
    if takers.len() < 2 {
        return Ok(());
    }
    Err(UsageError::new(format!(
        "{} ask for standard output, which holds one of them: name a file for the others, or leave them out",
        takers.join(" and ")
    )))
}

fn told_by(word: &str, UsageError(text): UsageError) -> UsageError {
    UsageError::new(format!("{word}: {text}"))
}

/// The error of the command `word`, with the nearest of its own flags.
fn misused(error: &clap::Error, word: &str) -> UsageError {
    let words = Words::command();
    let command = words.find_subcommand(word).unwrap_or(&words);
    let UsageError(mut text) = usage(error, command);
    if let (ErrorKind::UnknownArgument, Some(unknown)) = (error.kind(), text.split(' ').next_back())
    {
        let flags: Vec<String> = command.get_arguments().flat_map(flags).collect();
        if let Some(near) = nearest(unknown, flags.iter().map(String::as_str)) {
            text = format!("{text} (did you mean '{near}'?)");
        }
    }
    UsageError::new(format!("{word}: {text}"))
}

/// The short list of commands in the main help.
pub(super) fn summaries() -> Vec<(String, String)> {
    let about = |command: &clap::Command| {
        command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let own = Words::command();
    own.get_subcommands()
        .map(|command| (command.get_name().to_owned(), about(command)))
        .collect()
}

fn url(text: &str) -> Result<String, String> {
    let known = text.starts_with("http://") || text.starts_with("https://");
    match host_of(text) {
        Some(_) if known => Ok(text.to_owned()),
        None if !text.contains("://") => Err(format!(
            "'{text}' lacks its scheme; did you mean http://{text}?"
        )),
        _ => Err(format!(
            "'{text}' is not an http:// or https:// URL with a host"
        )),
    }
}

/// Host of a URL, without credentials, port and brackets.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit('@').next()?;
    let host = match place.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => place.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn method(text: &str) -> Result<String, String> {
    let token = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    token
        .then(|| text.to_owned())
        .ok_or_else(|| format!("'{text}' is not a method"))
}

/// Checked, and kept as it was written.
pub(super) fn header_text(text: &str) -> Result<String, String> {
    header(text).map(|(name, value)| format!("{name}: {value}"))
}

fn header(text: &str) -> Result<(String, String), String> {
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte))
    };
    match text.split_once(':') {
        Some((name, value)) if token(name.trim()) && !value.contains(['\r', '\n']) => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("'{text}' is not a header; write 'Name: value'")),
    }
}
