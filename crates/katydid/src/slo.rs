//! From words to objectives: `p95 < 300ms`, `GET /dashboard p99 < 800ms in spike`, `errors < 1%`.

use katydid_record::slo::{Limit, Slo};
use katydid_record::{Access, Resource};

use crate::error::UsageError;
use crate::load::seconds;
use crate::pointed::{Piece, Word};

const METRIC: &str =
    "before the sign stands a percentile or 'errors', as in 'p95 < 300ms' or 'errors < 1%'";
const MACHINE: &str = "that is the machine's, and an objective is about requests; --abort-on 'cpu > 90%' ends the load by it";
const TIME: &str = "a time has a unit: 300ms, 1.5s";
/// A longer limit is a typing error: a day, in seconds.
const LONGEST: f64 = 86_400.0;

/// One objective. An error points at the word that is wrong.
pub fn parse(text: &str) -> Result<Slo, UsageError> {
    let whole = Piece::of("the objective", text);
    if whole.text.contains('>') {
        return Err(whole.missing("objectives are upper limits, as in 'p95 < 300ms'"));
    }
    let Some(sides) = whole.split_once('<') else {
        return Err(
            whole.missing("it has no '<'; write for example 'p95 < 300ms' or 'errors < 1%'")
        );
    };
    read(text, sides, METRIC)
}

/// An objective or a condition from what stands before and after its sign.
pub(crate) fn read(
    text: &str,
    (left, right): (Piece<'_>, Piece<'_>),
    metrics: &str,
) -> Result<Slo, UsageError> {
    let right = after_equals(right);
    let named = left.words();
    let Some((metric, _)) = named.split_last() else {
        return Err(left.missing(metrics));
    };
    let endpoint = left.text[..left.text.len() - metric.text.len()].trim();
    let mut words = right.words().into_iter();
    let value = words
        .next()
        .ok_or_else(|| right.missing("the limit is missing"))?;
    let limit = limit((left, *metric), (right, value), metrics)?;
    let phase = match words.next() {
        None => None,
        Some(word) if word.text == "in" => {
            let rest: Vec<&str> = words.map(|word| word.text).collect();
            if rest.is_empty() {
                return Err(
                    right.missing("which phase? Its name or its kind, as in 'p95 < 300ms in hold'")
                );
            }
            Some(rest.join(" "))
        }
        Some(word) => {
            return Err(right.wrong(word, "after the limit stands nothing, or 'in' and a phase"));
        }
    };
    let access = match endpoint {
        "reads" => Some(Access::Read),
        "writes" => Some(Access::Write),
        _ => None,
    };
    Ok(Slo {
        text: spaced(text),
        endpoint: (access.is_none() && !endpoint.is_empty()).then(|| endpoint.to_owned()),
        access,
        phase,
        limit,
    })
}

/// What follows the sign, be it `<` or `<=`.
pub(crate) fn after_equals(right: Piece<'_>) -> Piece<'_> {
    match right.text.strip_prefix('=') {
        Some(_) => right.split_once('=').map_or(right, |(_, rest)| rest),
        None => right,
    }
}

/// One blank between words.
pub(crate) fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// 0.1 of `10%`.
pub(crate) fn percent(right: Piece<'_>, value: Word<'_>, of_what: &str) -> Result<f64, UsageError> {
    let percent = value.text.strip_suffix('%');
    let percent: Option<f64> = percent.and_then(|text| text.parse().ok());
    let Some(percent) = percent else {
        let what = format!("{of_what} is in percent without a blank: 1%, 0.1%");
        return Err(right.wrong(value, what));
    };
    if !(percent > 0.0 && percent < 100.0) {
        return Err(right.wrong(value, "it lies between 0% and 100%"));
    }
    // 99.9 / 100 is not 0.999.
    let share = format!("{percent}e-2").parse();
    Ok(share.unwrap_or(percent / 100.0))
}

fn limit(
    (left, metric): (Piece<'_>, Word<'_>),
    (right, value): (Piece<'_>, Word<'_>),
    metrics: &str,
) -> Result<Limit, UsageError> {
    if ["errors", "error", "failures"].contains(&metric.text) {
        let none = value.text.strip_suffix('%').map(str::parse::<f64>);
        if none == Some(Ok(0.0)) {
            return Err(right.wrong(
                value,
                "no number of requests shows that none ever fails; write for example 0.1%",
            ));
        }
        let share = percent(right, value, "a share of errors")?;
        return Ok(Limit::Errors { share });
    }
    if Resource::named(metric.text).is_some() {
        return Err(left.wrong(metric, MACHINE));
    }
    let share = share(metric.text).ok_or_else(|| left.wrong(metric, metrics))?;
    let has_unit = value.text.ends_with(|c: char| c.is_ascii_alphabetic());
    let limit = seconds(value.text)
        .filter(|_| has_unit)
        .ok_or_else(|| right.wrong(value, TIME))?;
    if limit > LONGEST {
        return Err(right.wrong(value, "that is more than a day"));
    }
    let limit_us = (limit * 1e6).round() as u64;
    if limit_us == 0 {
        return Err(right.wrong(value, "nothing is done in no time"));
    }
    Ok(Limit::Within { share, limit_us })
}

/// 0.95 of `p95`; nothing from p100 on, which no number of requests shows.
fn share(metric: &str) -> Option<f64> {
    if metric == "median" {
        return Some(0.5);
    }
    let digits = metric.strip_prefix('p')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let percent: f64 = digits.parse().ok().filter(|_| plain)?;
    // Rounded: 99.9 / 100 is not 0.999.
    (percent > 0.0 && percent < 100.0).then(|| (percent * 1e6).round() / 1e8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(share: f64, limit_us: u64) -> Limit {
        Limit::Within { share, limit_us }
    }

    #[test]
    fn what_is_understood() {
        let check = |text: &str, endpoint: Option<&str>, phase: Option<&str>, limit: Limit| {
            let slo = parse(text).expect("it is clear");
            assert_eq!(
                (slo.endpoint.as_deref(), slo.phase.as_deref(), slo.limit),
                (endpoint, phase, limit),
                "{text}"
            );
        };
        check("p95 < 300ms", None, None, within(0.95, 300_000));
        check(" p95<300ms ", None, None, within(0.95, 300_000));
        check("p99.9 <= 1m30s", None, None, within(0.999, 90_000_000));
        check("median < 0.5s", None, None, within(0.5, 500_000));
        check(
            "GET /dashboard p99 < 800ms",
            Some("GET /dashboard"),
            None,
            within(0.99, 800_000),
        );
        check(
            "buy a book p50 < 2s in hold 2",
            Some("buy a book"),
            Some("hold 2"),
            within(0.5, 2_000_000),
        );
        check("reads p95 < 1s", None, None, within(0.95, 1_000_000));
        assert_eq!(
            parse("writes errors < 2%").expect("it is clear").access,
            Some(Access::Write)
        );
        check("errors < 1%", None, None, Limit::Errors { share: 0.01 });
        check(
            "/cart errors < 0.5% in spike",
            Some("/cart"),
            Some("spike"),
            Limit::Errors { share: 0.005 },
        );
        assert_eq!(
            parse(" p95  <  300ms ").expect("it is clear").text,
            "p95 < 300ms"
        );
    }

    #[test]
    fn what_is_not() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).expect_err(text).to_string();
            let lines: Vec<&str> = error.lines().collect();
            assert!(lines[0].contains(expected), "{text}: {error}");
            assert!(
                lines.len() == 3 && lines[2].trim().starts_with('^'),
                "{error}"
            );
        };
        check("", "it has no '<'");
        check("p95", "it has no '<'");
        check("p95 > 3s", "upper limits");
        check("< 3s", METRIC);
        check("p100 < 3s", METRIC);
        check("pNaN < 3s", METRIC);
        check("p-5 < 3s", METRIC);
        check("speed < 3s", METRIC);
        check("cpu < 90%", "that is the machine's");
        check("GET /a memory < 90%", "that is the machine's");
        check("p95 <", "the limit is missing");
        check("p95 < 300", TIME);
        check("p95 < -1s", TIME);
        check("p95 < NaNs", TIME);
        check("p95 < 0ms", "no time");
        check("p95 < 9999h", "more than a day");
        check("p95 < 300ms spike", "'in' and a phase");
        check("p95 < 300ms in", "which phase?");
        check("errors < 1", "in percent");
        check("errors < 1 %", "in percent");
        check("errors < 0%", "none ever fails");
        check("errors < 100%", "between 0% and 100%");
        check("errors < NaN%", "between 0% and 100%");
    }
}
