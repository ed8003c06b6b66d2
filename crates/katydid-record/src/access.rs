//! Reads and writes: which of the two an endpoint is, by its method unless the plan or a tag says otherwise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::plan::Plan;
use crate::timeline::EndpointKey;

/// What a request does to the service's data.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
}

/// Methods that only look (RFC 9110, section 9.2.1, and the QUERY method).
const READS: [&str; 5] = ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"];
const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

impl Plan {
    /// What an endpoint is: what the plan says, else what the tag does, else what its method means. `None` for flows and jobs, and for
    /// what scripts report with a method of their own, of which neither of the first two says anything.
    pub fn access(&self, key: &EndpointKey) -> Option<Access> {
        let named = |names: &[String]| names.iter().any(|name| key.is_called(name));
        if named(&self.writes) {
            return Some(Access::Write);
        }
        if named(&self.reads) {
            return Some(Access::Read);
        }
        if key.tagged.is_some() {
            return key.tagged;
        }
        let has = |methods: &[&str]| methods.iter().any(|m| m.eq_ignore_ascii_case(&key.method));
        match key.kind {
            Kind::Request | Kind::Custom if has(&READS) => Some(Access::Read),
            Kind::Request | Kind::Custom if has(&WRITES) => Some(Access::Write),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_method_unless_the_plan_says_otherwise() {
        let plan = Plan {
            reads: vec!["POST /search".to_owned()],
            writes: vec!["/visit".to_owned()],
            ..Plan::default()
        };
        let check = |kind, method: &str, name: &str, expected| {
            let key = EndpointKey {
                kind,
                method: method.to_owned(),
                name: name.to_owned(),
                tagged: None,
            };
            assert_eq!(plan.access(&key), expected, "{method} {name}");
            let tagged = EndpointKey {
                tagged: Some(Access::Write),
                ..key
            };
            let by_plan = expected.filter(|_| plan.reads.contains(&format!("{method} {name}")));
            let expected = by_plan.or(Some(Access::Write));
            assert_eq!(plan.access(&tagged), expected, "{method} {name}, tagged");
        };
        check(Kind::Request, "GET", "/", Some(Access::Read));
        check(Kind::Request, "get", "/", Some(Access::Read));
        check(Kind::Request, "DELETE", "/", Some(Access::Write));
        check(Kind::Request, "POST", "/search", Some(Access::Read));
        check(Kind::Request, "PUT", "/search", Some(Access::Write));
        check(Kind::Request, "GET", "/visit", Some(Access::Write));
        check(Kind::Custom, "grpc", "Buy", None);
        check(Kind::Flow, "", "Shopper", None);
    }
}
