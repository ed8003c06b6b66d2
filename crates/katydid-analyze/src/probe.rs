//! What a probe found: how often each endpoint runs which statement, by the growth of counters between two looks.
//!
//! Each request lies alone between two looks, so what grew there is its own, but for what the target does by itself: that is seen while
//! nothing is asked, and taken off.

use std::collections::BTreeMap;

use katydid_record::probe::{
    Background, Pass, ProbeSummary, Probed, ProbedBeside, ProbedCold, ProbedCommand,
    ProbedEndpoint, ProbedEver, ProbedOther, ProbedRuns, ProbedStatement,
};
use katydid_record::timeline::{Series, Subject};
use katydid_record::{RunTime, Timeline};

use crate::experiment;
use crate::numbers::median;

/// The topic of the fact that carries what an earlier probe found.
pub const FACT: &str = "probe";
/// The topic of the facts that say which keys were deleted before bursts of an endpoint.
pub const COLD: &str = "cold";
/// Requests of an endpoint that are enough to tell calls per request.
pub const ENOUGH: u64 = 3;
/// Calls that half of the requests or more have are what a request makes.
const MODE: f64 = 0.5;
/// Of two counts that grow together: their correlation, at least.
const TOGETHER: f64 = 0.9;
/// Different sizes from which growth is told.
const SIZES: usize = 3;
/// A statement that ran less often than this per request, and also while nothing was asked, is the target's own.
const OWN: f64 = 0.5;

/// Commands that clients make for themselves, and katydid's own.
const OF_CLIENTS: [&str; 5] = ["info", "ping", "client", "hello", "select"];

/// How often something runs by itself.
type PerSecond<'a> = &'a dyn Fn(&str, &Grown<'_>) -> f64;

/// By window, and by statement or command.
type Grown<'a> = BTreeMap<usize, BTreeMap<&'a str, [f64; 4]>>;

/// What was seen between two looks.
pub(crate) struct Window<'a> {
    from: RunTime,
    until: RunTime,
    pub probed: &'a Probed,
}

impl Window<'_> {
    fn slowest_ms(&self) -> f64 {
        self.probed
            .took_us
            .iter()
            .max()
            .map_or(0.0, |us| *us as f64 / 1e3)
    }

    fn requests(&self) -> f64 {
        self.probed.took_us.len().max(1) as f64
    }
}

/// What a probe found in this run, or in one before it; `None` where there was none.
pub fn probe(timeline: &Timeline) -> Option<ProbeSummary> {
    if timeline.probes.is_empty() {
        let facts = timeline.facts.values();
        let mut told = facts.filter(|fact| fact.topic == FACT);
        return serde_json::from_str(&told.next()?.text).ok();
    }
    let windows = windows(timeline, |probed| probed.arm.is_none());
    let subjects = || timeline.target.subjects.values();
    let databases: Vec<&Subject> = databases(timeline).collect();
    let caches: Vec<&Subject> = subjects()
        .filter(|subject| subject.watched.kind == "redis")
        .collect();
    let mut statements = Grown::new();
    for database in &databases {
        let columns = [
            ["statement.calls"].as_slice(),
            &["statement.rows"],
            &["statement.blocks_hit", "statement.blocks_read"],
            &["statement.time"],
        ];
        for (column, names) in columns.iter().enumerate() {
            for name in *names {
                add(
                    &mut statements,
                    &windows,
                    database,
                    (name, "statement"),
                    column,
                );
            }
        }
    }
    let mut commands = Grown::new();
    for cache in &caches {
        add(
            &mut commands,
            &windows,
            cache,
            ("command.calls", "command"),
            0,
        );
    }
    let text = |id: &str| {
        let mut texts = databases.iter().filter_map(|of| of.fact("statement", id));
        texts.next().unwrap_or_default().to_owned()
    };
    let mut cpu = Grown::new();
    for process in subjects() {
        if let Some(series) = process.plain("process.cpu.all") {
            for (window, by) in by_window(process, series, &windows) {
                cpu.entry(window).or_default().entry("").or_default()[0] += by;
            }
        }
    }
    let all = All {
        cpu: &cpu,
        windows: &windows,
        statements: &statements,
        commands: &commands,
        caches: &caches,
        counts: (!databases.is_empty(), !caches.is_empty()),
        text: &text,
        cold: &cold_facts(timeline),
    };
    Some(ProbeSummary {
        experiments: experiment::experiments(timeline),
        ..all.summary()
    })
}

/// What was told of the keys that were deleted, by endpoint.
fn cold_facts(timeline: &Timeline) -> BTreeMap<String, ProbedCold> {
    let facts = timeline.facts.values().filter(|fact| fact.topic == COLD);
    facts
        .filter_map(|fact| Some((fact.subject.clone(), serde_json::from_str(&fact.text).ok()?)))
        .collect()
}

/// What was asked, and when, in the order of time.
pub(crate) fn windows(timeline: &Timeline, is_wanted: impl Fn(&Probed) -> bool) -> Vec<Window<'_>> {
    let all = timeline.probes.iter();
    let wanted = all.filter(|(_, (_, probed))| is_wanted(probed));
    wanted
        .map(|(from, (until, probed))| Window {
            from: *from,
            until: *until,
            probed,
        })
        .collect()
}

/// Those that count statements.
pub(crate) fn databases(timeline: &Timeline) -> impl Iterator<Item = &Subject> {
    let subjects = timeline.target.subjects.values();
    subjects.filter(|subject| subject.plain("statements.calls").is_some())
}

fn add<'a>(
    grown: &mut Grown<'a>,
    windows: &[Window<'_>],
    subject: &'a Subject,
    (name, label): (&'a str, &str),
    column: usize,
) {
    for (labels, series) in subject.named(name) {
        let Some(what) = labels.get(label) else {
            continue;
        };
        for (window, by) in by_window(subject, series, windows) {
            let row = grown.entry(window).or_default();
            row.entry(what.as_str()).or_default()[column] += by;
        }
    }
}

/// What a counter grew by in each window. What it grew by from one look to the next belongs to the window that its middle lies in.
pub(crate) fn by_window<'a>(
    subject: &'a Subject,
    series: &'a Series,
    windows: &'a [Window<'_>],
) -> impl Iterator<Item = (usize, f64)> + 'a {
    subject.growths(series).filter_map(|growth| {
        let by = growth.by.filter(|by| *by > 0.0)?;
        let middle = u64::midpoint(growth.from, growth.until);
        let after = windows.partition_point(|window| window.from <= middle);
        let window = after.checked_sub(1)?;
        (middle < windows[window].until).then_some((window, by))
    })
}

struct All<'a> {
    /// Processor time of the target's processes, s.
    cpu: &'a Grown<'a>,
    windows: &'a [Window<'a>],
    statements: &'a Grown<'a>,
    commands: &'a Grown<'a>,
    caches: &'a [&'a Subject],
    /// Whether statements, and whether commands are counted.
    counts: (bool, bool),
    text: &'a dyn Fn(&str) -> String,
    /// What is known of deleted keys, by endpoint.
    cold: &'a BTreeMap<String, ProbedCold>,
}

impl All<'_> {
    fn summary(&self) -> ProbeSummary {
        let idle = self.numbers(|window| window.probed.pass == Pass::Idle);
        let idle_s: f64 = idle
            .iter()
            .map(|of| (self.windows[*of].until - self.windows[*of].from) as f64 / 1e6)
            .sum();
        let per_second = |id: &str, grown: &Grown<'_>| {
            let calls: f64 = idle.iter().map(|of| value(grown, *of, id, 0)).sum();
            if idle_s > 0.0 { calls / idle_s } else { 0.0 }
        };
        let mut names: Vec<(&str, &str)> = Vec::new();
        for window in self.windows {
            let name = (window.probed.method.as_str(), window.probed.name.as_str());
            if window.probed.pass != Pass::Idle && !names.contains(&name) {
                names.push(name);
            }
        }
        let mut background: Vec<Background> = ids(self.statements, &idle)
            .into_iter()
            .map(|id| Background {
                text: (self.text)(id),
                per_second: per_second(id, self.statements),
            })
            .collect();
        background.sort_by(|a, b| b.per_second.total_cmp(&a.per_second));
        ProbeSummary {
            endpoints: names
                .into_iter()
                .map(|name| self.endpoint(name, &per_second))
                .collect(),
            idle_s,
            background,
            experiments: Vec::new(),
        }
    }

    fn numbers(&self, wanted: impl Fn(&Window<'_>) -> bool) -> Vec<usize> {
        let all = self.windows.iter().enumerate();
        all.filter(|(_, window)| wanted(window))
            .map(|(number, _)| number)
            .collect()
    }

    fn endpoint(&self, (method, name): (&str, &str), per_second: PerSecond<'_>) -> ProbedEndpoint {
        let mine = |window: &Window<'_>| {
            (window.probed.method.as_str(), window.probed.name.as_str()) == (method, name)
        };
        let of = |pass: Pass| {
            self.numbers(|window| {
                mine(window) && window.probed.pass == pass && window.probed.failed == 0
            })
        };
        let (first, again, together) = (of(Pass::First), of(Pass::Again), of(Pass::Together));
        let took = |windows: &[usize]| median(self.took(windows));
        // One alone is better than none.
        let counted = if again.is_empty() { &first } else { &again };
        let statements = self.statements_of(counted, &together, per_second);
        let by_command = self.commands_of(counted, per_second);
        let has = !counted.is_empty();
        let sum = |of: &dyn Fn(&ProbedStatement) -> f64| {
            (self.counts.0 && has).then(|| statements.iter().map(of).sum::<f64>())
        };
        let cached = |name: &str| (self.counts.1 && has).then(|| self.per_request(counted, name));
        let alone = self.numbers(|window| {
            mine(window) && matches!(window.probed.pass, Pass::First | Pass::Again)
        });
        let alone_well = [first.as_slice(), again.as_slice()].concat();
        let at_once = together.iter().map(|of| &self.windows[*of].probed.took_us);
        ProbedEndpoint {
            method: method.to_owned(),
            name: name.to_owned(),
            requests: alone.len() as u64,
            failed: self
                .windows
                .iter()
                .filter(|window| mine(window))
                .map(|window| u64::from(window.probed.failed))
                .sum(),
            first_ms: took(&first),
            median_ms: took(&again),
            together_ms: took(&together),
            slowest_together_ms: median(
                together
                    .iter()
                    .map(|of| self.windows[*of].slowest_ms())
                    .collect(),
            ),
            together_cpu: self.cores(&together),
            together_same: self.all_same(&together),
            beside: self.beside((method, name), &of(Pass::Beside)),
            other: self.other(&of(Pass::Other), per_second),
            cold: self.cold((method, name), &of(Pass::Cold)),
            alone_cpu: self.cores(counted),
            ever: self.ever(&alone_well, per_second),
            over_s: self.over(&alone_well),
            together: at_once.map(Vec::len).max().unwrap_or(0) as u32,
            entries: median(counted.iter().filter_map(|of| self.entries(*of)).collect()),
            queries: sum(&|of| of.per_request),
            first_queries: (self.counts.0 && !first.is_empty())
                .then(|| self.queries(&first, per_second)),
            rows: sum(&|of| of.per_request * of.rows),
            blocks: sum(&|of| of.per_request * of.blocks),
            database_ms: sum(&|of| of.per_request * of.ms),
            commands: (self.counts.1 && has)
                .then(|| by_command.iter().map(|of| of.per_request).sum()),
            hits: cached("keyspace.hits"),
            misses: cached("keyspace.misses"),
            new_keys: (self.counts.1 && has).then(|| self.new_keys(counted)),
            statements,
            by_command,
        }
    }

    /// Processors that the target used while requests of these windows were on their way.
    fn cores(&self, windows: &[usize]) -> Option<f64> {
        let took: f64 = windows
            .iter()
            .map(|of| self.windows[*of].slowest_ms() / 1e3)
            .sum();
        let spent: f64 = values(self.cpu, windows, "", 0).iter().sum();
        (!self.cpu.is_empty() && took > 0.0).then(|| spent / took)
    }

    fn all_same(&self, windows: &[usize]) -> Option<bool> {
        let same: Vec<bool> = windows
            .iter()
            .filter_map(|of| self.windows[*of].probed.same)
            .collect();
        (!same.is_empty()).then(|| same.iter().all(|same| *same))
    }

    /// What was asked beside bursts of this endpoint.
    fn beside(&self, of: (&str, &str), windows: &[usize]) -> Option<ProbedBeside> {
        let (method, name) = self.windows[*windows.first()?].probed.beside.clone()?;
        let alone = self.numbers(|window| {
            window.probed.pass == Pass::Again
                && window.probed.failed == 0
                && (&window.probed.method, &window.probed.name) == (&method, &name)
        });
        if (method.as_str(), name.as_str()) == of {
            return None;
        }
        Some(ProbedBeside {
            endpoint: format!("{method} {name}"),
            alone_ms: median(self.took(&alone))?,
            beside_ms: median(self.took(windows))?,
            one_session: windows
                .iter()
                .any(|of| self.windows[*of].probed.one_session),
        })
    }

    fn other(&self, windows: &[usize], per_second: PerSecond<'_>) -> Option<ProbedOther> {
        let same = |of: &&usize| self.windows[**of].probed.same == Some(true);
        (!windows.is_empty()).then(|| ProbedOther {
            tries: windows.len() as u64,
            same: windows.iter().filter(same).count() as u64,
            queries: self.counts.0.then(|| self.queries(windows, per_second)),
        })
    }

    /// Bursts of requests after what they are answered from was deleted.
    fn cold(&self, of: (&str, &str), windows: &[usize]) -> Option<ProbedCold> {
        let told = self.cold.get(&format!("{} {}", of.0, of.1))?.clone();
        let (alone, bursts): (Vec<usize>, Vec<usize>) = windows
            .iter()
            .partition(|of| self.windows[**of].probed.took_us.len() == 1);
        let each_ms = |id: &str, windows: &[usize]| {
            let calls: f64 = values(self.statements, windows, id, 0).iter().sum();
            let seconds: f64 = values(self.statements, windows, id, 3).iter().sum();
            seconds * 1e3 / calls.max(1.0)
        };
        let runs = |id: &str| {
            let calls = values(self.statements, &bursts, id, 0);
            ProbedRuns {
                text: (self.text)(id),
                least: calls.iter().copied().fold(f64::INFINITY, f64::min),
                most: calls.iter().copied().fold(0.0, f64::max),
                alone_ms: each_ms(id, &alone),
                ms: each_ms(id, &bursts),
            }
        };
        let mut statements: Vec<ProbedRuns> = ids(self.statements, &bursts)
            .into_iter()
            .map(runs)
            .filter(|of| !is_no_query(&of.text))
            .collect();
        statements.sort_by(|a, b| (b.ms * b.most).total_cmp(&(a.ms * a.most)));
        let slowest = bursts.iter().map(|of| self.windows[*of].slowest_ms());
        let at_once = bursts
            .iter()
            .map(|of| self.windows[*of].probed.took_us.len());
        Some(ProbedCold {
            requests: at_once.min().unwrap_or(0) as u32,
            bursts: bursts.len() as u32,
            slowest_ms: median(slowest.collect()).unwrap_or_default(),
            statements,
            ..told
        })
    }

    /// All statements that ran in these windows.
    fn ever(&self, windows: &[usize], per_second: PerSecond<'_>) -> Vec<ProbedEver> {
        let told = ids(self.statements, windows)
            .into_iter()
            .filter(|id| per_second(id, self.statements) <= 0.0)
            .map(|id| ProbedEver {
                text: (self.text)(id),
                calls: values(self.statements, windows, id, 0).iter().sum(),
            });
        let mut ever: Vec<ProbedEver> = told.filter(|of| !is_no_query(&of.text)).collect();
        ever.sort_by(|a, b| a.text.cmp(&b.text));
        ever
    }

    /// From the first of these windows to the last, s.
    fn over(&self, windows: &[usize]) -> f64 {
        let from = windows.iter().map(|of| self.windows[*of].from).min();
        let until = windows.iter().map(|of| self.windows[*of].until).max();
        from.zip(until)
            .map_or(0.0, |(from, until)| (until - from) as f64 / 1e6)
    }

    fn entries(&self, window: usize) -> Option<f64> {
        self.windows[window].probed.entries.map(f64::from)
    }

    fn statements_of(
        &self,
        windows: &[usize],
        together: &[usize],
        per_second: PerSecond<'_>,
    ) -> Vec<ProbedStatement> {
        let sizes: Option<Vec<f64>> = windows.iter().map(|of| self.entries(*of)).collect();
        let took = self.took(windows);
        let at_once: f64 = together.iter().map(|of| self.windows[*of].requests()).sum();
        let of_id = |id: &str| {
            let text = (self.text)(id);
            let own = per_second(id, self.statements);
            let counts = values(self.statements, windows, id, 0);
            let usual = self.usual(windows, &counts, own);
            if is_no_query(&text) || usual <= 0.0 || (own > 0.0 && usual < OWN) {
                return None;
            }
            let calls: f64 = counts.iter().sum();
            let each = |column: usize| {
                values(self.statements, windows, id, column)
                    .iter()
                    .sum::<f64>()
                    / calls.max(1.0)
            };
            Some(ProbedStatement {
                id: id.to_owned(),
                text,
                per_request: usual,
                least: counts.iter().copied().fold(f64::INFINITY, f64::min),
                most: counts.iter().copied().fold(0.0, f64::max),
                rows: each(1),
                blocks: each(2),
                ms: each(3) * 1e3,
                request_ms: line(&counts, &took).filter(|ms| *ms > 0.0),
                per_entry: sizes.as_ref().and_then(|sizes| line(sizes, &counts)),
                together: (at_once > 0.0).then(|| {
                    values(self.statements, together, id, 0).iter().sum::<f64>() / at_once
                }),
            })
        };
        let ids = ids(self.statements, windows);
        let mut statements: Vec<ProbedStatement> = ids.into_iter().filter_map(of_id).collect();
        statements.sort_by(|a, b| {
            (b.per_request * b.ms)
                .total_cmp(&(a.per_request * a.ms))
                .then_with(|| a.id.cmp(&b.id))
        });
        statements
    }

    fn commands_of(&self, windows: &[usize], per_second: PerSecond<'_>) -> Vec<ProbedCommand> {
        let ids = ids(self.commands, windows);
        let asked = ids.into_iter().filter(|name| !OF_CLIENTS.contains(name));
        let mut commands: Vec<ProbedCommand> = asked
            .map(|name| {
                let counts = values(self.commands, windows, name, 0);
                ProbedCommand {
                    name: name.to_uppercase(),
                    per_request: self.usual(windows, &counts, per_second(name, self.commands)),
                }
            })
            .filter(|command| command.per_request > 0.01)
            .collect();
        commands.sort_by(|a, b| {
            b.per_request
                .total_cmp(&a.per_request)
                .then_with(|| a.name.cmp(&b.name))
        });
        commands
    }

    /// Queries of a request, whatever the others have.
    fn queries(&self, windows: &[usize], per_second: PerSecond<'_>) -> f64 {
        let asked = ids(self.statements, windows)
            .into_iter()
            .filter(|id| per_second(id, self.statements) <= 0.0 && !is_no_query(&(self.text)(id)));
        let all = asked.map(|id| values(self.statements, windows, id, 0).iter().sum::<f64>());
        all.fold(0.0, |sum, calls| sum + calls) / windows.len().max(1) as f64
    }

    /// Times of the requests, ms.
    fn took(&self, windows: &[usize]) -> Vec<f64> {
        let all = windows.iter();
        let all = all.flat_map(|of| &self.windows[*of].probed.took_us);
        all.map(|us| *us as f64 / 1e3).collect()
    }

    /// Calls of a request: what half of the requests or more have; else their mean, without what the target does by itself.
    fn usual(&self, windows: &[usize], counts: &[f64], own: f64) -> f64 {
        let mut sorted = counts.to_vec();
        sorted.sort_by(f64::total_cmp);
        let runs = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq());
        let mode = runs.max_by_key(|run| run.len());
        if let Some(run) = mode
            && run.len() as f64 >= MODE * counts.len() as f64
            && (run[0] > 0.0 || own > 0.0)
        {
            return run[0];
        }
        let seconds: f64 = windows
            .iter()
            .map(|of| (self.windows[*of].until - self.windows[*of].from) as f64 / 1e6)
            .sum();
        let calls: f64 = counts.iter().sum();
        ((calls - own * seconds) / counts.len().max(1) as f64).max(0.0)
    }

    /// Of all caches, a counter's growth by a request.
    fn per_request(&self, windows: &[usize], name: &str) -> f64 {
        let series = self
            .caches
            .iter()
            .filter_map(|of| Some((of, of.plain(name)?)));
        let grown = series.flat_map(|(of, series)| by_window(of, series, self.windows));
        let all: f64 = grown
            .filter(|(window, _)| windows.contains(window))
            .map(|(_, by)| by)
            // Of nothing `sum` would make -0.
            .fold(0.0, |all, by| all + by);
        all / windows.len().max(1) as f64
    }

    fn new_keys(&self, windows: &[usize]) -> f64 {
        let series = self
            .caches
            .iter()
            .flat_map(|cache| cache.named("keys").map(|(_, series)| series));
        let all: f64 = series
            .flat_map(|series| windows.iter().map(|of| self.risen(series, *of)))
            .sum();
        all / windows.len().max(1) as f64
    }

    /// By how much a level rose in a window: the looks at its edges lie before its beginning and before its end.
    fn risen(&self, series: &Series, window: usize) -> f64 {
        let Window { from, until, .. } = self.windows[window];
        let points = series.points();
        let before = points.partition_point(|(at, _)| *at <= from);
        let after = points.partition_point(|(at, _)| *at <= until);
        match (before.checked_sub(1), after.checked_sub(1)) {
            (Some(before), Some(after)) => points[after].1 - points[before].1,
            // It had no keys before.
            (None, Some(after)) => points[after].1,
            _ => 0.0,
        }
    }
}

fn ids<'g>(grown: &'g Grown<'_>, windows: &[usize]) -> Vec<&'g str> {
    let rows = windows.iter().filter_map(|of| grown.get(of));
    let mut ids: Vec<&str> = rows.flat_map(|row| row.keys().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn values(grown: &Grown<'_>, windows: &[usize], id: &str, column: usize) -> Vec<f64> {
    let all = windows.iter();
    all.map(|of| value(grown, *of, id, column)).collect()
}

fn value(grown: &Grown<'_>, window: usize, id: &str, column: usize) -> f64 {
    let row = grown.get(&window).and_then(|row| row.get(id));
    row.map_or(0.0, |values| values[column])
}

/// Begins or ends transactions, settles something of the session, or is the server's own: no query of the endpoint's code.
fn is_no_query(text: &str) -> bool {
    let first = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    let first = first.unwrap_or_default().to_ascii_uppercase();
    [
        "BEGIN",
        "START",
        "COMMIT",
        "ROLLBACK",
        "END",
        "SAVEPOINT",
        "RELEASE",
        "SET",
        "RESET",
        "SHOW",
        "DISCARD",
        "DEALLOCATE",
        "PREPARE",
    ]
    .contains(&first.as_str())
        // What the server asks itself for a foreign key.
        || (text.starts_with("SELECT $1 FROM ONLY ") && text.contains(" FOR KEY SHARE OF "))
}

/// By how much the second grows with the first, by least squares, where they grow together.
fn line(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let mut sizes = xs.to_vec();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    if sizes.len() < SIZES {
        return None;
    }
    let count = xs.len() as f64;
    let (mean_x, mean_y) = (
        xs.iter().sum::<f64>() / count,
        ys.iter().sum::<f64>() / count,
    );
    let pairs = xs.iter().zip(ys).map(|(x, y)| (x - mean_x, y - mean_y));
    let (xy, xx, yy) = pairs.fold((0.0, 0.0, 0.0), |(xy, xx, yy), (x, y)| {
        (xy + x * y, xx + x * x, yy + y * y)
    });
    (yy > 0.0 && xy / (xx * yy).sqrt() >= TOGETHER).then(|| xy / xx)
}

#[cfg(test)]
mod tests;
