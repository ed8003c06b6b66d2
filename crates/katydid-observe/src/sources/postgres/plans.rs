//! Plans of the statements that took most time, and the indexes of their tables: asked once the load is over. Versions 13–18.
//!
//! Nothing is run: a plan is what the server would do, for the values with which a statement was seen, or, where they came beside its text, for values
//! that it does not know (a generic plan). What stands in it of anybody's data is taken out. Where `HypoPG` is installed, indexes that might help are tried: they exist in our session alone, and nothing is built.

use std::collections::{BTreeMap, BTreeSet};

use katydid_record::Sight;
use katydid_record::query_plan::{Found, Node, Table, Tried, has_plan};
use katydid_record::sql_name::{self, quoted};
use serde_json::{Value, json};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::running::{Running, has_parameters};
use super::scrub::scrub;
use super::statements::{OWN, Ran};
use crate::batch::Batch;

/// Statements whose plans are asked for.
pub const PLANS: usize = 20;
/// Tables whose indexes are told: all of 20 statements that join many.
const TABLES: usize = 200;
/// Indexes that are tried for a statement.
const TRIED: usize = 4;
/// Scans of a statement of which it is asked how many rows their index finds.
const FILTERED: usize = 4;
/// Deeper plans are cut off.
const DEPTH: usize = 12;

/// Whether plans can be asked for: that takes the right to read the tables.
pub async fn sight(client: &Client, role: &str, number: i32) -> Result<Sight, Error> {
    let sql = "SELECT /* katydid */ count(*) FILTER (WHERE NOT has_table_privilege(c.oid, 'SELECT')) \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
               AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'";
    let denied: i64 = client.query_one(sql, &[]).await?.get(0);
    if denied == 0 {
        return Ok(Sight::seen_by("plans", "pg_read_all_data"));
    }
    let role = quoted(role);
    let remedy = if number >= 140_000 {
        format!("GRANT pg_read_all_data TO {role};")
    } else {
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};")
    };
    let note = format!(
        "the role may not read {denied} tables, so that the server refuses plans of what does; missing indexes are only suspected then"
    );
    Ok(Sight::blind("plans", note, remedy))
}

/// Whether indexes can be tried; `None` where that is nothing that this server has.
pub async fn trial(client: &Client) -> Result<Option<Sight>, Error> {
    let sql = "SELECT /* katydid */ installed_version IS NOT NULL FROM pg_available_extensions WHERE name = 'hypopg'";
    let found = client.query_opt(sql, &[]).await?;
    let note =
        "HypoPG is not in this database, so that an index that might help is not tried in a plan";
    Ok(found.map(|row| {
        if row.get(0) {
            Sight::seen("trial indexes")
        } else {
            Sight::blind("trial indexes", note, "CREATE EXTENSION hypopg;")
        }
    }))
}

/// Tells plans as facts `plan`, by statement, tables as facts `table`, by name, and what indexes would change as facts `plan.tried`, by statement.
pub async fn tell(
    client: &Client,
    number: i32,
    ran: &[Ran],
    running: &Running,
    batch: &mut Batch,
) -> Result<(), Error> {
    let mut tables = BTreeSet::new();
    let mut plans = Vec::new();
    for statement in ran.iter().take(PLANS) {
        // What the server keeps has no values; a text that was seen has those that somebody asked for.
        let (mut texts, mut first) = (Vec::new(), None);
        for text in running.texts(&statement.id) {
            match plan(client, number, text).await {
                Ok(Some(plan)) => {
                    texts.push(text.clone());
                    first.get_or_insert(plan);
                }
                Err(error) if error.as_db_error().is_none() => return Err(error),
                // What the server says of it may have its values.
                Ok(None) | Err(_) => {}
            }
        }
        let seen = texts.len();
        let planned = if first.is_some() {
            Ok(first)
        } else {
            texts.push(statement.query.clone());
            plan(client, number, &statement.query).await
        };
        match planned {
            Ok(Some(plan)) => {
                let mut told = compact(&plan["Plan"], 0, &mut tables);
                if seen > 0 {
                    told["seen"] = json!(seen);
                }
                batch.fact("plan", &statement.id, &told.to_string());
                plans.push((statement, texts, told, filtered(&plan["Plan"], "", 0)));
            }
            Ok(None) => {}
            Err(error) if error.as_db_error().is_none() => return Err(error),
            // A table that may not be read, a type that cannot be told from nothing.
            Err(error) => {
                let why = error.as_db_error().map_or("", |error| error.message());
                batch.fact("plan.refused", &statement.id, &scrub(why));
            }
        }
    }
    let mut known = BTreeMap::new();
    for table in tables.iter().take(TABLES) {
        if let Some(told) = table_of(client, table).await? {
            batch.fact("table", table, &told.to_string());
            if let Ok(told) = serde_json::from_value::<Table>(told) {
                known.insert(table.clone(), told);
            }
        }
    }
    for (statement, _, _, filtered) in &plans {
        let mut all = Vec::new();
        for scan in filtered.iter().take(FILTERED) {
            if let Some(table) = known.get(&scan.table) {
                all.extend(found(client, number, table, scan).await?);
            }
        }
        if !all.is_empty() {
            batch.fact("plan.found", &statement.id, &json!(all).to_string());
        }
    }
    if !trial(client).await?.is_some_and(|sight| sight.seen) {
        return Ok(());
    }
    for (statement, texts, plan, _) in plans {
        match tried(client, number, &texts, plan, &known).await {
            Ok(all) if all.is_empty() => {}
            Ok(all) => batch.fact("plan.tried", &statement.id, &json!(all).to_string()),
            Err(error) if error.as_db_error().is_none() => return Err(error),
            // As with plans: one that is refused leaves the others.
            Err(error) => {
                let why = error.as_db_error().map_or("", |error| error.message());
                batch.fact("plan.refused", &statement.id, &scrub(why));
            }
        }
    }
    Ok(())
}

/// A scan that throws rows away that its index finds.
#[derive(Debug, PartialEq)]
struct Filtered {
    /// Its node in what is told of the plan, as a JSON pointer.
    place: String,
    table: String,
    alias: String,
    /// The index, where the plan names it here.
    index: Option<String>,
    /// What that is asked by; `None`: all that it has is read.
    cond: Option<String>,
    filter: String,
}

/// All in the plan of a server.
fn filtered(node: &Value, place: &str, depth: usize) -> Vec<Filtered> {
    let text = |name: &str| node[name].as_str().map(str::to_owned);
    let own = || {
        let scan = Filtered {
            place: place.to_owned(),
            table: text("Relation Name")?,
            alias: text("Alias")?,
            index: text("Index Name"),
            cond: text("Index Cond").or_else(|| text("Recheck Cond")),
            filter: text("Filter")?,
        };
        (scan.index.is_some() || scan.cond.is_some()).then_some(scan)
    };
    let mut all: Vec<Filtered> = own().into_iter().collect();
    let below = node["Plans"].as_array().filter(|_| depth < DEPTH);
    for (number, node) in below.into_iter().flatten().enumerate() {
        all.extend(filtered(
            node,
            &format!("{place}/below/{number}"),
            depth + 1,
        ));
    }
    all
}

/// Rows that its index finds, and those of them that its filter keeps; `None` where one of them asks by columns of another table, or a
/// part of the table is left out by the index itself. Of parallel processes the plan has only each one's rows.
async fn found(
    client: &Client,
    number: i32,
    table: &Table,
    scan: &Filtered,
) -> Result<Option<Found>, Error> {
    let cond = match (&scan.cond, &scan.index) {
        (Some(cond), _) => cond.as_str(),
        (None, Some(index)) if !table.leaves_out(index) => "TRUE",
        _ => return Ok(None),
    };
    let from = format!(
        "SELECT FROM {}.{} AS {} WHERE",
        quoted(&table.schema),
        quoted(&scan.table),
        quoted(&scan.alias)
    );
    let of = rows(client, number, &format!("{from} {}", numbered(cond))).await?;
    let both = numbered(&format!("{cond} AND {}", scan.filter));
    let kept = rows(client, number, &format!("{from} {both}")).await?;
    Ok(of.zip(kept).map(|(of, kept)| Found {
        place: scan.place.clone(),
        of,
        kept,
    }))
}

/// Rows of a query, as the server estimates; `None` where it refuses the query.
async fn rows(client: &Client, number: i32, query: &str) -> Result<Option<f64>, Error> {
    match plan(client, number, query).await {
        Ok(plan) => Ok(plan.and_then(|plan| plan["Plan"]["Plan Rows"].as_f64())),
        Err(error) if error.as_db_error().is_none() => Err(error),
        Err(_) => Ok(None),
    }
}

/// A condition whose parameters are numbered from 1 on: of one that is left out the server would not know the type.
fn numbered(cond: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut parts = cond.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = part.split_at(digits.unwrap_or(part.len()));
        text.push('$');
        if !number.is_empty() {
            let place = known.iter().position(|one| *one == number);
            let place = place.unwrap_or_else(|| {
                known.push(number);
                known.len() - 1
            });
            text.push_str(&(place + 1).to_string());
        }
        text.push_str(rest);
    }
    text
}

/// What the server would do if it had the indexes that would serve a statement's scans, each alone. Of several texts costs are means.
async fn tried(
    client: &Client,
    number: i32,
    texts: &[String],
    told: Value,
    tables: &BTreeMap<String, Table>,
) -> Result<Vec<Tried>, Error> {
    let Ok(node) = serde_json::from_value::<Node>(told) else {
        return Ok(Vec::new());
    };
    let mut all: Vec<Tried> = Vec::new();
    for scan in node.scans() {
        let Some(table) = tables.get(&scan.table) else {
            continue;
        };
        let Some(columns) = scan.missing(table) else {
            continue;
        };
        let is_known = |one: &Tried| one.table == scan.table && one.columns == columns;
        if all.iter().any(is_known) || all.len() == TRIED {
            continue;
        }
        let on = on(&table.schema, &scan.table, &columns);
        let index = format!("CREATE INDEX ON {on}");
        let mut tried = Tried {
            table: scan.table,
            columns,
            ..Tried::default()
        };
        for text in texts {
            let before = cost(client, number, text).await?;
            let with = with_index(client, number, text, &index).await;
            client
                .simple_query(&format!("SELECT {OWN} hypopg_reset()"))
                .await?;
            if let (Some(before), Some((after, is_used, bytes))) = (before, with?) {
                let share = 1.0 / texts.len() as f64;
                tried.before += before * share;
                tried.after += after * share;
                tried.is_used |= is_used;
                tried.bytes = bytes;
            }
        }
        if tried.before > 0.0 {
            all.push(tried);
        }
    }
    Ok(all)
}

/// What the server thinks that a statement costs as things are.
async fn cost(client: &Client, number: i32, query: &str) -> Result<Option<f64>, Error> {
    let plan = plan(client, number, query).await?;
    Ok(plan.and_then(|plan| plan["Plan"]["Total Cost"].as_f64()))
}

/// What an index is on, as SQL: a table and its columns with their directions.
pub fn on(schema: &str, table: &str, columns: &[String]) -> String {
    let columns = sql_name::columns(columns);
    format!("{}.{} ({columns})", quoted(schema), quoted(table))
}

/// A statement's cost with this index, whether it would be used, and its size in bytes.
async fn with_index(
    client: &Client,
    number: i32,
    query: &str,
    index: &str,
) -> Result<Option<(f64, bool, f64)>, Error> {
    let sql = "SELECT /* katydid */ i.indexrelid, i.indexname::text, hypopg_relation_size(i.indexrelid)::float8 \
               FROM hypopg_create_index($1::text) AS i";
    let row = client.query_one(sql, &[&index]).await?;
    let (name, bytes): (String, f64) = (row.get(1), row.get(2));
    // Planned anew: a plan that is kept knows nothing of it.
    let plan = plan(client, number, query).await?;
    Ok(plan.map(|plan| {
        let cost = plan["Plan"]["Total Cost"].as_f64().unwrap_or_default();
        (cost, uses(&plan["Plan"], &name), bytes)
    }))
}

fn uses(node: &Value, index: &str) -> bool {
    node["Index Name"] == index
        || node["Plans"]
            .as_array()
            .is_some_and(|below| below.iter().any(|node| uses(node, index)))
}

/// What the server would do for a statement; `None` for what has no plan.
async fn plan(client: &Client, number: i32, query: &str) -> Result<Option<Value>, Error> {
    let query = query.trim().trim_end_matches(';');
    // Sent as it is: two statements would be run as two.
    if !has_plan(query) {
        return Ok(None);
    }
    if !has_parameters(query) {
        let sql = format!("EXPLAIN {OWN} (FORMAT JSON) {query}");
        return Ok(json_of(&client.simple_query(&sql).await?));
    }
    if number >= 160_000 {
        let sql = format!("EXPLAIN {OWN} (GENERIC_PLAN, FORMAT JSON) {query}");
        return Ok(json_of(&client.simple_query(&sql).await?));
    }
    client
        .simple_query(&format!("PREPARE katydid_plan AS {OWN} {query}"))
        .await?;
    let plan = executed(client).await;
    client
        .simple_query(&format!("DEALLOCATE {OWN} katydid_plan"))
        .await?;
    plan
}

/// Until 15 there is no option for it: a prepared statement that is told to plan without its values.
async fn executed(client: &Client) -> Result<Option<Value>, Error> {
    let sql = "SELECT /* katydid */ coalesce(cardinality(parameter_types), 0) FROM pg_prepared_statements \
               WHERE name = 'katydid_plan'";
    let count: i32 = client.query_one(sql, &[]).await?.get(0);
    let nulls = vec!["NULL"; count.max(0) as usize].join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    client
        .simple_query(&format!("SET {OWN} plan_cache_mode = force_generic_plan"))
        .await?;
    let sql = format!("EXPLAIN {OWN} (FORMAT JSON) EXECUTE katydid_plan{arguments}");
    let told = client.simple_query(&sql).await;
    client
        .simple_query(&format!("RESET {OWN} plan_cache_mode"))
        .await?;
    Ok(json_of(&told?))
}

fn json_of(messages: &[SimpleQueryMessage]) -> Option<Value> {
    let text: String = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    let all: Value = serde_json::from_str(&text).ok()?;
    all.get(0).cloned()
}

/// Of a node what rules ask for: what it does to which table, by which conditions, how many rows it gives and at what cost.
fn compact(node: &Value, depth: usize, tables: &mut BTreeSet<String>) -> Value {
    let text = |name: &str| node[name].as_str();
    let mut told = serde_json::Map::new();
    let mut tell = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            told.insert(name.to_owned(), value);
        }
    };
    let scrubbed = |name: &str| text(name).map(|text| json!(scrub(text)));
    tell("node", text("Node Type").map(Value::from));
    let parent = text("Parent Relationship").unwrap_or_default();
    let is_beside = ["InitPlan", "SubPlan"].contains(&parent);
    tell("subplan", is_beside.then_some(Value::Bool(true)));
    if let Some(table) = text("Relation Name") {
        tables.insert(table.to_owned());
        tell("table", Some(json!(table)));
        tell("alias", text("Alias").map(Value::from));
    }
    tell("index", text("Index Name").map(Value::from));
    for (name, told) in [
        ("Index Cond", "cond"),
        ("Recheck Cond", "recheck"),
        ("Filter", "filter"),
        ("Join Filter", "join_filter"),
        ("Hash Cond", "hash_cond"),
        ("Merge Cond", "merge_cond"),
        ("Join Type", "join"),
    ] {
        tell(told, scrubbed(name));
    }
    if let Some(keys) = node["Sort Key"].as_array() {
        let keys = keys.iter().filter_map(Value::as_str).map(scrub);
        tell("sort", Some(keys.collect()));
    }
    tell("rows", node["Plan Rows"].as_f64().map(Value::from));
    tell("cost", node["Total Cost"].as_f64().map(Value::from));
    let below = node["Plans"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !below.is_empty() && depth < DEPTH {
        let below = below.iter().map(|node| compact(node, depth + 1, tables));
        tell("below", Some(below.collect()));
    }
    Value::Object(told)
}

/// Size of a table and its indexes; `None` where there is no such table, or several of that name.
async fn table_of(client: &Client, name: &str) -> Result<Option<Value>, Error> {
    let sql = "SELECT /* katydid */ c.oid, c.reltuples::float8, c.relpages::float8, n.nspname::text, \
               c.relispartition OR c.relkind = 'p', \
               ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
                     AND a.atttypid IN ('text'::regtype, 'varchar'::regtype) ORDER BY a.attnum LIMIT 200) FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = $1 AND c.relkind IN ('r', 'p') \
               AND n.nspname NOT IN ('pg_catalog', 'information_schema')";
    let rows = client.query(sql, &[&name]).await?;
    let [row] = rows.as_slice() else {
        return Ok(None);
    };
    let (oid, tuples, pages, schema): (u32, f64, f64, String) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let (partition, texts): (bool, Vec<String>) = (row.get(4), row.get(5));
    let sql = "SELECT /* katydid */ c.relname::text, i.indisunique, i.indisvalid, i.indpred IS NOT NULL, \
               ARRAY(SELECT coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k, true), '') \
                     FROM generate_series(1, i.indnkeyatts) AS k \
                     LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]) \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 ORDER BY c.relname LIMIT 40";
    let rows = client.query(sql, &[&oid]).await?;
    let indexes = rows.iter().map(|row| {
        let columns: Vec<String> = row.get(4);
        json!({
            "name": row.get::<_, String>(0),
            "unique": row.get::<_, bool>(1),
            "valid": row.get::<_, bool>(2),
            "partial": row.get::<_, bool>(3),
            "columns": columns,
        })
    });
    Ok(Some(json!({
        "schema": schema,
        "rows": tuples,
        "pages": pages,
        "partition": partition,
        "texts": texts,
        "indexes": indexes.collect::<Value>(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_plan_what_rules_ask_for_and_nobody_s_values() {
        let plan = json!({
            "Node Type": "Limit", "Plan Rows": 21, "Total Cost": 9.5, "Startup Cost": 1.0,
            "Plans": [{
                "Node Type": "Sort", "Sort Key": ["orders.created_at DESC"], "Plan Rows": 4000, "Total Cost": 9.0,
                "Plans": [{
                    "Node Type": "Index Scan", "Relation Name": "orders", "Alias": "o", "Index Name": "orders_tenant",
                    "Index Cond": "(tenant_id = $1)", "Filter": "(email = 'ann@example.com'::text)", "Plan Rows": 4000,
                }],
            }],
        });
        let mut tables = BTreeSet::new();
        let told = compact(&plan, 0, &mut tables);
        let expected = json!({
            "node": "Limit", "rows": 21.0, "cost": 9.5,
            "below": [{
                "node": "Sort", "sort": ["orders.created_at DESC"], "rows": 4000.0, "cost": 9.0,
                "below": [{
                    "node": "Index Scan", "table": "orders", "alias": "o", "index": "orders_tenant",
                    "cond": "(tenant_id = $1)", "filter": "(email = $1::text)", "rows": 4000.0,
                }],
            }],
        });
        assert_eq!(told, expected);
        assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["orders"]);
    }

    #[test]
    fn of_what_an_index_finds_it_is_asked_how_much_that_is() {
        let scan = |cond: Option<&str>, filter: Option<&str>| {
            json!({
                "Node Type": "Index Scan", "Relation Name": "orders", "Alias": "o", "Index Cond": cond, "Filter": filter,
            })
        };
        let plan = json!({"Node Type": "Limit", "Plans": [
            scan(Some("(id = $1)"), None),
            {"Node Type": "Sort", "Plans": [scan(Some("(tenant_id = $3)"), Some("(deleted_at IS NULL)"))]},
            scan(None, Some("(tenant_id = $3)")),
        ]});
        let expected = Filtered {
            place: "/below/1/below/0".into(),
            table: "orders".into(),
            alias: "o".into(),
            index: None,
            cond: Some("(tenant_id = $3)".into()),
            filter: "(deleted_at IS NULL)".into(),
        };
        let all = filtered(&plan, "", 0);
        assert_eq!(all, [expected]);
        let told = compact(&plan, 0, &mut BTreeSet::new());
        let node = told.pointer(&all[0].place).expect("it is there");
        assert_eq!(node["filter"], json!("(deleted_at IS NULL)"));
        assert_eq!(
            numbered("((a = $3) AND (b = $10) AND (c = $3))"),
            "((a = $1) AND (b = $2) AND (c = $1))"
        );
        assert_eq!(numbered("(a = '$'::text)"), "(a = '$'::text)");
    }

    #[test]
    fn what_is_computed_beside_a_plan_is_told_as_such() {
        let plan = json!({"Node Type": "Limit", "Plans": [
            {"Node Type": "Sort", "Parent Relationship": "InitPlan"},
            {"Node Type": "CTE Scan", "Parent Relationship": "Outer"}]});
        let told = compact(&plan, 0, &mut BTreeSet::new());
        assert_eq!(told["below"][0]["subplan"], json!(true));
        assert_eq!(told["below"][1].get("subplan"), None);
    }

    #[test]
    fn names_of_columns_are_names_and_nothing_else() {
        let columns = [
            "tenant_id",
            "at DESC",
            "order",
            "x DESC); DROP TABLE a; --",
            "a \"b",
        ];
        let columns = columns.map(str::to_owned);
        assert_eq!(
            on("public", "Orders", &columns),
            "public.\"Orders\" (tenant_id, at DESC, \"order\", \"x DESC); DROP TABLE a; --\", \"a \"\"b\")"
        );
    }
}
