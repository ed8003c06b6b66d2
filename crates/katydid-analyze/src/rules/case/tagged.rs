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
        let mut by_endpoint: BTreeMap<usize, f64> = BTreeMap::new();
        // Some may run without a route, of a job or of a request that tells none: they are of nobody.
        for (route, looks) in seen.into_iter().filter(|(route, _)| !route.is_empty()) {
            if let Some(endpoint) = of_route(route, endpoints) {
                *by_endpoint.entry(endpoint).or_default() += looks;
            }
        }
        for (endpoint, looks) in by_endpoint {
            let endpoint = &mut endpoints[endpoint];
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

/// The endpoint whose path is that of a route, where there is only one; else the one whose path ends so: an application may be mounted below a path that
/// it does not know.
fn of_route(route: &str, endpoints: &[EndpointCase]) -> Option<usize> {
    let route = parts(route);
    let only = |is_of_it: &dyn Fn(&[String]) -> bool| {
        let all = endpoints.iter().enumerate();
        let mut all = all.filter(|(_, of)| is_of_it(&parts(path(&of.key.name))));
        all.next().filter(|_| all.next().is_none())
    };
    let is_there = |path: &[String]| path == route;
    if endpoints
        .iter()
        .any(|of| is_there(&parts(path(&of.key.name))))
    {
        return only(&is_there).map(|(place, _)| place);
    }
    let ends_so = |path: &[String]| route.len() >= 2 && path.ends_with(&route);
    only(&ends_so).map(|(place, _)| place)
}

/// Of an endpoint's name, without host and query.
fn path(name: &str) -> &str {
    let path = name.split('?').next().unwrap_or_default();
    path.split_once("://").map_or(path, |(_, rest)| {
        rest.find('/').map_or("/", |at| &rest[at..])
    })
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
