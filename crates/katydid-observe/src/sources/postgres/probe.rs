//! What a server is, and what of it can be seen by the role that we are.

use std::collections::HashMap;

use katydid_record::Sight;
use katydid_record::sql_name::quoted;
use tokio_postgres::Client;

use super::connect::lost;
use crate::observer::Trouble;

/// What is found out at connect.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// `18.1`.
    pub version: String,
    /// `180001`.
    pub number: i32,
    /// When the server began, as it says it.
    pub started: String,
    /// It follows another one.
    pub is_replica: bool,
    /// Other users' sessions and statements are seen: `pg_monitor`, or `pg_read_all_stats`.
    pub sees_all: bool,
    /// Schema of `pg_stat_statements`, where it is created.
    pub schema: Option<String>,
    /// Own role.
    pub role: String,
    /// Connections that users may have.
    pub most_connections: f64,
    settings: HashMap<String, String>,
}

/// Read once, kept as facts.
const SETTINGS: &[&str] = &[
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "shared_buffers",
    "work_mem",
    "effective_cache_size",
    "random_page_cost",
    "track_io_timing",
    "track_activities",
    "compute_query_id",
    "track_activity_query_size",
    "pg_stat_statements.track",
    "pg_stat_statements.max",
    "deadlock_timeout",
    "max_wal_size",
    "checkpoint_timeout",
    "synchronous_commit",
    "autovacuum",
    "shared_preload_libraries",
];

const SQL: &str = "SELECT /* katydid */ current_setting('server_version'), \
    current_setting('server_version_num')::int4, pg_postmaster_start_time()::text, \
    pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), \
    (SELECT nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
     WHERE extname = 'pg_stat_statements'), \
    current_user::text";

impl Probe {
    /// Asks. Versions 13 to 18.
    pub async fn ask(client: &Client) -> Result<Self, Trouble> {
        let row = client
            .query_one(SQL, &[])
            .await
            .map_err(|error| lost(&error))?;
        let sql = "SELECT /* katydid */ name, setting || coalesce(' ' || unit, '') \
                   FROM pg_settings WHERE name = ANY($1)";
        let rows = client
            .query(sql, &[&SETTINGS])
            .await
            .map_err(|error| lost(&error))?;
        let settings: HashMap<String, String> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let number = |name: &str| {
            settings
                .get(name)
                .and_then(|value| value.parse().ok())
                .unwrap_or(0.0)
        };
        Ok(Self {
            version: row
                .get::<_, String>(0)
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            number: row.get(1),
            started: row.get(2),
            is_replica: row.get(3),
            sees_all: row.get(4),
            schema: row.get(5),
            role: row.get(6),
            most_connections: number("max_connections")
                - number("superuser_reserved_connections")
                - number("reserved_connections"),
            settings,
        })
    }

    /// Settings, in the order of their names.
    pub fn settings(&self) -> Vec<(&String, &String)> {
        let mut all: Vec<_> = self.settings.iter().collect();
        all.sort();
        all
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.settings
            .get(name)
            .is_some_and(|setting| setting == value)
    }

    /// What gives the role the right to see all.
    fn grant(&self) -> String {
        format!("GRANT pg_monitor TO {};", quoted(&self.role))
    }

    /// What can be seen, but for statements.
    pub fn sights(&self) -> Vec<Sight> {
        vec![self.version(), self.waits(), self.io_times(), direct()]
    }

    fn version(&self) -> Sight {
        let replica = if self.is_replica {
            "; it is a replica: what is written is seen at its primary"
        } else {
            ""
        };
        let note = match self.number / 10_000 {
            13..=18 => format!("{}{replica}", self.version),
            ..13 => {
                let note = format!(
                    "{} is older than 13, the oldest that is known here",
                    self.version
                );
                return Sight::blind("version", note, "");
            }
            _ => format!(
                "{} is newer than what was tested, 18{replica}",
                self.version
            ),
        };
        Sight {
            note,
            ..Sight::seen("version")
        }
    }

    fn waits(&self) -> Sight {
        if !self.sees_all {
            let note = format!(
                "of other users' sessions {} sees only that they are there, not what they do or wait for",
                self.role
            );
            return Sight::blind("wait classes", note, self.grant());
        }
        if self.is("track_activities", "off") {
            let remedy = "ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();";
            return Sight::blind("wait classes", "track_activities is off", remedy);
        }
        Sight::seen_by("wait classes", "pg_monitor")
    }

    fn io_times(&self) -> Sight {
        if self.is("track_io_timing", "off") {
            let remedy = "ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();";
            return Sight::blind("I/O times", "track_io_timing is off", remedy);
        }
        Sight::seen("I/O times")
    }

    /// Why `pg_stat_statements` cannot be read, `why` being what the server said when it was.
    pub fn no_statements(&self, database: &str, why: Option<&str>) -> Sight {
        let create = "CREATE EXTENSION pg_stat_statements;";
        let loaded = self.settings.get("shared_preload_libraries");
        let is_loaded = loaded.is_some_and(|all| all.contains("pg_stat_statements"))
            || self.settings.contains_key("pg_stat_statements.max");
        let preload = {
            let others = loaded.map_or("", String::as_str).trim();
            let comma = if others.is_empty() { "" } else { ", " };
            format!(
                "ALTER SYSTEM SET shared_preload_libraries = {};",
                format!("{others}{comma}pg_stat_statements")
                    .split(',')
                    .map(|name| format!("'{}'", name.trim()))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        };
        let what = "statements";
        match (why, is_loaded, &self.schema) {
            (_, false, schema) => {
                let then = if schema.is_some() {
                    String::new()
                } else {
                    format!(", then in {database}: {create}")
                };
                let note = "pg_stat_statements is not loaded by the server";
                Sight::blind(what, note, format!("{preload} restart PostgreSQL{then}"))
            }
            (_, true, None) => {
                let note = format!("the extension pg_stat_statements is not created in {database}");
                Sight::blind(what, note, create)
            }
            (why, true, Some(schema)) => {
                let remedy = format!(
                    "GRANT USAGE ON SCHEMA {} TO {};",
                    quoted(schema),
                    quoted(&self.role)
                );
                Sight::blind(what, why.unwrap_or("cannot be read"), remedy)
            }
        }
    }

    /// That statements are seen, or only in part.
    pub fn statements(&self) -> Vec<Sight> {
        if self.is("compute_query_id", "off") {
            let remedy = "ALTER SYSTEM SET compute_query_id = auto; SELECT pg_reload_conf();";
            return vec![Sight::blind(
                "statements",
                "compute_query_id is off",
                remedy,
            )];
        }
        if self.is("pg_stat_statements.track", "none") {
            let remedy =
                "ALTER SYSTEM SET pg_stat_statements.track = top; SELECT pg_reload_conf();";
            return vec![Sight::blind(
                "statements",
                "pg_stat_statements.track is none",
                remedy,
            )];
        }
        let seen = Sight::seen("statements");
        if self.sees_all {
            return vec![seen, Sight::seen_by("statement texts", "pg_monitor")];
        }
        let note = "other users' statements are seen as one sum, without their texts";
        vec![seen, Sight::blind("statement texts", note, self.grant())]
    }
}

fn direct() -> Sight {
    Sight {
        note: "direct, not through a pooler".into(),
        ..Sight::seen("connection")
    }
}
