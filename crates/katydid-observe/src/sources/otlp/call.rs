//! What a span says that it does: names of attributes as OpenTelemetry's conventions had and have them, without anybody's data.

use std::borrow::Cow;

use katydid_record::redact::redact;
use katydid_record::{SeenSpan, SpanKind};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::sources::postgres::scrub;

/// Characters of a text, and of a name.
const TEXT: usize = 500;
const NAME: usize = 120;
/// Databases whose statements are SQL, by the beginning of what they are called.
/// Names of spans in which a driver gets a connection: from its pool, where one is free, or a new one.
const CONNECTS: [&str; 3] = ["connect", "pg.connect", "pg-pool.connect"];
const SQL: &[&str] = &[
    "postgres",
    "mysql",
    "mariadb",
    "sqlite",
    "mssql",
    "microsoft",
    "oracle",
    "cockroach",
    "other_sql",
    "db2",
    "redshift",
    "clickhouse",
];

/// What a span is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Calling {
    /// `db`, `http`, `messaging`, `rpc`, or empty.
    pub about: &'static str,
    /// `postgresql`, `redis`…, or empty.
    pub system: String,
    /// The statement as the span has it, or what is known instead.
    pub raw: String,
    /// The span has a statement, or a command.
    pub is_told: bool,
}

/// Attributes by name.
struct Attributes<'a>(&'a [KeyValue]);

impl<'a> Attributes<'a> {
    /// The text of the first of these names that is there.
    fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| text_of(self.0, name))
    }
}

/// The text of an attribute.
pub fn text_of<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()? {
        AnyValue {
            value: Some(Value::StringValue(text)),
        } if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Reads it from a span's attributes.
pub fn about(span: &Span) -> Calling {
    let attributes = Attributes(&span.attributes);
    if let Some(system) = attributes.text(&["db.system.name", "db.system"]) {
        let statement = attributes.text(&["db.query.text", "db.statement"]);
        let command = attributes.text(&["db.operation.name", "db.operation"]);
        let is_sql = SQL.iter().any(|known| system.starts_with(known));
        let asks_nothing = statement.or(command).is_none();
        if is_sql && asks_nothing && CONNECTS.contains(&span.name.as_str()) {
            return Calling {
                about: "pool",
                system: system.to_owned(),
                raw: span.name.clone(),
                is_told: true,
            };
        }
        return Calling {
            about: "db",
            system: system.to_owned(),
            raw: statement.or(command).unwrap_or(&span.name).to_owned(),
            is_told: statement.is_some() || command.is_some(),
        };
    }
    let asks = matches!(kind(span), SpanKind::Client | SpanKind::Producer);
    if let Some(system) = attributes.text(&["messaging.system"]) {
        let place = attributes.text(&["messaging.destination.name", "messaging.destination"]);
        return Calling {
            about: "messaging",
            system: system.to_owned(),
            raw: place.unwrap_or(&span.name).to_owned(),
            is_told: place.is_some(),
        };
    }
    if let (true, Some(system)) = (asks, attributes.text(&["rpc.system.name", "rpc.system"])) {
        let method = attributes.text(&["rpc.method"]);
        return Calling {
            about: "rpc",
            system: system.to_owned(),
            raw: method.unwrap_or(&span.name).to_owned(),
            is_told: method.is_some(),
        };
    }
    let method = attributes.text(&["http.request.method", "http.method"]);
    if let (true, Some(method)) = (asks, method) {
        let host = attributes.text(&["server.address", "net.peer.name", "http.host"]);
        let url = attributes.text(&["url.full", "http.url"]);
        let host = host.or_else(|| url.and_then(host_of));
        return Calling {
            about: "http",
            system: String::new(),
            raw: format!("{method} {}", host.unwrap_or("?")),
            is_told: host.is_some(),
        };
    }
    Calling::default()
}

impl Calling {
    /// Its text without literals.
    pub fn text(&self) -> String {
        let text = match self.about {
            "db" if SQL.iter().any(|known| self.system.starts_with(known)) => {
                scrub::scrub(&numbered(&self.raw))
            }
            // Keys and documents are somebody's data: only the command stays.
            "db" => self.raw.split_whitespace().next().unwrap_or("").to_owned(),
            _ => redact(&self.raw),
        };
        text.chars().take(TEXT).collect()
    }
}

/// The parameters of Python's drivers, `%s` and `%(name)s`, as the server would have them: then lists of any length are one text.
fn numbered(statement: &str) -> Cow<'_, str> {
    if !statement.contains('%') {
        return statement.into();
    }
    let mut out = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let named = after.strip_prefix('(').and_then(|name| {
            let (name, after) = name.split_once(')')?;
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            is_name.then_some(after)?.strip_prefix('s')
        });
        if let Some(after) = named.or_else(|| after.strip_prefix('s')) {
            out.push_str("$1");
            rest = after;
        } else {
            out.push('%');
            rest = after;
        }
    }
    out.push_str(rest);
    out.into()
}

/// Without scheme, user and path.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let place = rest.split(['/', '?', '#']).next()?;
    place.rsplit('@').next()
}

fn kind(span: &Span) -> SpanKind {
    match span.kind {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// The span as the record keeps it.
pub fn seen(span: &Span, service: &str, about: &'static str, text: String) -> SeenSpan {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
    SeenSpan {
        start_us: span.start_time_unix_nano / 1_000,
        us: span
            .end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano)
            / 1_000,
        id: number(&span.span_id),
        parent: number(&span.parent_span_id),
        name: redact(&span.name).chars().take(NAME).collect(),
        service: service.to_owned(),
        kind: kind(span),
        about: about.to_owned(),
        text,
        // STATUS_CODE_ERROR
        failed: span.status.as_ref().is_some_and(|status| status.code == 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute((key, value): &(&str, &str)) -> KeyValue {
        KeyValue {
            key: (*key).into(),
            value: Some(AnyValue {
                value: Some(Value::StringValue((*value).into())),
            }),
            ..KeyValue::default()
        }
    }

    fn check(attributes: &[(&str, &str)], expected: (&str, &str, bool)) {
        let span = Span {
            name: "the name".into(),
            kind: 3,
            attributes: attributes.iter().map(attribute).collect(),
            ..Span::default()
        };
        let about = about(&span);
        assert_eq!((about.about, &*about.text(), about.is_told), expected);
    }

    #[test]
    fn statements_lose_their_literals_and_commands_their_keys() {
        check(
            &[
                ("db.system", "postgresql"),
                ("db.statement", "SELECT * FROM t WHERE name = 'Ann'"),
            ],
            ("db", "SELECT * FROM t WHERE name = $1", true),
        );
        check(
            &[("db.system.name", "mysql"), ("db.query.text", "SELECT 1")],
            ("db", "SELECT $1", true),
        );
        check(
            &[("db.system", "redis"), ("db.statement", "GET session:ann")],
            ("db", "GET", true),
        );
        check(
            &[
                ("db.system", "postgresql"),
                (
                    "db.statement",
                    "SELECT a % 2 FROM t WHERE b = %(b_1)s::INT AND c IN (%s, %s)",
                ),
            ],
            (
                "db",
                "SELECT a % $1 FROM t WHERE b = $2::INT AND c IN (…)",
                true,
            ),
        );
        check(&[("db.system", "postgresql")], ("db", "the name", false));
    }

    #[test]
    fn getting_a_connection_is_no_statement() {
        let about = |name: &str, system: &str, more: &[(&str, &str)]| {
            let attributes = [&[("db.system", system)], more].concat();
            let span = Span {
                name: name.into(),
                attributes: attributes.iter().map(attribute).collect(),
                ..Span::default()
            };
            about(&span).about
        };
        assert_eq!(about("pg-pool.connect", "postgresql", &[]), "pool");
        assert_eq!(about("connect", "redis", &[]), "db");
        let text = [("db.statement", "SELECT 1")];
        assert_eq!(about("connect", "postgresql", &text), "db");
    }

    #[test]
    fn other_calls_are_known_by_whom_they_ask() {
        check(
            &[
                ("http.method", "GET"),
                (
                    "http.url",
                    "https://me:pw@api.example.com:8443/users/42?token=x",
                ),
            ],
            ("http", "GET api.example.com:8443", true),
        );
        check(
            &[
                ("messaging.system", "rabbitmq"),
                ("messaging.destination.name", "orders"),
            ],
            ("messaging", "orders", true),
        );
        check(
            &[("rpc.system", "grpc"), ("rpc.method", "Pay")],
            ("rpc", "Pay", true),
        );
        check(&[], ("", "", false));
    }
}
