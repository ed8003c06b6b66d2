//! `[tool.locust]` of a TOML file. Lists stay lists; every other value counts as its text.

use toml::{Table, Value};

use super::Entry;

/// The table's entries; `None` when the file has no such table.
pub(super) fn entries(text: &str) -> Result<Option<Vec<(String, Entry)>>, String> {
    let document = table(text)?;
    let section = document.get("tool").and_then(|tool| tool.get("locust"));
    let Some(section) = section else {
        return Ok(None);
    };
    let Value::Table(section) = section else {
        return Err("tool.locust is not a table".to_owned());
    };
    let entries = section
        .iter()
        .map(|(key, value)| Ok((key.clone(), entry("[tool.locust]", key, value)?)));
    entries.collect::<Result<_, String>>().map(Some)
}

/// The whole file; an error names the line.
pub(super) fn table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let at = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        format!("{at}not valid TOML: {}", error.message())
    })
}

/// The value of a key in a table.
pub(super) fn entry(table: &str, key: &str, value: &Value) -> Result<Entry, String> {
    let wrong = || format!("'{key}' in {table} is neither a plain value nor a list of them");
    Ok(match value {
        Value::Array(items) => {
            let items: Option<_> = items.iter().map(plain).collect();
            Entry::List(items.ok_or_else(wrong)?)
        }
        value => Entry::Text(plain(value).ok_or_else(wrong)?),
    })
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
