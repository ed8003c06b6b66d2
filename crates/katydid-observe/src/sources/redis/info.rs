//! The answer to `INFO`, read. Lines that are not understood are left out.

use std::collections::BTreeMap;

/// Fields by name, as they came.
#[derive(Debug, Default)]
pub struct Info {
    fields: BTreeMap<String, String>,
}

impl Info {
    /// Reads an answer.
    pub fn read(text: &str) -> Self {
        let pairs = text
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'));
        Self {
            fields: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// A text, empty if it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.fields.get(name)?.parse().ok()
    }

    /// Fields that begin with `prefix`, without it, and their parts `a=1,b=2`.
    pub fn parts(&self, prefix: &str) -> Vec<(&str, BTreeMap<&str, f64>)> {
        let fields = self.fields.range(prefix.to_owned()..);
        fields
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| {
                let parts = value.split(',').filter_map(|part| {
                    let (key, number) = part.split_once('=')?;
                    Some((key, number.parse().ok()?))
                });
                (&name[prefix.len()..], parts.collect())
            })
            .collect()
    }

    /// `Valkey 9.1.2`.
    pub fn product(&self) -> String {
        match self.text("valkey_version") {
            "" => format!("Redis {}", self.text("redis_version")),
            version => format!("Valkey {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_their_parts() {
        let info = Info::read(
            "# Stats\r\nkeyspace_hits:7\r\nredis_version:7.2.4\r\ncmdstat_config|get:calls=2,usec=19\r\ndb0:keys=1,expires=0\r\n",
        );
        assert_eq!(info.number("keyspace_hits"), Some(7.0));
        assert_eq!(info.number("nothing"), None);
        assert_eq!(info.product(), "Redis 7.2.4");
        let commands = info.parts("cmdstat_");
        assert_eq!(commands[0].0, "config|get");
        assert!((commands[0].1["usec"] - 19.0).abs() < 1e-9);
    }
}
