//! A statement's plan and its tables, as facts `plan` and `table` tell them: which columns of a table a scan is for, and what an index of
//! them was tried to change (`plan.tried`). Knows no threshold.

mod conditions;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlparser::ast::OrderBySort;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use self::conditions::{bare, conditions, has, plain, put};

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
    found: Option<Found>,
    /// `Inner`, `Left`…, of a join.
    join: String,
    hash_cond: Option<String>,
    merge_cond: Option<String>,
    join_filter: Option<String>,
    /// What it sorts by.
    pub sort: Vec<String>,
    /// Rows that it gives, as the server estimates.
    pub rows: f64,
    /// As the server estimates.
    pub cost: f64,
    /// Texts of the statement that were seen with their values, of the first of which this is the plan; 0: it is for values that are not known.
    pub seen: u32,
    /// Computed beside what is above it: for a value, a condition, or a `WITH`.
    subplan: bool,
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
    /// Its size in blocks, likewise.
    pub pages: f64,
    /// It is a part of another table, or has parts: its index is that of all of them.
    pub partition: bool,
    /// Its columns of types that are text.
    pub texts: Vec<String>,
    /// Its indexes.
    pub indexes: Vec<Index>,
}

/// An index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// No two rows have the same in its columns.
    pub unique: bool,
    valid: bool,
    partial: bool,
    columns: Vec<String>,
}

impl Table {
    /// Its index of this name has only a part of its rows.
    pub fn leaves_out(&self, index: &str) -> bool {
        self.indexes.iter().any(|of| of.name == index && of.partial)
    }
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

/// How many rows an index finds, and how many of them the filter behind it keeps, as the server estimates. A list of them is the fact
/// `plan.found`, by statement.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Found {
    /// The scan, as a JSON pointer into the statement's plan.
    pub place: String,
    /// Found.
    pub of: f64,
    /// Kept.
    pub kept: f64,
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
    /// Those of them that have to be NULL: the server does not know that their rows come in the order of what follows.
    pub nulls: Vec<String>,
    /// Columns that are asked for as text: an index on them serves that if they are text.
    pub cast: Vec<String>,
    /// Columns that are compared with those of another table, as often as that gives rows.
    pub joined: Vec<String>,
    /// Conditions that no index on a column serves.
    pub rest: Vec<String>,
    /// Columns that have to lie in a range.
    pub range: Vec<String>,
    /// Columns and directions by which a part of the rows is asked for, where the server sorts them itself.
    pub sorted: Vec<String>,
    /// Rows that are sorted for it.
    pub sorted_rows: f64,
    /// Rows that it gives, as the server estimates; with `lookups`, those that are left of them.
    pub rows: f64,
    /// Rows of the other side of a join, for each of which an index on its columns would be asked instead.
    pub lookups: Option<f64>,
    /// It reads the whole table.
    pub is_whole: bool,
    /// Rows are thrown away that no index kept out.
    pub is_filtered: bool,
    /// Of how many; `None` where it reads the whole table, or that was not told.
    pub found: Option<Found>,
    /// What is thrown away depends on a parameter, or on a value that stood in the statement.
    pub is_filtered_by_value: bool,
    /// How many of its rows the statement gives.
    pub given: Given,
}

/// Whether it is one statement, of those that have a plan, whatever comments and brackets stand before it.
pub fn has_plan(query: &str) -> bool {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, query)
        .tokenize()
        .unwrap_or_default();
    // Comments are white space to it. To be safe, no value may have a `;` either.
    let mut words = tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)));
    let is_one = words.clone().all(|token| !token.to_string().contains(';'));
    let verb = words
        .find(|token| !matches!(token, Token::LParen))
        .map_or(String::new(), ToString::to_string);
    let explained = ["SELECT", "WITH", "UPDATE", "DELETE"];
    is_one && explained.contains(&verb.to_ascii_uppercase().as_str())
}

/// How many of the rows that a node gives the statement gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    /// Each: nothing above joins, adds up or leaves out.
    All,
    /// Each that was asked for before there were enough: there is a `LIMIT` right above.
    Part,
    /// That cannot be told.
    #[default]
    No,
}

impl Given {
    /// The same for the nodes below one of this kind.
    fn below(self, kind: &str) -> Self {
        match self {
            Given::All if kind == "Limit" => Given::Part,
            Given::All if PASSES_ON.contains(&kind) => Given::All,
            _ => Given::No,
        }
    }
}

/// Nodes that give each row that they get.
const PASSES_ON: [&str; 5] = [
    "Sort",
    "Incremental Sort",
    "Gather",
    "Gather Merge",
    "Materialize",
];

/// Nodes that read all their rows, or more than once, whatever part of theirs is asked for.
const READS_ALL: [&str; 7] = [
    "Group",
    "Hash",
    "Materialize",
    "Recursive Union",
    "SetOp",
    "Unique",
    "WindowAgg",
];

/// Nodes between a join and what it reads.
const HANDS_ON: [&str; 5] = ["Sort", "Hash", "Materialize", "Gather", "Gather Merge"];

/// What a join asks of one of its sides.
#[derive(Clone, Copy)]
struct Join<'a> {
    cond: &'a str,
    /// Rows of the other side.
    others: f64,
    /// Rows that it gives.
    rows: f64,
}

impl Node {
    /// A plan as the facts `plan` and `plan.found` tell it; `None` if the first is not one.
    pub fn told(plan: &str, found: Option<&str>) -> Option<Self> {
        let mut plan: Value = serde_json::from_str(plan).ok()?;
        let found = found.and_then(|found| serde_json::from_str::<Vec<Value>>(found).ok());
        for one in found.unwrap_or_default() {
            let place = one["place"].as_str().unwrap_or_default();
            if let Some(node) = plan.pointer_mut(place) {
                node["found"] = one;
            }
        }
        serde_json::from_value(plan).ok()
    }

    /// Every scan of a table below this node.
    pub fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        self.collect(false, None, None, Given::All, &mut scans);
        scans
    }

    /// `limited`: only a part of the rows is asked for; `sort`: by these keys, and how many rows are sorted; `join`: what is asked of
    /// all of them; `given`: how much of what comes from here is given.
    fn collect(
        &self,
        limited: bool,
        sort: Option<(&[String], f64)>,
        join: Option<Join<'_>>,
        given: Given,
        scans: &mut Vec<Scan>,
    ) {
        let limited = limited || self.kind == "Limit";
        let is_sort = self.kind == "Sort" && limited;
        let rows = self.below.first().map_or(0.0, |node| node.rows);
        let sort = if is_sort {
            Some((self.sort.as_slice(), rows))
        } else {
            // What a part is taken of has to be in its own order first.
            sort.filter(|_| self.kind != "Limit")
        };
        if let Some(table) = &self.table {
            scans.push(Scan {
                given,
                ..self.scan(table, sort, join)
            });
        }
        // Of a sort's rows all are read, and a merge needs its own order.
        let limited = limited && !is_sort && self.kind != "Merge Join";
        let reads_all = self.kind.contains("Aggregate") || READS_ALL.contains(&self.kind.as_str());
        let given = given.below(&self.kind);
        let join = join.filter(|_| HANDS_ON.contains(&self.kind.as_str()));
        for (side, node) in self.below.iter().enumerate() {
            let given = if node.subplan { Given::No } else { given };
            if reads_all || node.subplan {
                node.collect(false, None, join, given, scans);
            } else {
                node.collect(limited, sort, self.join_of(side).or(join), given, scans);
            }
        }
    }

    /// Of an outer join one side is given as a whole, which no index spares.
    fn join_of(&self, side: usize) -> Option<Join<'_>> {
        let [first, second] = self.below.as_slice() else {
            return None;
        };
        if self.join != "Inner" {
            return None;
        }
        let conds = [&self.hash_cond, &self.merge_cond, &self.join_filter];
        Some(Join {
            cond: conds.into_iter().flatten().next()?,
            others: if side == 0 { second.rows } else { first.rows },
            rows: self.rows,
        })
    }

    fn scan(&self, table: &str, sort: Option<(&[String], f64)>, join: Option<Join<'_>>) -> Scan {
        let mut scan = Scan {
            kind: self.kind.clone(),
            table: table.to_owned(),
            is_whole: self.kind.contains("Seq Scan"),
            is_filtered: self.filter.is_some(),
            found: self.found.clone(),
            is_filtered_by_value: self.filter.as_ref().is_some_and(|text| text.contains('$')),
            rows: self.rows,
            ..Scan::default()
        };
        // A bitmap's own conditions stand in the node below it as well.
        for cond in [&self.cond, &self.recheck, &self.filter]
            .into_iter()
            .flatten()
        {
            conditions(cond, self.name(), &mut scan);
        }
        // The server prints them first; few rows are left out by them.
        for column in &scan.nulls {
            put(&mut scan.equal, column.clone());
        }
        if let Some((keys, rows)) = sort {
            let own: Option<Vec<String>> = keys.iter().map(|key| self.own(key)).collect();
            if let Some(own) = own {
                (scan.sorted, scan.sorted_rows) = (own, rows);
            }
        }
        // Where it is asked for something itself, that is what its index is for.
        let is_asked = self.filter.is_some() || self.cond.is_some() || !scan.sorted.is_empty();
        if let Some(join) = join
            && scan.is_whole
            && !is_asked
        {
            self.looked_up(join, &mut scan);
        }
        scan
    }

    /// Of a join by equal columns an index finds what belongs to each row of the other side.
    fn looked_up(&self, join: Join<'_>, scan: &mut Scan) {
        let mut asked = Scan::default();
        conditions(join.cond, self.name(), &mut asked);
        let is_plain = asked.rest.is_empty() && asked.range.is_empty() && asked.cast.is_empty();
        if is_plain && !asked.joined.is_empty() && asked.joined == asked.equal {
            (scan.equal, scan.joined) = (asked.equal, asked.joined);
            (scan.lookups, scan.rows) = (Some(join.others), join.rows);
        }
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
        let column = bare(&key.expr, self.name())?;
        Some(format!("{column}{}", key.options))
    }

    /// What the server calls the table where it has to tell it from others.
    fn name(&self) -> &str {
        let name = self.alias.as_ref().or(self.table.as_ref());
        name.map_or("", String::as_str)
    }
}

impl Scan {
    /// The columns of an index that would serve it and is not there, if there is such a one.
    pub fn missing(&self, table: &Table) -> Option<Vec<String>> {
        if table.partition || self.finds_one(table) {
            return None;
        }
        let columns = self.index(table);
        let is_there = table
            .indexes
            .iter()
            .any(|index| index.begins_with(&columns));
        (!columns.is_empty() && !is_there).then_some(columns)
    }

    /// Whether such an index gives the rows in the order in which a part of them is asked for, and no others between them: those would have
    /// to be read as well, however many they are.
    pub fn comes_in_order(&self, table: &Table) -> bool {
        let mut keys = self.sorted.iter().map(|key| plain(key));
        let first = keys.find(|key| !has(&self.equal, key));
        let is_kept = |column: &String| Some(column.as_str()) == first || has(&self.equal, column);
        let mut asked = self.equal.iter().chain(&self.range);
        !self.sorted.is_empty()
            && self.rest.is_empty()
            && self.among.is_empty()
            // Each row of the other table has an order of its own.
            && self.joined.is_empty()
            && self.range.iter().all(is_kept)
            && asked.all(|column| self.serves(column, table))
    }

    /// A unique index finds the one row that there can be.
    fn finds_one(&self, table: &Table) -> bool {
        let is_fixed = |column: &String| {
            has(&self.equal, column)
                && !has(&self.among, column)
                && !has(&self.nulls, column)
                && self.serves(column, table)
        };
        table.indexes.iter().any(|index| {
            index.unique
                && index.serves()
                && !index.columns.is_empty()
                && index.columns.iter().all(is_fixed)
        })
    }

    /// Whether an index on a column serves what is asked of it.
    fn serves(&self, column: &str, table: &Table) -> bool {
        !has(&self.cast, column) || has(&table.texts, column)
    }

    /// The columns of an index that would serve it: equal ones first, those of an index that is there in its order; then those by which rows
    /// are asked for in order, or else the first range.
    fn index(&self, table: &Table) -> Vec<String> {
        let is_ordered = self.comes_in_order(table);
        let equal: Vec<&String> = self
            .equal
            .iter()
            .filter(|column| self.serves(column, table))
            .filter(|column| !is_ordered || !has(&self.nulls, column))
            .collect();
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
        let more: Vec<String> = if is_ordered {
            let keys = self.sorted.iter();
            keys.filter(|key| !has(&columns, plain(key)))
                .cloned()
                .collect()
        } else {
            let ranges = self.range.iter();
            ranges
                .filter(|range| !has(&columns, range) && self.serves(range, table))
                .take(1)
                .cloned()
                .collect()
        };
        columns.extend(more);
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
mod tests;
