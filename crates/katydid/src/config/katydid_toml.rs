//! `katydid.toml`: `[load]`, `[slo]`, `[watch]` and `[run]`, in the words of the command line. Knows which option belongs to which table, and the
//! JSON Schema that tells editors so.

use serde_json::{Map, Value as Json, json};
use toml::Table;

use super::{Entry, pyproject};
use crate::cli::table::{OptionRow, Status};
use crate::cli::words::nearest;

/// Its name, beside the locustfile.
pub(super) const NAME: &str = "katydid.toml";

/// Tables, and what they are for.
const TABLES: [(&str, &str); 4] = [
    ("load", "How much load when"),
    ("slo", "What must hold"),
    ("watch", "What is watched meanwhile"),
    (
        "run",
        "Any other option of a run, by its long name without the dashes",
    ),
];

/// Keys that read better in a file than the option's own name.
const RENAMED: [(&str, &str); 3] = [
    ("plan", "load"),
    ("objectives", "slo"),
    ("addresses", "watch"),
];

/// Its entries, by the long names of options.
pub(super) fn entries(text: &str, rows: &[OptionRow]) -> Result<Vec<(String, Entry)>, String> {
    let document: Table = pyproject::table(text)?;
    let mut entries = Vec::new();
    for (name, value) in &document {
        if name == "$schema" {
            continue;
        }
        if !TABLES.iter().any(|(table, _)| table == name) {
            let known = TABLES.map(|(table, _)| format!("[{table}]")).join(", ");
            return Err(format!("'{name}' is not known; there are {known}"));
        }
        let toml::Value::Table(table) = value else {
            return Err(format!("'{name}' is not a table: write [{name}]"));
        };
        for (key, value) in table {
            let flag = flag(name, key, rows)?;
            entries.push((flag, pyproject::entry(&format!("[{name}]"), key, value)?));
        }
    }
    Ok(entries)
}

/// The option that a key of this table means.
fn flag(table: &str, key: &str, rows: &[OptionRow]) -> Result<String, String> {
    if let Some((_, flag)) = RENAMED
        .iter()
        .find(|(name, flag)| *name == key && home(flag, rows) == Some(table))
    {
        return Ok((*flag).to_owned());
    }
    let renamed = RENAMED.iter().find(|(_, flag)| *flag == key);
    if let Some((name, _)) = renamed {
        return Err(format!(
            "'{key}' in [{table}] is written '{name}' in this file"
        ));
    }
    match home(key, rows) {
        Some(home) if home == table => Ok(key.to_owned()),
        Some(home) => Err(format!("'{key}' belongs to [{home}], not to [{table}]")),
        None => {
            let names = rows.iter().filter(|row| works(row)).map(long);
            let renamed = RENAMED.iter().map(|(name, _)| *name);
            let near = nearest(key, names.chain(renamed))
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            Err(format!("'{key}' in [{table}] is not known{near}"))
        }
    }
}

fn long(row: &OptionRow) -> &str {
    row.flag().trim_start_matches('-')
}

fn works(row: &OptionRow) -> bool {
    // The file lies beside the locustfile, and is itself the configuration.
    let own = ["locustfile", "config"].contains(&row.dest.as_str());
    matches!(row.status, Status::Locust | Status::Own) && !row.flags.is_empty() && !own
}

/// The table of an option.
fn home(name: &str, rows: &[OptionRow]) -> Option<&'static str> {
    let row = rows.iter().find(|row| works(row) && long(row) == name)?;
    Some(match row.group.as_str() {
        "Load" => "load",
        group if group.starts_with("Objectives") => "slo",
        group if group.starts_with("Watching") => "watch",
        _ => "run",
    })
}

/// The JSON Schema of the file, pretty, with a line end.
pub(crate) fn schema(rows: &[OptionRow]) -> String {
    let mut tables = Map::new();
    for (table, about) in TABLES {
        let mut keys = Map::new();
        for row in rows.iter().filter(|row| works(row)) {
            let name = long(row);
            if home(name, rows) != Some(table) {
                continue;
            }
            let renamed = RENAMED.iter().find(|(_, flag)| *flag == name);
            let key = renamed.map_or(name, |(key, _)| key);
            keys.insert(key.to_owned(), of_option(row));
        }
        tables.insert(
            table.to_owned(),
            json!({"description": about, "type": "object", "additionalProperties": false, "properties": keys}),
        );
    }
    tables.insert("$schema".to_owned(), json!({"type": "string"}));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": NAME,
        "description": "A load, its objectives and the options of a run of katydid, beside the locustfile",
        "type": "object",
        "additionalProperties": false,
        "properties": tables,
    });
    format!("{schema:#}\n")
}

fn of_option(row: &OptionRow) -> Json {
    let one = if row.is_switch() {
        json!({"type": "boolean"})
    } else {
        match row.kind.as_str() {
            "int" => json!({"type": "integer"}),
            "float" => json!({"type": "number"}),
            "timespan" => json!({"type": ["string", "integer"]}),
            _ => json!({"type": "string"}),
        }
    };
    let mut schema = if row.is_list() {
        json!({"anyOf": [one, {"type": "array", "items": one}]})
    } else {
        one
    };
    schema["description"] = Json::from(row.help.clone());
    if let Some(choices) = &row.choices {
        schema["enum"] = Json::from(choices.clone());
    }
    schema
}
