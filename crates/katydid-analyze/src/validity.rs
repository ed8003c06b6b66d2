//! Was it the target, or the generator? The thresholds change only together with the committed table of healthy and starved
//! runs (`bench/validity.md`).

use katydid_record::Endpoint;
use katydid_record::summary::GeneratorSummary;
use katydid_record::timeline::{GeneratorTotals, Timeline};

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
/// Samples that a lag percentile needs.
const ENOUGH: u64 = 20;
/// Measured time below which shares of a core say nothing, µs.
const ENOUGH_TIME_US: u64 = 900_000;

/// The generator's health and whether it kept up. The first second is left out where there is more: connections are opened
/// and code is loaded then.
pub fn judge(timeline: &Timeline, total: &Endpoint) -> GeneratorSummary {
    let totals = &timeline.generator;
    let steady = totals.steady.windows >= 2;
    let sums = if steady {
        totals.steady.clone()
    } else {
        totals.whole()
    };
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
    judge_lag(&mut summary, total, sums.lag.count(), sums.hub_lag.count());
    judge_slots(&mut summary, total);
    if sums.covered_us >= ENOUGH_TIME_US {
        judge_cores(&mut summary);
    }
    if totals_unseen(totals) {
        summary.warnings.push(
            "The generator's own health was not observed; nothing vouches for these numbers."
                .into(),
        );
    }
    summary.valid = summary.reasons.is_empty();
    summary
}

fn totals_unseen(totals: &GeneratorTotals) -> bool {
    totals.whole().windows == 0
}

fn judge_lag(summary: &mut GeneratorSummary, total: &Endpoint, samples: u64, hub_samples: u64) {
    let median_ms = total.from_send.quantile_us(0.5).unwrap_or(0) as f64 / 1e3;
    let limit = LAG_FLOOR_MS.max(LAG_SHARE * median_ms);
    if let Some(lag) = summary
        .lag_p99_ms
        .filter(|lag| *lag > limit && samples >= ENOUGH)
    {
        summary.reasons.push(format!(
            "Requests were taken up late: lag p99 is {lag:.1} ms, allowed are {limit:.1} ms. Use fewer users, a machine with free cores, or lighter tasks."
        ));
    }
    if let Some(lag) = summary
        .hub_lag_p99_ms
        .filter(|lag| *lag > limit && hub_samples >= ENOUGH)
    {
        let text = format!(
            "The scenario's event loop was late: p99 is {lag:.1} ms, allowed are {limit:.1} ms. Tasks that compute or block hold all users up; make them lighter or use fewer users."
        );
        // Users that never wait fill the loop by themselves; one that is late without being full was held up by others.
        let full = summary
            .hub_busy_share
            .is_some_and(|share| share >= BUSY_SHARE);
        if summary.no_wait && full {
            summary.warnings.push(text);
        } else {
            summary.reasons.push(text);
        }
    }
}

fn judge_slots(summary: &mut GeneratorSummary, total: &Endpoint) {
    let slots = total.ended() + total.aborted + total.blocked + total.missed;
    if total.missed > 0 && total.missed as f64 >= MISSED_SHARE * slots as f64 {
        summary.reasons.push(format!(
            "{} of {slots} slots were missed because the generator was late; allowed is less than {} %.",
            total.missed,
            MISSED_SHARE * 100.0
        ));
    }
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
        if summary.no_wait {
            summary.warnings.push(text);
        } else {
            summary.reasons.push(text);
        }
    }
    if let Some(steal) = summary.steal_share.filter(|steal| *steal >= STEAL_SHARE) {
        summary.warnings.push(format!(
            "The hypervisor took {:.0} % of this machine's processor time.",
            steal * 100.0
        ));
    }
}
