//! Texts of statements that are running: who asked for them, where the application says it in a comment, and with which values, for their plans.
//!
//! Of comments only the route is told (sqlcommenter, Rails' query log tags, marginalia). Texts with their values are kept in memory until
//! plans are asked for, and told to nobody.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;
use tokio_postgres::{Client, Error, Statement};

use super::super::redis::keys::without_numbers;
use super::scrub::{scrub, short};
use crate::batch::Batch;

/// Pairs of a statement and a route that are told.
const PAIRS: usize = 300;
/// Texts that are kept of a statement, and statements of which they are.
const TEXTS: usize = 3;
const STATEMENTS: usize = 200;
/// A longer route is none.
const LONGEST: usize = 120;
/// Tags that say which route a request took, in the order in which they are believed.
const ROUTES: [&str; 4] = ["route", "http_route", "http.route", "path_template"];

/// What is longer than the server keeps has neither its end nor its comment.
const SQL: &str = "SELECT /* katydid */ query FROM pg_stat_activity \
    WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid() \
      AND (backend_type = 'client backend' OR backend_type IS NULL) AND query NOT LIKE '%/* katydid */%' \
      AND octet_length(query) < (SELECT setting::int FROM pg_settings WHERE name = 'track_activity_query_size') - 1 LIMIT 300";

/// What reads them.
pub struct Running {
    read: Statement,
    /// How often a statement was seen for a route, and without one.
    tagged: BTreeMap<(String, String), f64>,
    untagged: BTreeMap<String, f64>,
    /// Texts with values in them, by the statement's name.
    texts: HashMap<String, Vec<String>>,
}

impl Running {
    /// Prepares to read.
    pub async fn open(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            read: client.prepare(SQL).await?,
            tagged: BTreeMap::new(),
            untagged: BTreeMap::new(),
            texts: HashMap::new(),
        })
    }

    /// Looks at what runs.
    pub async fn look(&mut self, client: &Client, batch: &mut Batch) -> Result<(), Error> {
        let read = batch.begin();
        let rows = client.query(&self.read, &[]).await;
        for row in rows.iter().flatten() {
            self.learn(row.get(0));
        }
        for ((statement, route), seen) in &self.tagged {
            let labels = [("statement", statement.as_str()), ("route", route.as_str())];
            batch.counter("statement.tagged", "", &labels, *seen);
        }
        let is_tagged = |id: &str| self.tagged.keys().any(|(statement, _)| statement == id);
        for (statement, seen) in self.untagged.iter().filter(|(id, _)| is_tagged(id)) {
            let labels = [("statement", statement.as_str()), ("route", "")];
            batch.counter("statement.tagged", "", &labels, *seen);
        }
        batch.end(read);
        rows.map(|_| ())
    }

    fn learn(&mut self, query: &str) {
        let id = short(&scrub(query));
        if let Some(route) = route(query) {
            // A route has names of parameters; a path that stands for one has their values.
            let pair = (id.clone(), without_numbers(&route));
            if self.tagged.len() < PAIRS || self.tagged.contains_key(&pair) {
                *self.tagged.entry(pair).or_default() += 1.0;
            }
        } else if self.untagged.len() < STATEMENTS || self.untagged.contains_key(&id) {
            *self.untagged.entry(id.clone()).or_default() += 1.0;
        }
        let is_known = self.texts.contains_key(&id);
        if !has_parameters(query) && (is_known || self.texts.len() < STATEMENTS) {
            let texts = self.texts.entry(id).or_default();
            if texts.len() < TEXTS && !texts.iter().any(|text| text == query) {
                texts.push(query.to_owned());
            }
        }
    }

    /// A few texts of a statement with values in them, as they ran; none where its values came beside it.
    pub fn texts(&self, statement: &str) -> &[String] {
        self.texts.get(statement).map_or(&[], Vec::as_slice)
    }
}

/// Values of it come beside its text.
pub fn has_parameters(query: &str) -> bool {
    let after = query.split('$').skip(1);
    after
        .into_iter()
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The route that a comment in a statement names: `/*route='%2Forders%2F%7Bid%7D'*/`, `/*controller:orders,action:show*/`.
fn route(query: &str) -> Option<String> {
    let mut rest = query;
    while let Some((_, after)) = rest.split_once("/*") {
        let (comment, left) = after.split_once("*/")?;
        let tags: BTreeMap<String, String> = comment.split(',').filter_map(tag).collect();
        let named = ROUTES.iter().find_map(|name| tags.get(*name)).cloned();
        let of_rails = || {
            Some(format!(
                "{}#{}",
                tags.get("controller")?,
                tags.get("action")?
            ))
        };
        let found = named.or_else(of_rails);
        if found.as_ref().is_some_and(|route| route.len() <= LONGEST) {
            return found;
        }
        rest = left;
    }
    None
}

fn tag(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(['=', ':'])?;
    let value = value.trim().trim_matches('\'');
    let value = percent_decode_str(value).decode_utf8().ok()?;
    Some((name.trim().to_ascii_lowercase(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_the_route() {
        let check = |query: &str, expected: Option<&str>| {
            assert_eq!(route(query).as_deref(), expected, "{query}");
        };
        check(
            "SELECT 1 /*db_driver='psycopg',route='%2Forders%2F%7Bid%7D'*/",
            Some("/orders/{id}"),
        );
        check(
            "/* a comment */ SELECT 1 /*route='^orders/$',traceparent='00-ab-cd-01'*/",
            Some("^orders/$"),
        );
        check(
            "SELECT 1 /*application:Shop,controller:orders,action:show*/",
            Some("orders#show"),
        );
        check(
            "SELECT 1 /*action='index',controller='orders'*/",
            Some("orders#index"),
        );
        check("SELECT 1 /* route */", None);
        check("SELECT 1 /*route='/a'", None);
        check(&format!("SELECT 1 /*route='{}'*/", "x".repeat(200)), None);
    }

    #[test]
    fn values_that_came_beside_a_text_are_not_in_it() {
        assert!(!has_parameters("SELECT 1 WHERE a = 'open' AND b = '$x'"));
        assert!(has_parameters("SELECT 1 WHERE a = $1"));
    }
}
