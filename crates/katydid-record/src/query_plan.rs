//! A statement's plan and its tables, as facts `plan` and `table` tell them: which columns of a table a scan is for, and what an index of
//! them was tried to change (`plan.tried`). Knows no threshold.

use serde::{Deserialize, Serialize};
use sqlparser::ast::{BinaryOperator, Expr, OrderBySort};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::sql_name::column_and_direction;

/// A node of a plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// `Seq Scan`, `Sort`…
    #[serde(rename = "node")]
    pub kind: String,
    /// What it reads, where it reads a table.
    pub table: Option<String>,
    alias: Option<String>,
    cond: Option<String>,
    recheck: Option<String>,
    filter: Option<String>,
    /// What it sorts by.
    pub sort: Vec<String>,
    /// Rows that it gives, as the server estimates.
    pub rows: f64,
    /// As the server estimates.
    pub cost: f64,
    /// Texts of the statement that were seen with their values, of the first of which this is the plan; 0: it is for values that are not known.
    pub seen: u32,
    below: Vec<Node>,
}

/// A table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Rows, as of the last ANALYZE; below 0 where there was none.
    pub rows: f64,
    /// Its indexes.
    pub indexes: Vec<Index>,
}

/// An index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Index {
    /// Its name.
    pub name: String,
    valid: bool,
    partial: bool,
    columns: Vec<String>,
}

/// An index that is not there, as if it were: what the server would then do (`HypoPG`). A list of them is the fact `plan.tried`, by statement.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tried {
    /// Its table.
    pub table: String,
    /// Its columns, as [`Scan::missing`] gives them.
    pub columns: Vec<String>,
    /// The statement's cost without it, in the server's unit.
    pub before: f64,
    /// With it.
    pub after: f64,
    /// The server would use it.
    pub is_used: bool,
    /// Its size, as estimated, in bytes.
    pub bytes: f64,
}

/// How one table is read by a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// `Seq Scan`, `Index Scan`…
    pub kind: String,
    /// The table.
    pub table: String,
    /// Columns that have to equal something.
    pub equal: Vec<String>,
    /// Those of them that may equal one of several values: an index gives their rows value by value, in no order of what follows.
    pub among: Vec<String>,
    /// Columns that have to lie in a range.
    pub range: Vec<String>,
    /// Columns and directions by which a part of the rows is asked for, where the server sorts them itself.
    pub sorted: Vec<String>,
    /// Rows that are sorted for it.
    pub sorted_rows: f64,
    /// Rows that it gives, as the server estimates.
    pub rows: f64,
    /// It reads the whole table.
    pub is_whole: bool,
    /// Rows are thrown away that no index kept out.
    pub is_filtered: bool,
    /// The statement gives each row that this scan gives: nothing above it joins, adds up or leaves out.
    pub is_given: bool,
}

/// Nodes that give each row that they get.
const PASSES_ON: [&str; 5] = [
    "Sort",
    "Incremental Sort",
    "Gather",
    "Gather Merge",
    "Materialize",
];

impl Node {
    /// Every scan of a table below this node.
    pub fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        self.collect(false, None, true, &mut scans);
        scans
    }

    /// `limited`: only a part of the rows is asked for; `sort`: by these keys, and how many rows are sorted; `given`: all that comes from here
    /// is given.
    fn collect(
        &self,
        limited: bool,
        sort: Option<(&[String], f64)>,
        given: bool,
        scans: &mut Vec<Scan>,
    ) {
        let limited = limited || self.kind == "Limit";
        let is_sort = self.kind == "Sort" && limited;
        let rows = self.below.first().map_or(0.0, |node| node.rows);
        let sort = if is_sort {
            Some((self.sort.as_slice(), rows))
        } else {
            sort
        };
        if let Some(table) = &self.table {
            scans.push(Scan {
                is_given: given,
                ..self.scan(table, sort)
            });
        }
        // What adds up its rows has to read them all.
        let goes_on = !self.kind.contains("Aggregate") && self.kind != "Group";
        let given = given && PASSES_ON.contains(&self.kind.as_str());
        for node in &self.below {
            let (limited, sort) = if goes_on {
                (limited, sort)
            } else {
                (false, None)
            };
            node.collect(limited, sort, given, scans);
        }
    }

    fn scan(&self, table: &str, sort: Option<(&[String], f64)>) -> Scan {
        let mut scan = Scan {
            kind: self.kind.clone(),
            table: table.to_owned(),
            is_whole: self.kind.contains("Seq Scan"),
            is_filtered: self.filter.is_some(),
            rows: self.rows,
            ..Scan::default()
        };
        // A bitmap's own conditions stand in the node below it as well.
        for cond in [&self.cond, &self.recheck, &self.filter]
            .into_iter()
            .flatten()
        {
            conditions(cond, &mut scan);
        }
        if let Some((keys, rows)) = sort {
            let own: Option<Vec<String>> = keys.iter().map(|key| self.own(key)).collect();
            if let Some(own) = own {
                (scan.sorted, scan.sorted_rows) = (own, rows);
            }
        }
        scan
    }

    /// A key by which this table can be read in order: one of its own columns, as `created_at DESC`.
    fn own(&self, key: &str) -> Option<String> {
        let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(key).ok()?;
        let key = parser.parse_order_by_expr().ok()?;
        if parser.peek_token() != Token::EOF
            || matches!(key.options.sort, Some(OrderBySort::Using(_)))
        {
            return None;
        }
        let alias = self.alias.as_ref().or(self.table.as_ref())?;
        let column = match key.expr {
            Expr::Identifier(name) => name.value,
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [of, column] if of.value == *alias => column.value.clone(),
                _ => return None,
            },
            _ => return None,
        };
        Some(format!("{column}{}", key.options))
    }
}

/// Adds the columns of a condition that an index could serve: of `AND` all, of `OR` none.
fn conditions(text: &str, scan: &mut Scan) {
    let parsed = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr());
    if let Ok(expr) = parsed {
        of_expr(&expr, scan);
    }
}

fn of_expr(expr: &Expr, scan: &mut Scan) {
    match expr {
        Expr::Nested(inner) => of_expr(inner, scan),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            of_expr(left, scan);
            of_expr(right, scan);
        }
        Expr::BinaryOp { left, op, right } => {
            // A join's condition names two tables: the column of this one stands first, and the other's is a value here.
            let Some(column) = column(left).or_else(|| column(right)) else {
                return;
            };
            match op {
                BinaryOperator::Eq => put(&mut scan.equal, column),
                BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq => {
                    put(&mut scan.range, column);
                }
                _ => {}
            }
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            ..
        } => {
            if let Some(column) = column(left) {
                put(&mut scan.among, column.clone());
                put(&mut scan.equal, column);
            }
        }
        Expr::IsNull(inner) => {
            if let Some(column) = column(inner) {
                put(&mut scan.equal, column);
            }
        }
        _ => {}
    }
}

fn plain(key: &str) -> String {
    column_and_direction(key).0.to_owned()
}

fn put(list: &mut Vec<String>, column: String) {
    if !list.contains(&column) {
        list.push(column);
    }
}

/// The column that an expression is, if it is one. A cast of it is none: an index on the column does not serve it, but for text types,
/// which the server casts to one another for free.
fn column(expr: &Expr) -> Option<String> {
    match expr {
        // The server writes parameters as $1, which are no identifiers.
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        Expr::Nested(inner) => column(inner),
        Expr::Cast {
            expr, data_type, ..
        } => {
            let is_text = matches!(
                data_type.to_string().to_ascii_lowercase().as_str(),
                "text" | "varchar"
            );
            column(expr).filter(|_| is_text)
        }
        _ => None,
    }
}

impl Scan {
    /// The columns of an index that would serve it and is not there, if there is such a one.
    pub fn missing(&self, table: &Table) -> Option<Vec<String>> {
        let columns = self.index(table);
        let is_there = table
            .indexes
            .iter()
            .any(|index| index.begins_with(&columns));
        (!columns.is_empty() && !is_there).then_some(columns)
    }

    /// The columns of an index that would serve it: equal ones first, those of an index that is there in its order; then those by which rows
    /// are asked for in order, or else the first range.
    fn index(&self, table: &Table) -> Vec<String> {
        let keeps_order = |column: &&String| self.sorted.is_empty() || !self.among.contains(column);
        let equal: Vec<&String> = self.equal.iter().filter(keeps_order).collect();
        let mut columns: Vec<String> = Vec::new();
        for index in table.indexes.iter().filter(|index| index.serves()) {
            let prefix: Vec<&String> = index
                .columns
                .iter()
                .take_while(|column| equal.contains(column))
                .collect();
            if prefix.len() > columns.len() {
                columns = prefix.into_iter().cloned().collect();
            }
        }
        for column in equal {
            put(&mut columns, column.clone());
        }
        if self.sorted.is_empty() {
            columns.extend(
                self.range
                    .iter()
                    .find(|range| !columns.contains(range))
                    .cloned(),
            );
        } else {
            let is_new = |key: &&String| !columns.contains(&plain(key));
            let keys: Vec<String> = self.sorted.iter().filter(is_new).cloned().collect();
            columns.extend(keys);
        }
        columns
    }
}

impl Index {
    fn serves(&self) -> bool {
        self.valid && !self.partial
    }

    /// Whether it begins with these columns, in either direction.
    pub fn begins_with(&self, columns: &[String]) -> bool {
        self.serves()
            && self.columns.len() >= columns.len()
            && self
                .columns
                .iter()
                .zip(columns)
                .all(|(a, b)| plain(a) == plain(b))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: serde_json::Value) -> Node {
        serde_json::from_value(value).expect("a plan")
    }

    fn table(indexes: &[&[&str]]) -> Table {
        let index = |columns: &&[&str]| Index {
            name: columns.join("_"),
            valid: true,
            partial: false,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        };
        Table {
            rows: 1e5,
            indexes: indexes.iter().map(index).collect(),
            ..Table::default()
        }
    }

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_sort_under_a_limit_asks_for_its_key_behind_what_is_equal() {
        let plan = node(json!({"node": "Limit", "rows": 21.0, "below": [
            {"node": "Nested Loop", "below": [
                {"node": "Sort", "sort": ["orders.created_at DESC"], "below": [
                    {"node": "Bitmap Heap Scan", "table": "orders", "alias": "orders", "rows": 4000.0,
                     "recheck": "(tenant_id = $1)", "filter": "(status = ($2)::text)", "below": [
                        {"node": "Bitmap Index Scan", "index": "orders_tenant", "cond": "(tenant_id = $1)"}]}]},
                {"node": "Index Scan", "table": "customers", "alias": "c", "cond": "(id = orders.customer_id)"}]}]}));
        let scans = plan.scans();
        assert_eq!(scans[0].equal, ["tenant_id", "status"]);
        assert_eq!(scans[0].sorted, ["created_at DESC"]);
        assert!((scans[0].sorted_rows - 4000.0).abs() < 1.0);
        let there = table(&[&["id"], &["tenant_id"]]);
        assert_eq!(
            scans[0].index(&there),
            ["tenant_id", "status", "created_at DESC"]
        );
        assert_eq!(
            (scans[1].table.as_str(), scans[1].equal.as_slice()),
            ("customers", &["id".to_owned()][..])
        );
        assert_eq!(scans[1].sorted, [""; 0], "the key is of another table");
    }

    /// As Prisma and `TypeORM` name them.
    #[test]
    fn names_with_capitals_are_known_as_well() {
        let plan = node(json!({"node": "Limit", "below": [
            {"node": "Sort", "sort": ["\"Order\".\"createdAt\" DESC NULLS LAST", "\"Order\".id"], "below": [
                {"node": "Nested Loop", "below": [
                    {"node": "Seq Scan", "table": "Order", "filter": "(\"Order\".\"tenantId\" = $1)"},
                    {"node": "Seq Scan", "table": "createdAt"}]}]}]}));
        let scans = plan.scans();
        let index = scans[0].index(&table(&[&["id"]]));
        assert_eq!(index, ["tenantId", "createdAt DESC NULLS LAST", "id"]);
        assert_eq!(scans[1].sorted, [""; 0], "the keys are of another table");
        let there = table(&[&["tenantId", "createdAt", "id"]]);
        assert_eq!(scans[0].missing(&there), None);
        let other = |key: &str| node(json!({"node": "Seq Scan", "table": "t"})).own(key);
        for key in [
            "lower(name)",
            "name COLLATE \"C\"",
            "name USING <",
            "u.name",
            "",
        ] {
            assert_eq!(other(key), None, "{key}");
        }
        assert_eq!(other("t.date DESC").as_deref(), Some("date DESC"));
    }

    #[test]
    fn rows_of_several_values_come_in_no_order() {
        let both = "((status = ANY ($2)) AND (tenant_id = $1))";
        let index = |plan: serde_json::Value| node(plan).scans()[0].index(&table(&[&["id"]]));
        let scan = json!({"node": "Seq Scan", "table": "orders", "filter": both, "rows": 900.0});
        let sort = json!({"node": "Sort", "sort": ["created_at DESC"], "below": [scan.clone()]});
        let first = json!({"node": "Limit", "below": [sort]});
        assert_eq!(index(first), ["tenant_id", "created_at DESC"]);
        // Where no order is asked for, each of them is found by the index.
        assert_eq!(index(scan), ["status", "tenant_id"]);
    }

    #[test]
    fn what_an_index_cannot_serve_is_left_out() {
        let check = |filter: &str, equal: &[&str], range: &[&str]| {
            let plan = node(json!({"node": "Seq Scan", "table": "t", "filter": filter}));
            let scan = &plan.scans()[0];
            assert_eq!(
                (scan.equal.as_slice(), scan.range.as_slice()),
                (&words(equal)[..], &words(range)[..]),
                "{filter}"
            );
            assert!(scan.is_whole);
        };
        check(
            "((a = $1) AND (b >= $2) AND (c = ANY ($3)))",
            &["a", "c"],
            &["b"],
        );
        check("((a = $1) OR (b = $2))", &[], &[]);
        check("(lower(email) = $1)", &[], &[]);
        check("((status)::text = ($1)::text)", &["status"], &[]);
        check("((n)::numeric = $1)", &[], &[]);
        check("(deleted_at IS NULL)", &["deleted_at"], &[]);
        check("(name ~~ $1)", &[], &[]);
        check("no condition (", &[], &[]);
    }

    #[test]
    fn a_sum_has_to_read_all_whatever_is_asked_for() {
        let plan = node(
            json!({"node": "Limit", "below": [{"node": "Sort", "sort": ["n"], "below": [
            {"node": "HashAggregate", "below": [{"node": "Seq Scan", "table": "t"}]}]}]}),
        );
        assert_eq!(plan.scans()[0].sorted, [""; 0]);
    }

    #[test]
    fn an_index_serves_what_it_begins_with() {
        let there = table(&[&["tenant_id", "created_at"]]);
        let begins = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
            there.indexes[0].begins_with(&columns)
        };
        assert!(begins(&["tenant_id"]) && begins(&["tenant_id", "created_at DESC"]));
        assert!(!begins(&["created_at"]) && !begins(&["tenant_id", "created_at", "id"]));
    }
}
