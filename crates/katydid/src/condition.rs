//! From words to conditions that end a load: of requests, `errors > 10%`, `GET /cart p95 > 2s`; of the target's machine, `cpu > 90%`.

use katydid_record::{MachineLimit, Resource, Slo};

use crate::error::UsageError;
use crate::pointed::Piece;
use crate::slo;

const METRIC: &str = "before the sign stands a percentile, 'errors', 'cpu' or 'memory', as in 'p95 > 2s' or 'cpu > 90%'";
const IN_EVERY_PHASE: &str = "a condition is looked for in every phase";

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Broken as an objective is.
    Requests(Slo),
    /// More of the machine is in use.
    Machine(MachineLimit),
}

/// Those about requests, and those about the machine, each in their order.
pub fn apart(conditions: Vec<Condition>) -> (Vec<Slo>, Vec<MachineLimit>) {
    let (mut requests, mut machine) = (Vec::new(), Vec::new());
    for condition in conditions {
        match condition {
            Condition::Requests(slo) => requests.push(slo),
            Condition::Machine(limit) => machine.push(limit),
        }
    }
    (requests, machine)
}

/// All of several texts, or the first error.
pub fn parse_all<'a>(
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Condition>, UsageError> {
    texts.into_iter().map(|text| parse(text)).collect()
}

/// One condition. An error points at the word that is wrong.
pub fn parse(text: &str) -> Result<Condition, UsageError> {
    let whole = Piece::of("the condition", text);
    let Some((left, right)) = whole.split_once('>') else {
        return Err(whole.missing("it has no '>'; write for example 'errors > 10%' or 'p95 > 2s'"));
    };
    if let Some(resource) = left
        .words()
        .last()
        .and_then(|word| Resource::named(word.text))
    {
        return of_machine(text, resource, left, slo::after_equals(right)).map(Condition::Machine);
    }
    let slo = slo::read(text, (left, right), METRIC)?;
    if slo.phase.is_some() {
        return Err(whole.missing(IN_EVERY_PHASE));
    }
    Ok(Condition::Requests(slo))
}

fn of_machine(
    text: &str,
    resource: Resource,
    left: Piece<'_>,
    right: Piece<'_>,
) -> Result<MachineLimit, UsageError> {
    if let [first, .., last] = left.words()[..] {
        let what = format!(
            "{} is of the whole machine, so nothing stands before it",
            last.text
        );
        return Err(left.wrong(first, what));
    }
    let words = right.words();
    let Some(value) = words.first() else {
        return Err(right.missing("the limit is missing"));
    };
    let share = slo::percent(right, *value, "a share of a machine")?;
    match words.get(1) {
        Some(word) if word.text == "in" => Err(right.wrong(*word, IN_EVERY_PHASE)),
        Some(word) => Err(right.wrong(*word, "after the limit stands nothing")),
        None => Ok(MachineLimit {
            text: slo::spaced(text),
            resource,
            share,
        }),
    }
}

#[cfg(test)]
mod tests {
    use katydid_record::Limit;

    use super::*;

    #[test]
    fn of_requests() {
        let Ok(Condition::Requests(slo)) = parse("GET /a p95 > 2s") else {
            panic!("it is clear");
        };
        let limit = Limit::Within {
            share: 0.95,
            limit_us: 2_000_000,
        };
        assert_eq!(
            (slo.endpoint.as_deref(), slo.limit),
            (Some("GET /a"), limit)
        );
        let named = parse("cpu errors > 10%").expect("an endpoint may be called so");
        assert!(
            matches!(named, Condition::Requests(slo) if slo.endpoint.as_deref() == Some("cpu"))
        );
    }

    #[test]
    fn of_the_machine() {
        let check = |text: &str, resource: Resource, share: f64, as_kept: &str| {
            let expected = MachineLimit {
                text: as_kept.to_owned(),
                resource,
                share,
            };
            assert_eq!(parse(text), Ok(Condition::Machine(expected)), "{text}");
        };
        check("cpu > 90%", Resource::Cpu, 0.9, "cpu > 90%");
        check(" cpu  >  90% ", Resource::Cpu, 0.9, "cpu > 90%");
        check("cpu>=90%", Resource::Cpu, 0.9, "cpu>=90%");
        check("memory > 99.9%", Resource::Memory, 0.999, "memory > 99.9%");
        check("memory > 0.5%", Resource::Memory, 0.005, "memory > 0.5%");
    }

    /// The word that is pointed at, and what is said of it.
    #[test]
    fn what_is_not_clear() {
        let check = |text: &str, word: &str, expected: &str| {
            let error = parse(text).expect_err(text).to_string();
            let lines: Vec<&str> = error.lines().collect();
            assert!(lines[0].contains(expected), "{text}: {error}");
            let from = lines[2].find('^').expect("a mark");
            let pointed = lines[1].get(from..lines[2].len()).unwrap_or("");
            assert_eq!(pointed, word, "{text}: {error}");
        };
        check("errors < 10%", "", "it has no '>'");
        check("cpu < 90%", "", "it has no '>'");
        check("cpu", "", "it has no '>'");
        check("errors > 10% in hold", "", IN_EVERY_PHASE);
        check("cpu > 90% in hold", "in", IN_EVERY_PHASE);
        check("cpu > 90% now", "now", "after the limit stands nothing");
        check("cpu >", "", "the limit is missing");
        check("GET /a cpu > 90%", "GET", "nothing stands before it");
        check(
            "reads memory > 90%",
            "reads",
            "memory is of the whole machine",
        );
        check("disk > 90%", "disk", "a percentile, 'errors'");
        for resource in ["cpu", "memory"] {
            let check = |value: &str, expected: &str| {
                let first = value.split(' ').next().unwrap_or_default();
                check(&format!("{resource} > {value}"), first, expected);
            };
            check("90", "in percent without a blank");
            check("0.9", "in percent without a blank");
            check("90 %", "in percent without a blank");
            check("2s", "in percent without a blank");
            check("x%", "in percent without a blank");
            check("0%", "between 0% and 100%");
            check("-5%", "between 0% and 100%");
            check("100%", "between 0% and 100%");
            check("120%", "between 0% and 100%");
            check("NaN%", "between 0% and 100%");
            check("inf%", "between 0% and 100%");
        }
    }
}
