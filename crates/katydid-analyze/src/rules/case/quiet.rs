//! How long a transaction waits for the service.

use katydid_record::{SeenSpan, SpanKind};

/// The longest time between two statements of a request, or from the last to the request's end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quiet {
    /// How long, ms.
    pub ms: f64,
    /// Of it, in calls of other services, ms.
    pub called_ms: f64,
}

/// Of the spans of a request; what comes after a transaction has ended holds nothing.
pub fn quiet(spans: &[SeenSpan]) -> Option<Quiet> {
    let end = |span: &SeenSpan| span.start_us + span.us;
    let served = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Server)
        .map(end)
        .max()?;
    let is_sql = |span: &&SeenSpan| {
        span.about == "db" && (span.text.contains(' ') || ends_a_transaction(&span.text))
    };
    let mut sql: Vec<&SeenSpan> = spans.iter().filter(is_sql).collect();
    sql.sort_by_key(|span| span.start_us);
    let next = sql.iter().skip(1).map(|span| span.start_us).chain([served]);
    let gaps = sql
        .iter()
        .zip(next)
        .filter(|(span, _)| !ends_a_transaction(&span.text))
        .map(|(span, next)| (end(span), next.max(end(span))));
    let (from, until) = gaps.max_by_key(|(from, until)| until - from)?;
    let is_call = |span: &&SeenSpan| super::is_service(&span.about);
    let within = |span: &SeenSpan| end(span).min(until).saturating_sub(span.start_us.max(from));
    let called: u64 = spans.iter().filter(is_call).map(within).sum();
    Some(Quiet {
        ms: (until - from) as f64 / 1e3,
        called_ms: called.min(until - from) as f64 / 1e3,
    })
}

fn ends_a_transaction(text: &str) -> bool {
    let mut words = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let first = words.next().unwrap_or_default();
    // Back to a savepoint is not out of it.
    ["COMMIT", "ROLLBACK", "END"].contains(&first.as_str()) && words.all(|word| word != "TO")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: SpanKind, text: &str, start_ms: u64, ms: u64) -> SeenSpan {
        SeenSpan {
            kind,
            about: "db".into(),
            text: text.into(),
            start_us: start_ms * 1000,
            us: ms * 1000,
            ..SeenSpan::default()
        }
    }

    fn quiet_of(calls: &[(&str, u64, u64)]) -> f64 {
        let mut spans = vec![span(SpanKind::Server, "", 0, 100)];
        let calls = calls
            .iter()
            .map(|(text, start, ms)| span(SpanKind::Client, text, *start, *ms));
        spans.extend(calls);
        quiet(&spans).expect("it was served").ms
    }

    #[test]
    fn what_is_called_meanwhile_is_told() {
        let call = |start, ms| SeenSpan {
            about: "http".into(),
            ..span(SpanKind::Client, "GET partner", start, ms)
        };
        let served = span(SpanKind::Server, "", 0, 100);
        let select = span(SpanKind::Client, "SELECT 1", 10, 5);
        let spans = [served, select, call(5, 20), call(60, 30)];
        let found = quiet(&spans).expect("it was served");
        assert_eq!((found.ms, found.called_ms), (85.0, 40.0));
    }

    #[test]
    fn a_transaction_waits_until_it_ends() {
        let select = ("SELECT 1", 10, 5);
        assert!((quiet_of(&[select]) - 85.0).abs() < 0.01);
        assert!((quiet_of(&[select, ("UPDATE t SET a = 1", 40, 10)]) - 50.0).abs() < 0.01);
        for end in ["COMMIT", "commit;", "ROLLBACK", "END"] {
            assert!(
                (quiet_of(&[select, (end, 20, 1)]) - 5.0).abs() < 0.01,
                "{end}"
            );
        }
        let back = ("ROLLBACK TO SAVEPOINT a", 20, 5);
        assert!((quiet_of(&[select, back]) - 75.0).abs() < 0.01);
        // A command of a cache is no statement.
        assert!((quiet_of(&[select, ("PING", 50, 10)]) - 85.0).abs() < 0.01);
    }
}
