//! `[tool.locust]` of a TOML file. Lists stay lists; every other value counts as its text.

use toml::{Table, Value};

use super::Entry;

/// The table's entries; `None` when the file has no such table.
pub(super) fn entries(text: &str) -> Result<Option<Vec<(String, Entry)>>, String> {
    let document: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let at = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        format!("{at}not valid TOML: {}", error.message())
    })?;
    let section = document.get("tool").and_then(|tool| tool.get("locust"));
    let Some(section) = section else {
        return Ok(None);
    };
    let Value::Table(section) = section else {
        return Err("tool.locust is not a table".to_owned());
    };
    let entries = section.iter().map(|(key, value)| {
        let entry = match value {
            Value::Array(items) => Entry::List(
                items
                    .iter()
                    .map(plain)
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong(key))?,
            ),
            value => Entry::Text(plain(value).ok_or_else(|| wrong(key))?),
        };
        Ok((key.clone(), entry))
    });
    entries.collect::<Result<_, String>>().map(Some)
}

fn wrong(key: &str) -> String {
    format!("'{key}' in [tool.locust] is neither a plain value nor a list of them")
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(on) => Some(on.to_string()),
        _ => None,
    }
}
