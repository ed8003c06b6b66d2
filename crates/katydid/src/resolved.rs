//! What the second pass settled, in the three forms that others want: options, a flat map for Python, a plan for the record.

use std::collections::BTreeMap;
use std::path::Path;

use katydid_record::redact::redact;
use katydid_record::search::Wish;
use katydid_record::{Event, Model, Phase, PhaseKind, Plan, PlannedUser, Schedule, Slo, Tracing};
use serde_json::{Map, Value};

use crate::cli::{AttackOptions, Options};
use crate::condition::{self, Condition};
use crate::config::Source;
use crate::search;
use crate::watching;

/// Every option's value, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// `run`, `find`, `check` or `probe`.
    pub command: &'static str,
    /// The options, with Locust's dests.
    pub options: Options,
    /// Where each dest's value came from.
    pub sources: BTreeMap<String, Source>,
    /// Texts from environment and files for options that the locustfile added; the strongest source's.
    pub custom_from_files: BTreeMap<String, String>,
    /// What `find` is asked for; the schedule is then its first step.
    pub search: Option<Wish>,
    /// What `--load` describes.
    pub schedule: Option<Schedule>,
    /// What it says is done meanwhile.
    pub events: Vec<Event>,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// Conditions that end the load.
    pub abort_on: Vec<Condition>,
    /// Whether the options ask for load. When they do not and there is no shape: [`crate::NO_LOAD`].
    pub load_given: bool,
}

/// Dests that have a field of their own in a [`Plan`].
const IN_PLAN: [&str; 14] = [
    "load",
    "slo",
    "abort_on",
    "reads",
    "writes",
    "host",
    "num_users",
    "spawn_rate",
    "run_time",
    "stop_timeout",
    "iterations",
    "tags",
    "exclude_tags",
    "user_classes",
];

/// Users that arrivals may keep busy unless it is said how many: those of ten seconds.
fn most_users(peak: f64) -> u64 {
    ((peak * 10.0).ceil() as u64).clamp(100, 20_000)
}

impl Resolved {
    /// Peak number of users, with Locust's headless default; with arrivals, how many there may be.
    pub fn users(&self) -> u64 {
        match &self.schedule {
            Some(schedule) => match schedule.model {
                Model::Users => match self.search.as_ref().and_then(|wish| wish.ceiling) {
                    Some(most) => most as u64,
                    None => schedule.most_users(),
                },
                Model::Arrivals => {
                    self.options
                        .load
                        .max_users
                        .unwrap_or_else(|| match self.search {
                            Some(_) => search::MOST_USERS,
                            None => most_users(schedule.peak()),
                        })
                }
            },
            None => self.options.load.num_users.unwrap_or(1),
        }
    }

    /// Users started per second, with Locust's headless default.
    pub fn spawn_rate(&self) -> f64 {
        self.options.load.spawn_rate.unwrap_or(1.0)
    }

    /// Seconds to run; none when it was not given, or 0, which is Locust's "no limit".
    pub fn run_time(&self) -> Option<f64> {
        if self.search.is_some() {
            return None;
        }
        if let Some(schedule) = &self.schedule {
            return Some(schedule.length_s());
        }
        self.options
            .load
            .run_time
            .filter(|time| time.0 > 0)
            .map(|time| time.0 as f64)
    }

    /// The schedule of the run: as described, or as `-u`, `-r` and `-t` make it. `None` without them, or without an end.
    pub fn described(&self) -> Option<Schedule> {
        if self.schedule.is_some() {
            return self.schedule.clone();
        }
        let (users, length) = (self.options.load.num_users? as f64, self.run_time()?);
        let rise = (users / self.spawn_rate()).min(length);
        let top = users.min(rise * self.spawn_rate());
        let phase = |kind: PhaseKind, from: f64, to: f64, rise_s: f64, length_s: f64| Phase {
            name: kind.as_str().to_owned(),
            kind,
            from,
            to,
            rise_s,
            length_s,
            after: None,
        };
        let mut phases = vec![phase(PhaseKind::Ramp, 0.0, top, rise, rise)];
        if length > rise {
            phases.push(phase(PhaseKind::Hold, top, top, 0.0, length - rise));
        }
        Some(Schedule {
            phases,
            ..Schedule::default()
        })
    }

    /// Name of the run: `--name`, or the stem of the first locustfile.
    pub fn name(&self) -> String {
        let given = self.options.own.name.clone();
        given.unwrap_or_else(|| stem(&self.options.scenario.locustfile))
    }

    /// The locustfiles: the words of `-f`, split at commas.
    pub fn locustfiles(&self) -> Vec<String> {
        split(&self.options.scenario.locustfile)
    }

    /// Flat, as Python gets it: every dest, and `command`, `custom_from_files`, `load_given`, `run_name`, `sources` (texts).
    pub fn to_json(&self) -> Map<String, Value> {
        let mut map = self.dests();
        let custom = self.custom_from_files.iter();
        let custom = custom.map(|(dest, text)| (dest.clone(), Value::from(text.clone())));
        map.insert(
            "custom_from_files".to_owned(),
            Value::Object(custom.collect()),
        );
        let sources = self.sources.iter();
        let sources = sources.map(|(dest, source)| (dest.clone(), Value::from(source.to_string())));
        map.insert("sources".to_owned(), Value::Object(sources.collect()));
        map.insert("command".to_owned(), Value::from(self.command));
        map.insert("load_given".to_owned(), Value::from(self.load_given));
        map.insert("run_name".to_owned(), Value::from(self.name()));
        map
    }

    /// The plan as the manifest keeps it, with secrets taken out, but for the commands of events: they are to be run. Classes are
    /// those named; Python knows all of them, their weights, and the shape.
    pub fn plan(&self) -> Plan {
        let scenario = &self.options.scenario;
        let load = &self.options.load;
        let watching = &self.options.watching;
        let user = |name: &String| PlannedUser {
            name: name.clone(),
            ..PlannedUser::default()
        };
        let (abort_on, abort_on_machine) = condition::apart(self.abort_on.clone());
        Plan {
            command: self.command.to_owned(),
            host: scenario.host.as_deref().map(redact),
            users: self.users(),
            spawn_rate: self.schedule.is_none().then(|| self.spawn_rate()),
            rate: None,
            run_time_s: self.run_time(),
            stop_timeout_s: Some(load.stop_timeout.0 as f64),
            iterations: Some(load.iterations).filter(|count| *count > 0),
            user_classes: scenario.user_classes.iter().map(user).collect(),
            tags: scenario.tags.clone().unwrap_or_default(),
            exclude_tags: scenario.exclude_tags.clone().unwrap_or_default(),
            shape: None,
            schedule: self.schedule.clone(),
            search: self.search.clone(),
            events: self.events.clone(),
            slos: self.slos.clone(),
            abort_on,
            abort_on_machine,
            trace: tracing(
                watching.trace,
                watching.trace_share,
                watching.watch.as_deref().unwrap_or_default(),
            ),
            reads: self.options.goals.reads.clone().unwrap_or_default(),
            writes: self.options.goals.writes.clone().unwrap_or_default(),
            options: self.other_options(),
        }
    }

    /// The options that were given and have no field of their own, as texts.
    fn other_options(&self) -> BTreeMap<String, String> {
        let given = |dest: &String| {
            self.sources
                .get(dest)
                .is_some_and(|source| *source != Source::Default)
        };
        let rest = self
            .dests()
            .into_iter()
            .filter(|(dest, _)| given(dest) && !IN_PLAN.contains(&dest.as_str()));
        rest.map(|(dest, value)| (dest, redact(&text(&value))))
            .collect()
    }

    fn dests(&self) -> Map<String, Value> {
        match serde_json::to_value(&self.options) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

impl AttackOptions {
    /// Most connections. At a rate they are opened when they are needed: few enough would be a closed loop.
    pub fn connections(&self) -> u64 {
        let usual = || {
            self.rate
                .map_or(10, |rate| (rate.ceil() as u64).clamp(100, 5_000))
        };
        self.connections.unwrap_or_else(usual)
    }

    /// The plan as the manifest keeps it, with secrets taken out.
    pub fn plan(&self) -> Plan {
        let mut options = BTreeMap::from([
            ("method".to_owned(), self.method().to_owned()),
            ("timeout".to_owned(), self.timeout.to_string()),
        ]);
        for (name, value) in &self.headers {
            options.insert(
                format!("header {name}"),
                redact(&format!("{name}: {value}")),
            );
        }
        let switches = [
            ("insecure", self.insecure.then(|| "true".to_owned())),
            ("http_proxy", self.http_proxy.as_deref().map(redact)),
        ];
        options.extend(
            switches
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        Plan {
            command: "attack".to_owned(),
            host: Some(redact(&self.url)),
            users: self.connections(),
            rate: self.rate,
            run_time_s: Some(self.time.0 as f64),
            trace: tracing(self.trace, self.trace_share, &self.watch),
            options,
            ..Plan::default()
        }
    }
}

/// How requests are traced: if that was asked for, or a receiver of spans was.
fn tracing(is_asked: bool, share: f64, watch: &[String]) -> Option<Tracing> {
    let is_on = is_asked || watch.iter().any(|word| watching::receives_spans(word));
    is_on.then(|| Tracing {
        share,
        run: fastrand::u32(..),
    })
}

/// A value as it was written: lists are their items, so that redaction sees them unescaped.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Names between commas.
pub(crate) fn split(word: &str) -> Vec<String> {
    let names = word
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn stem(locustfile: &str) -> String {
    let first = locustfile.split(',').next().unwrap_or_default().trim();
    let path = first.split(['?', '#']).next().unwrap_or(first);
    let stem = Path::new(path)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty() && stem != "-")
        .unwrap_or_else(|| "run".to_owned())
}
