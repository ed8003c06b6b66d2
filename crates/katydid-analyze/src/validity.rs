//! Was it the target, or the generator? The thresholds change only together with the committed table of healthy and starved
//! runs (`bench/validity.md`).

use katydid_record::histogram::Histogram;
use katydid_record::summary::GeneratorSummary;
use katydid_record::timeline::{GeneratorSums, GeneratorTotals, Generators};
use katydid_record::{Endpoint, Kind, PhaseKind, PhaseTotals, Plan, Timeline};

/// Lag that is always allowed, ms.
pub const LAG_FLOOR_MS: f64 = 5.0;
/// Lag allowed as a share of the median response.
pub const LAG_SHARE: f64 = 0.10;
/// Missed slots allowed as a share of all slots.
pub const MISSED_SHARE: f64 = 0.005;
/// Share of one core at which a thread counts as saturated.
pub const BUSY_SHARE: f64 = 0.90;
/// Steal over the whole machine worth a warning.
pub const STEAL_SHARE: f64 = 0.05;
/// How sure it must be that p99 of a lag is over its limit. Less is a warning.
pub const CONFIDENCE: f64 = 0.95;
/// Samples that a lag percentile needs.
const ENOUGH: u64 = 20;
/// Measured time below which shares of a core say nothing, µs.
const ENOUGH_TIME_US: u64 = 900_000;

/// The generator's health over a run. It kept up if it did so over all of it and in each phase but ramps: a short spike would
/// drown in a long hold.
pub fn of_run(timeline: &Timeline, total: &Endpoint) -> GeneratorSummary {
    let flows = timeline.endpoints.iter();
    let flows = flows.filter(|(key, _)| key.kind == Kind::Flow);
    let mut arrivals = Arrivals::default();
    flows.for_each(|(_, e)| arrivals.add(e.ended() + e.aborted + e.blocked, e.missed));
    let mut summary = judge(&timeline.generators, total, &arrivals);
    for phase in timeline.phases.values().filter(|phase| is_judged(phase)) {
        let health = of_phase(phase);
        let reasons = health.reasons.into_iter();
        let reasons = reasons.map(|reason| format!("In phase {}: {reason}", phase.name));
        summary.reasons.extend(reasons);
    }
    summary.valid = summary.reasons.is_empty();
    summary
}

/// The same, but a search leaves out the steps in which the generator did not keep up: they invalidate nothing of the rest.
pub fn of_plan(timeline: &Timeline, plan: &Plan, total: &Endpoint) -> GeneratorSummary {
    let mut summary = of_run(timeline, total);
    if plan.search.is_some() && !summary.valid {
        let reasons = std::mem::take(&mut summary.reasons);
        let more = match reasons.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let first = reasons.into_iter().next().unwrap_or_default();
        summary.warnings.push(format!(
            "{first}{more} Steps in which that could matter for an objective do not count."
        ));
        summary.valid = true;
    }
    summary
}

/// Whether the generator kept up in a step of a search, of which only the share of requests over a limit is used: no more than `share` of them
/// may be bad because of the generator. That is less strict than the rule for runs where the limit is long.
pub fn of_step(phase: &PhaseTotals, limit_ms: f64, share: f64) -> bool {
    let health = of_phase(phase);
    let totals = phase.generators.together();
    let sums = that_count(&totals);
    let allowed_us = (1e3 * LAG_FLOOR_MS.max(LAG_SHARE * limit_ms)) as u64;
    let is_late = |lags: &Histogram| {
        let late = lags.to_sparse().count_above(allowed_us);
        lags.count() >= ENOUGH && late as f64 > share * lags.count() as f64
    };
    let is_busy = |busy: Option<f64>| busy.is_some_and(|busy| busy >= BUSY_SHARE);
    let late = [&sums.lag, &sums.hub_lag, &sums.io_lag];
    let total = Endpoint::of(&phase.total());
    let missed = missed(&total, &arrivals(phase));
    !late.into_iter().any(is_late)
        && !is_busy(health.hub_busy_share)
        && !is_busy(health.io_busy_share)
        && missed.is_none()
        && totals.whole().held_back as f64 <= share * total.ended() as f64
}

/// The generator's health in one phase.
pub fn of_phase(phase: &PhaseTotals) -> GeneratorSummary {
    let total = Endpoint::of(&phase.total());
    judge(&phase.generators, &total, &arrivals(phase))
}

fn arrivals(phase: &PhaseTotals) -> Arrivals {
    let flows = phase.endpoints.iter();
    let flows = flows.filter(|(key, _)| key.kind == Kind::Flow);
    let mut arrivals = Arrivals::default();
    let counts = flows.map(|(_, totals)| &totals.counts);
    counts.for_each(|w| arrivals.add(w.ok + w.failed + w.aborted + w.blocked, w.missed));
    arrivals
}

/// Whether a phase's numbers stand for something: those of a ramp mix levels.
pub fn is_judged(phase: &PhaseTotals) -> bool {
    phase.kind != PhaseKind::Ramp.as_str()
}

/// The generator's health and whether it kept up: each process that made requests, and all together with the arrivals.
fn judge(generators: &Generators, total: &Endpoint, arrivals: &Arrivals) -> GeneratorSummary {
    let whole = generators.together();
    let mut summary = health(&whole, total);
    if generators.processes.len() > 1 {
        judge_workers(&mut summary, generators, total);
    }
    summary.reasons.extend(missed(total, arrivals));
    if let Some(percent) = stolen(&summary) {
        summary.warnings.push(format!(
            "The hypervisor took {percent:.0} % of this machine's processor time."
        ));
    }
    let held_back = whole.whole().held_back;
    if held_back > 0 {
        summary.warnings.push(format!(
            "--max-rate held {held_back} of {} requests back: there was less load than the plan asked for.",
            total.ended() + total.aborted
        ));
    }
    if whole.whole().windows == 0 {
        summary.warnings.push(
            "The generator's own health was not observed; nothing vouches for these numbers."
                .into(),
        );
    }
    summary.valid = summary.reasons.is_empty();
    summary
}

/// Each worker has to keep up: one that is late drowns among the others. Their parent makes no requests, so only its CPU time and
/// memory count. Shares of a core are those of the busiest.
fn judge_workers(summary: &mut GeneratorSummary, generators: &Generators, total: &Endpoint) {
    let mut workers = generators.clone();
    workers.processes.remove(&0);
    let (processor_us, memory) = (summary.cpu_us_per_request, summary.rss_max_bytes);
    *summary = health(&workers.together(), total);
    (summary.cpu_us_per_request, summary.rss_max_bytes) = (processor_us, memory);
    (summary.reasons, summary.warnings) = (Vec::new(), Vec::new());
    (summary.hub_busy_share, summary.io_busy_share) = (None, None);
    summary.run_queue_wait_share = None;
    for (number, totals) in &workers.processes {
        let own = health(totals, total);
        let named = |text: String| format!("Worker {}: {text}", number - 1);
        summary.reasons.extend(own.reasons.into_iter().map(named));
        summary.warnings.extend(own.warnings.into_iter().map(named));
        summary.no_wait |= own.no_wait;
        summary.hub_busy_share = larger(summary.hub_busy_share, own.hub_busy_share);
        summary.io_busy_share = larger(summary.io_busy_share, own.io_busy_share);
        summary.run_queue_wait_share =
            larger(summary.run_queue_wait_share, own.run_queue_wait_share);
    }
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    if b > a { b } else { a }
}

/// The first second is left out where there is more: connections are opened and code is loaded then.
fn that_count(totals: &GeneratorTotals) -> GeneratorSums {
    if totals.steady.windows >= 2 {
        totals.steady.clone()
    } else {
        totals.whole()
    }
}

/// How late and how busy a process was, and what follows from that.
fn health(totals: &GeneratorTotals, total: &Endpoint) -> GeneratorSummary {
    let sums = that_count(totals);
    let share = |us: u64, of_us: u64| (of_us > 0).then(|| us as f64 / of_us as f64);
    let machine_us = sums.covered_us * u64::from(totals.processors.max(1));
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1e3);
    let whole = totals.whole();
    let mut summary = GeneratorSummary {
        valid: true,
        reasons: Vec::new(),
        warnings: Vec::new(),
        cpu_us_per_request: share(whole.process_cpu_us, total.ended())
            .filter(|_| whole.windows > 0),
        lag_p50_ms: ms(sums.lag.quantile_us(0.5)),
        lag_p99_ms: ms(sums.lag.quantile_us(0.99)),
        lag_max_ms: ms(sums.lag.max_us()),
        hub_lag_p99_ms: ms(sums.hub_lag.quantile_us(0.99)),
        io_lag_p99_ms: ms(sums.io_lag.quantile_us(0.99)),
        hub_busy_share: share(sums.hub_cpu_us, sums.covered_us)
            .filter(|_| sums.hub_lag.count() > 0),
        io_busy_share: share(sums.io_cpu_us, sums.covered_us),
        run_queue_wait_share: share(sums.run_queue_wait_us, sums.covered_us),
        steal_share: share(sums.steal_us, machine_us),
        machine_busy_share: share(sums.machine_busy_us, machine_us),
        rss_max_bytes: (totals.rss_max_bytes > 0).then_some(totals.rss_max_bytes),
        connections_opened: totals.connections_opened,
        connections_replaced: totals.connections_replaced,
        no_wait: 2 * sums.no_wait_windows > sums.windows,
    };
    judge_lag(&mut summary, total, &sums);
    if sums.covered_us >= ENOUGH_TIME_US {
        judge_cores(&mut summary);
    }
    summary
}

/// What the hypervisor took of the machine, in percent, if that is worth a word.
fn stolen(summary: &GeneratorSummary) -> Option<f64> {
    let steal = summary.steal_share.filter(|steal| *steal >= STEAL_SHARE);
    steal.map(|steal| steal * 100.0)
}

fn judge_lag(summary: &mut GeneratorSummary, total: &Endpoint, sums: &GeneratorSums) {
    let median_ms = total.from_send.quantile_us(0.5).unwrap_or(0) as f64 / 1e3;
    let limit = LAG_FLOOR_MS.max(LAG_SHARE * median_ms);
    let stolen = stolen(summary).map(|percent| {
        format!(
            "Meanwhile the hypervisor took {percent:.0} % of the processors' time: use a machine whose processors are its own."
        )
    });
    if let Some(late) = Late::over(limit, &sums.lag) {
        let text = format!(
            "Requests were taken up late: lag p99 is {:.1} ms, allowed are {limit:.1} ms. {}",
            late.p99_ms,
            stolen
                .as_deref()
                .unwrap_or("Use fewer users, a machine with free cores, or lighter tasks.")
        );
        say(summary, late.sure, text);
    }
    let mut explained = 0.0;
    if let Some(late) = Late::over(limit, &sums.io_lag) {
        let text = format!(
            "The I/O thread was late: p99 is {:.1} ms, allowed are {limit:.1} ms. {}",
            late.p99_ms,
            stolen.as_deref().unwrap_or(
                "The process was stopped, or had too little of the machine: use a machine with free cores, or fewer users."
            )
        );
        let invalid = late.sure && !asked_for(summary, summary.io_busy_share);
        if invalid {
            explained = late.p99_ms;
        }
        say(summary, invalid, text);
    }
    // What the I/O thread is late, the scenario's loop is too: it gets its ticks from there.
    if let Some(late) =
        Late::over(limit, &sums.hub_lag).filter(|late| late.p99_ms > explained + limit)
    {
        let text = format!(
            "The scenario's event loop was late: p99 is {:.1} ms, allowed are {limit:.1} ms. {}",
            late.p99_ms,
            stolen.as_deref().unwrap_or(
                "Tasks that compute or block hold all users up, and so does a machine without free cores; make them lighter or use fewer users."
            )
        );
        let invalid = late.sure && !asked_for(summary, summary.hub_busy_share);
        say(summary, invalid, text);
    }
}

/// A p99 over its limit.
struct Late {
    p99_ms: f64,
    /// Also over it with [`CONFIDENCE`].
    sure: bool,
}

impl Late {
    fn over(limit_ms: f64, lags: &Histogram) -> Option<Self> {
        let n = lags.count();
        let ms = |us: u64| us as f64 / 1e3;
        let p99_ms = ms(lags.quantile_us(0.99)?);
        let surely_ms = ms(lags.value_at_rank_us(surely_below_p99(n))?);
        (n >= ENOUGH && p99_ms > limit_ms).then_some(Self {
            p99_ms,
            sure: surely_ms > limit_ms,
        })
    }
}

/// The highest rank among `n` samples whose value lies below the true p99 with [`CONFIDENCE`]: by the exact binomial
/// distribution of how many samples exceed p99, by the normal one where there are many.
fn surely_below_p99(n: u64) -> u64 {
    let share = 0.01;
    if n > 10_000 {
        // 1.645: the normal distribution's quantile for CONFIDENCE.
        let spread = (n as f64 * share * (1.0 - share)).sqrt();
        return n - (n as f64 * share + 1.645 * spread).ceil() as u64;
    }
    let mut probability = (1.0 - share).powf(n as f64);
    let (mut fewer, mut exceeding) = (0.0, 0);
    while 1.0 - fewer > 1.0 - CONFIDENCE {
        fewer += probability;
        probability *= (n - exceeding) as f64 / (exceeding + 1) as f64 * share / (1.0 - share);
        exceeding += 1;
    }
    n + 1 - exceeding
}

/// Users that never wait fill a thread by themselves; one that is late without being full was held up by others.
fn asked_for(summary: &GeneratorSummary, busy: Option<f64>) -> bool {
    summary.no_wait && busy.is_some_and(|share| share >= BUSY_SHARE)
}

fn say(summary: &mut GeneratorSummary, invalid: bool, text: String) {
    if invalid {
        summary.reasons.push(text);
    } else {
        summary.warnings.push(text);
    }
}

/// Arrivals, each of which may be many requests.
#[derive(Default)]
struct Arrivals {
    all: u64,
    missed: u64,
}

impl Arrivals {
    fn add(&mut self, others: u64, missed: u64) {
        self.all += others + missed;
        self.missed += missed;
    }
}

/// What to say if too many slots were missed.
fn missed(total: &Endpoint, arrivals: &Arrivals) -> Option<String> {
    let is_much = |missed: u64, all: u64| missed > 0 && missed as f64 >= MISSED_SHARE * all as f64;
    let slots = total.ended() + total.aborted + total.blocked + total.missed;
    let (count, what) = if is_much(arrivals.missed, arrivals.all) {
        (arrivals.missed, format!("{} arrivals", arrivals.all))
    } else if is_much(total.missed, slots) {
        (total.missed, format!("{slots} slots"))
    } else {
        return None;
    };
    Some(format!(
        "{count} of {what} were missed because the generator was late; allowed is less than {} %.",
        MISSED_SHARE * 100.0
    ))
}

fn judge_cores(summary: &mut GeneratorSummary) {
    let threads = [
        ("The scenario's thread", summary.hub_busy_share),
        ("The I/O thread", summary.io_busy_share),
    ];
    for (who, share) in threads {
        let Some(share) = share.filter(|share| *share >= BUSY_SHARE) else {
            continue;
        };
        let text = format!(
            "{who} used {:.0} % of one core, the limit is {:.0} %: it was the bottleneck.",
            share * 100.0,
            BUSY_SHARE * 100.0
        );
        say(summary, !summary.no_wait, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use katydid_record::frame::GeneratorWindow;
    use katydid_record::{Body, Frame, Sparse};

    const SECOND_US: u64 = 1_000_000;

    fn lags(us: u64) -> Sparse {
        some_late(50, us, 50)
    }

    /// Of `all` ticks so many were late by this much.
    fn some_late(late: u64, us: u64, all: u64) -> Sparse {
        let mut lags = Histogram::default();
        lags.record_n(100, all - late);
        lags.record_n(us, late);
        lags.cut()
    }

    /// Verdict on three seconds of which the last two look like `window`, at a median response of 1 ms.
    fn judged(window: &GeneratorWindow) -> GeneratorSummary {
        let mut timeline = Timeline::default();
        for second in 0..3 {
            timeline.apply(&Frame {
                at: second * SECOND_US,
                span: SECOND_US,
                source: 0,
                phase: 0,
                body: Body::Generator(Box::new(if second == 0 {
                    GeneratorWindow {
                        processors: 2,
                        ..Default::default()
                    }
                } else {
                    window.clone()
                })),
            });
        }
        let mut total = Endpoint::default();
        (0..1000).for_each(|_| total.from_send.record(1_000));
        judge(&timeline.generators, &total, &Arrivals::default())
    }

    fn window() -> GeneratorWindow {
        GeneratorWindow {
            processors: 2,
            lag: lags(100),
            hub_lag: lags(200),
            io_lag: lags(100),
            ..Default::default()
        }
    }

    #[test]
    fn each_lag_over_its_limit_is_a_reason_of_its_own() {
        assert_eq!(judged(&window()).reasons, Vec::<String>::new());
        for (window, who) in [
            (
                GeneratorWindow {
                    lag: lags(5_100),
                    ..window()
                },
                "Requests were taken up late",
            ),
            (
                GeneratorWindow {
                    hub_lag: lags(5_200),
                    ..window()
                },
                "The scenario's event loop was late",
            ),
            (
                GeneratorWindow {
                    io_lag: lags(5_100),
                    hub_lag: lags(5_300),
                    ..window()
                },
                "The I/O thread was late",
            ),
        ] {
            let summary = judged(&window);
            assert!(!summary.valid);
            assert_eq!(summary.reasons.len(), 1, "{:?}", summary.reasons);
            assert!(summary.reasons[0].starts_with(who), "{:?}", summary.reasons);
        }
    }

    /// A process that is held up as a whole says so once; a loop that is later than that has reasons of its own.
    #[test]
    fn the_loop_is_blamed_for_its_part_only() {
        let late = |hub_us| GeneratorWindow {
            io_lag: lags(20_000),
            hub_lag: lags(hub_us),
            ..window()
        };
        assert_eq!(judged(&late(24_000)).reasons.len(), 1);
        assert_eq!(judged(&late(90_000)).reasons.len(), 2);
    }

    /// What is only a warning explains nothing away.
    #[test]
    fn a_late_loop_is_invalid_beside_an_io_thread_that_may_be_late() {
        let summary = judged(&GeneratorWindow {
            io_lag: some_late(4, 20_000, 300),
            hub_lag: some_late(20, 24_000, 300),
            ..window()
        });
        assert_eq!((summary.reasons.len(), summary.warnings.len()), (1, 1));
        assert!(summary.reasons[0].starts_with("The scenario's event loop"));
    }

    #[test]
    fn what_may_be_chance_is_a_warning() {
        // Two windows are judged: 600 samples, of which 6 may be late, and 10 by chance.
        for (late, outcome) in [(3, (0, 0)), (4, (0, 1)), (5, (0, 1)), (6, (1, 0))] {
            let summary = judged(&GeneratorWindow {
                io_lag: some_late(late, 8_000, 300),
                ..window()
            });
            assert_eq!(
                (summary.reasons.len(), summary.warnings.len()),
                outcome,
                "{late}"
            );
        }
    }

    /// Against tables of the binomial distribution: P(X ≥ k) ≤ 5 % for the number k of samples from this rank on.
    #[test]
    fn the_rank_surely_below_p99() {
        let exceeding = |n| n + 1 - surely_below_p99(n);
        assert_eq!([20, 100, 250, 1000].map(exceeding), [2, 4, 6, 16]);
        // Both ways of computing it meet.
        assert!(surely_below_p99(10_001).abs_diff(surely_below_p99(10_000)) <= 2);
    }

    #[test]
    fn a_full_core_without_waits_is_what_was_asked_for() {
        let full = GeneratorWindow {
            io_lag: lags(20_000),
            io_cpu_us: 950_000,
            ..window()
        };
        assert_eq!(judged(&full).reasons.len(), 2);
        let closed = judged(&GeneratorWindow {
            no_wait: true,
            ..full
        });
        assert_eq!((closed.reasons.len(), closed.warnings.len()), (0, 2));
        let held_up = judged(&GeneratorWindow {
            no_wait: true,
            io_lag: lags(20_000),
            io_cpu_us: 500_000,
            ..window()
        });
        assert_eq!((held_up.reasons.len(), held_up.warnings.len()), (1, 0));
    }

    /// A worker that is late is a reason of its own, however many were not; their parent, who makes no requests, may be late.
    #[test]
    fn of_several_processes_each_worker_has_to_keep_up() {
        let judged = |late: Option<u32>| {
            let mut timeline = Timeline::default();
            for (second, process) in (0..3).flat_map(|s| (0..=8).map(move |p| (s, p))) {
                let lag_us = if late == Some(process) { 9_000 } else { 100 };
                timeline.apply(&Frame {
                    at: second * SECOND_US,
                    span: SECOND_US,
                    source: process * katydid_record::frame::SOURCES_PER_PROCESS,
                    phase: 0,
                    body: Body::Generator(Box::new(GeneratorWindow {
                        hub_lag: some_late(2, lag_us, 50),
                        hub_cpu_us: 100_000 * u64::from(process),
                        rss_bytes: 1_000,
                        users: 2,
                        ..window()
                    })),
                });
            }
            assert_eq!(timeline.generators.users_max(), 18);
            judge(
                &timeline.generators,
                &Endpoint::default(),
                &Arrivals::default(),
            )
        };
        let healthy = judged(None);
        assert_eq!((healthy.valid, healthy.rss_max_bytes), (true, Some(9_000)));
        assert!(
            healthy
                .hub_busy_share
                .is_some_and(|share| (share - 0.8).abs() < 1e-9)
        );
        assert!(judged(Some(0)).valid);
        let late = judged(Some(3)).reasons;
        assert_eq!(late.len(), 1);
        assert!(late[0].starts_with("Worker 2: The scenario's event loop was late"));
    }

    #[test]
    fn who_took_the_processors_is_named() {
        let late = |steal_us: u64| {
            let window = GeneratorWindow {
                io_lag: lags(20_000),
                steal_us,
                processors: 2,
                ..Default::default()
            };
            judged(&window).reasons.concat()
        };
        assert!(late(0).contains("had too little of the machine"));
        assert!(late(600_000).contains("the hypervisor took 30 % of the processors' time"));
    }
}
