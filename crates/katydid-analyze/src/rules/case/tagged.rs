//! What endpoints seem to call, by the routes that the application writes into its statements (sqlcommenter).

use std::collections::BTreeMap;

use super::{Call, Database, EndpointCase, limits, sql};
use crate::target::Part;

const SERIES: &str = "statement.tagged";

/// Gives endpoints of which it is not known what they call what ran with their route. How often is estimated: a statement's calls are shared
/// out as it was seen running.
pub fn by_tags(whole: &Part, database: &Database<'_>, endpoints: &mut [EndpointCase]) {
    for of in &database.statements {
        let mut seen: BTreeMap<&str, f64> = BTreeMap::new();
        for (labels, series) in database.subject.named(SERIES) {
            if labels.get("statement").is_some_and(|id| id == of.id)
                && let Some(route) = labels.get("route")
            {
                let (by, _) = database.subject.grown(series, whole.from, whole.until);
                // It begins with the first time that it was seen.
                let first = series.points().first().map_or(0.0, |(_, seen)| *seen);
                *seen.entry(route).or_default() += by + first;
            }
        }
        let all: f64 = seen.values().sum();
        for (route, looks) in seen {
            let Some(endpoint) = one_of_route(route, endpoints) else {
                continue;
            };
            if looks < limits::TAGGED || endpoint.has_calls() {
                continue;
            }
            endpoint.tags += looks as usize;
            endpoint.perhaps.push(Call {
                key: sql(of.text),
                per_request: of.calls * looks / all / endpoint.requests.max(1) as f64,
                each_ms: of.mean_ms() + limits::ROUND_TRIP_MS,
            });
        }
    }
}

/// The endpoint whose path is that of a route, where there is only one.
fn one_of_route<'e>(
    route: &str,
    endpoints: &'e mut [EndpointCase],
) -> Option<&'e mut EndpointCase> {
    let route = parts(route);
    let is_of_it = |of: &&mut EndpointCase| {
        let path = of.key.name.split('?').next().unwrap_or_default();
        let path = path.split_once("://").map_or(path, |(_, rest)| {
            rest.find('/').map_or("/", |at| &rest[at..])
        });
        // An application may be mounted below a path that it does not know.
        parts(path).ends_with(&route)
    };
    let mut all = endpoints.iter_mut().filter(is_of_it);
    all.next().filter(|_| all.next().is_none())
}

/// The parts of a path, each parameter a star: `/orders/{id}`, `^orders/(?P<id>[0-9]+)/$`, `/orders/<int:id>`, `/orders/:id`, `/orders/[id]`, `/orders/7`.
fn parts(path: &str) -> Vec<String> {
    let mut out = String::new();
    let mut depth = 0;
    for c in path.trim_start_matches('^').trim_end_matches('$').chars() {
        match c {
            '{' | '<' | '[' | '(' => {
                if depth == 0 {
                    out.push('*');
                }
                depth += 1;
            }
            '}' | '>' | ']' | ')' => depth -= 1,
            _ if depth > 0 => {}
            other => out.push(other),
        }
    }
    let one = |part: &str| {
        let is_any = part.contains('*')
            || part.starts_with(':')
            || part.bytes().all(|byte| byte.is_ascii_digit());
        if is_any {
            "*".to_owned()
        } else {
            part.to_ascii_lowercase()
        }
    };
    out.split('/')
        .filter(|part| !part.is_empty())
        .map(one)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_many_frameworks_are_one_path() {
        for route in [
            "/orders/{order_id}/items",
            "^orders/(?P<pk>[^/.]+)/items/$",
            "/orders/<int:id>/items",
            "/orders/:id/items",
            "orders/[id]/items",
            "/Orders/42/items/",
        ] {
            assert_eq!(parts(route), ["orders", "*", "items"], "{route}");
        }
        assert!(parts("/").is_empty());
    }
}
