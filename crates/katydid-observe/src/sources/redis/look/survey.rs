//! The survey of a server, outside the load: its settings, and its keys by their form.

use std::time::{Duration, Instant};

use redis::{Pipeline, RedisError, cmd, from_redis_value};

use super::super::keys::{self, Found, Words};
use super::super::trouble;
use super::Server;
use crate::batch::Batch;
use crate::observer::Trouble;

/// Keys of a survey, and how long it may take.
const KEYS: usize = 5_000;
const SURVEY: Duration = Duration::from_millis(1_500);

impl Server {
    /// Settings, queues and keys, as far as its user may.
    pub(super) async fn survey_all(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let info = self.info().await?;
        let fsync = if self.may("settings") {
            self.setting("appendfsync").await
        } else {
            None
        };
        let settings = serde_json::json!({
            "maxmemory": info.number("maxmemory"),
            "policy": info.text("maxmemory_policy"),
            "maxclients": info.number("maxclients"),
            "aof": info.number("aof_enabled"),
            "appendfsync": fsync,
        });
        batch.fact("settings", "", &settings.to_string());
        if !self.may("keys") {
            return Ok(());
        }
        self.queues.ask(&mut self.to).await;
        match self.keys(batch).await {
            Err(error) if error.is_io_error() => Err(trouble::of(&error)),
            Err(error) => {
                self.lose_sight("keys", &error, batch);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn setting(&mut self, name: &str) -> Option<String> {
        let mut asked = cmd("CONFIG");
        asked.arg("GET").arg(name);
        let pair: Vec<String> = asked.query_async(&mut self.to).await.ok()?;
        pair.into_iter().nth(1)
    }

    pub(super) async fn keys(&mut self, batch: &mut Batch) -> Result<(), RedisError> {
        let (began, mut cursor, mut found) = (Instant::now(), 0_u64, Vec::new());
        loop {
            let (next, page): (u64, Vec<Vec<u8>>) = cmd("SCAN")
                .arg(cursor)
                .arg("COUNT")
                .arg(100)
                .query_async(&mut self.to)
                .await?;
            found.extend(self.inspect(page).await?);
            cursor = next;
            if cursor == 0 || found.len() >= KEYS || began.elapsed() > SURVEY {
                break;
            }
        }
        self.words = Words::learn(&found);
        self.queues.learn(&found, &self.words);
        for (template, form) in keys::forms(&self.words, &found) {
            let text = serde_json::json!({
                "count": form.count,
                "forever": form.forever,
                "bytes": form.bytes,
                "type": form.kind,
                "of": found.len(),
            });
            batch.fact("keys", &template, &text.to_string());
        }
        Ok(())
    }

    async fn inspect(&mut self, page: Vec<Vec<u8>>) -> Result<Vec<Found>, RedisError> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = Pipeline::new();
        for key in &page {
            asked.cmd("TYPE").arg(key);
            asked.cmd("PTTL").arg(key);
            asked
                .cmd("MEMORY")
                .arg("USAGE")
                .arg(key)
                .arg("SAMPLES")
                .arg(0);
        }
        let answers = self.to.send_packed_commands(&asked, 0, asked.len()).await?;
        let mut answers = answers.into_iter();
        let mut found = Vec::new();
        for key in page {
            let kind = answers
                .next()
                .and_then(|v| from_redis_value::<String>(v).ok());
            let left = answers.next().and_then(|v| from_redis_value::<i64>(v).ok());
            let bytes = answers.next().and_then(|v| from_redis_value::<u64>(v).ok());
            // It expired meanwhile.
            if left == Some(-2) {
                self.queues.own_misses += 2.0;
                continue;
            }
            self.queues.own_hits += f64::from(u8::from(kind.is_some()) + u8::from(left.is_some()));
            found.push(Found {
                key: String::from_utf8_lossy(&key).into_owned(),
                kind: kind.unwrap_or_default(),
                forever: left == Some(-1),
                bytes,
            });
        }
        Ok(found)
    }
}
