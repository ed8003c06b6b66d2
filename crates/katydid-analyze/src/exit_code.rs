//! Every exit status, and which one applies.

use katydid_record::summary::{SloOutcome, SloSummary};

/// Usage, or a scenario that cannot be loaded.
pub const USAGE: i32 = 2;
/// The run is invalid, its record incomplete, or an event of its plan failed.
pub const INVALID: i32 = 3;
/// An objective was broken.
pub const SLO_FAILED: i32 = 99;
/// Locust's: a listener raised.
pub const UNHANDLED: i32 = 2;

/// What is known at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub struct Outcome {
    /// The generator did not keep up.
    pub invalid: bool,
    /// The record is incomplete, or an event of the plan failed.
    pub degraded: bool,
    /// What became of the objectives; `None` when there were none.
    pub slos: Option<SloOutcome>,
    /// `--strict`: what is undecided is not good enough.
    pub strict: bool,
    /// `environment.process_exit_code`, when the script set it.
    pub script: Option<i32>,
    /// Failed requests or exceptions in tasks.
    pub failures: bool,
    /// `--exit-code-on-error`.
    pub on_failures: i32,
    /// A listener or a greenlet raised and nobody caught it.
    pub unhandled: bool,
}

/// The worst of several objectives; `None` without any.
pub fn worst(slos: &[SloSummary]) -> Option<SloOutcome> {
    let order = [
        SloOutcome::Fail,
        SloOutcome::Invalid,
        SloOutcome::Undecided,
        SloOutcome::Pass,
    ];
    order
        .into_iter()
        .find(|outcome| slos.iter().any(|slo| slo.outcome == *outcome))
}

/// The first that applies.
pub fn exit_code(outcome: &Outcome) -> i32 {
    if outcome.invalid || outcome.degraded {
        return INVALID;
    }
    if outcome.slos == Some(SloOutcome::Fail) {
        return SLO_FAILED;
    }
    let undecided = matches!(
        outcome.slos,
        Some(SloOutcome::Undecided | SloOutcome::Invalid)
    );
    if undecided && outcome.strict {
        return INVALID;
    }
    if let Some(code) = outcome.script {
        return code;
    }
    if outcome.failures && outcome.slos.is_none() {
        return outcome.on_failures;
    }
    if outcome.unhandled { UNHANDLED } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_applies() {
        let check = |change: fn(&mut Outcome), expected: i32| {
            let mut outcome = Outcome {
                on_failures: 1,
                ..Outcome::default()
            };
            change(&mut outcome);
            assert_eq!(exit_code(&outcome), expected, "{outcome:?}");
        };
        check(|_| (), 0);
        check(|o| o.failures = true, 1);
        check(|o| (o.failures, o.on_failures) = (true, 0), 0);
        check(
            |o| (o.failures, o.on_failures, o.unhandled) = (true, 7, true),
            7,
        );
        check(|o| o.unhandled = true, 2);
        check(|o| (o.script, o.failures) = (Some(0), true), 0);
        check(|o| (o.script, o.unhandled) = (Some(42), true), 42);
        check(|o| (o.script, o.invalid) = (Some(0), true), 3);
        check(|o| (o.failures, o.degraded) = (true, true), 3);
        check(
            |o| (o.slos, o.script) = (Some(SloOutcome::Fail), Some(0)),
            99,
        );
        check(|o| (o.slos, o.invalid) = (Some(SloOutcome::Fail), true), 3);
        check(|o| (o.slos, o.failures) = (Some(SloOutcome::Pass), true), 0);
        check(|o| o.slos = Some(SloOutcome::Undecided), 0);
        check(
            |o| (o.slos, o.strict) = (Some(SloOutcome::Undecided), true),
            3,
        );
        check(|o| (o.slos, o.strict) = (Some(SloOutcome::Pass), true), 0);
        check(
            |o| (o.slos, o.script) = (Some(SloOutcome::Pass), Some(7)),
            7,
        );
        check(
            |o| (o.slos, o.unhandled) = (Some(SloOutcome::Pass), true),
            2,
        );
    }
}
