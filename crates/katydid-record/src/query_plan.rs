//! A statement's plan and its tables, as facts `plan` and `table` tell them: which columns of a table a scan is for, and what an index of
//! them was tried to change (`plan.tried`). Knows no threshold.

use serde::{Deserialize, Serialize};
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderBySort,
    UnaryOperator,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

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
    /// The statement gives each row that this scan gives: nothing above it joins, adds up or leaves out.
    pub is_given: bool,
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
    /// Every scan of a table below this node.
    pub fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        self.collect(false, None, None, true, &mut scans);
        scans
    }

    /// `limited`: only a part of the rows is asked for; `sort`: by these keys, and how many rows are sorted; `join`: what is asked of
    /// all of them; `given`: all that comes from here is given.
    fn collect(
        &self,
        limited: bool,
        sort: Option<(&[String], f64)>,
        join: Option<Join<'_>>,
        given: bool,
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
                is_given: given,
                ..self.scan(table, sort, join)
            });
        }
        // Of a sort's rows all are read, and a merge needs its own order.
        let limited = limited && !is_sort && self.kind != "Merge Join";
        let reads_all = self.kind.contains("Aggregate") || READS_ALL.contains(&self.kind.as_str());
        let given = given && PASSES_ON.contains(&self.kind.as_str());
        let join = join.filter(|_| HANDS_ON.contains(&self.kind.as_str()));
        for (side, node) in self.below.iter().enumerate() {
            let given = given && !node.subplan;
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

/// What the server writes for what it computes elsewhere, and SQL that stands for it: a value, or a condition that no index serves.
const COMPUTED: [(&str, &str); 3] = [
    ("(InitPlan ", "$0"),
    ("(hashed SubPlan ", "(SELECT $0)"),
    ("(SubPlan ", "(SELECT $0)"),
];

/// A condition as the SQL that a parser knows.
fn readable(text: &str) -> String {
    let mut text = text
        .replace("(…)", "($0)")
        .replace("[…]", "[$0]")
        .replace("(ANY (", "(of_any (")
        .replace("(ALL (", "(of_all (");
    for (start, sql) in COMPUTED {
        while let Some(at) = text.find(start) {
            let end = text[at..].find(')').map_or(text.len(), |end| at + end + 1);
            let column = text[end..].strip_prefix(".col").map_or(0, |rest| {
                let digits = rest.find(|c: char| !c.is_ascii_digit());
                ".col".len() + digits.unwrap_or(rest.len())
            });
            text.replace_range(at..end + column, sql);
        }
    }
    text
}

fn parsed(text: &str) -> Option<Expr> {
    let text = readable(text);
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(&text)
        .ok()?;
    let expr = parser.parse_expr().ok()?;
    (parser.peek_token() == Token::EOF).then_some(expr)
}

/// Adds what a condition asks of the table of this name: of `AND` all, of `OR` nothing.
fn conditions(text: &str, own: &str, scan: &mut Scan) {
    match parsed(text) {
        Some(expr) => of_expr(&expr, own, scan),
        None => put(&mut scan.rest, text.to_owned()),
    }
}

fn of_expr(expr: &Expr, own: &str, scan: &mut Scan) {
    match expr {
        Expr::Nested(inner) => of_expr(inner, own, scan),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            of_expr(left, own, scan);
            of_expr(right, own, scan);
        }
        _ => {
            if of_one(expr, own, scan).is_none() {
                put(&mut scan.rest, expr.to_string());
            }
        }
    }
}

/// Adds the column by which one condition asks; `None` where no index on a column serves it.
fn of_one(expr: &Expr, own: &str, scan: &mut Scan) -> Option<()> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let is_range = match op {
                BinaryOperator::Eq => false,
                BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq => true,
                _ => return None,
            };
            let (left, right) = if is_range {
                (first_of(left), first_of(right))
            } else {
                (left.as_ref(), right.as_ref())
            };
            let column =
                compared(left, right, own, scan).or_else(|| compared(right, left, own, scan))?;
            if is_range {
                put(&mut scan.range, column);
            } else {
                put(&mut scan.equal, column);
            }
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => {
            let column = compared(left, right, own, scan)?;
            put(&mut scan.among, column.clone());
            put(&mut scan.equal, column);
        }
        Expr::IsNull(inner) => put(&mut scan.nulls, bare(inner, own)?),
        // A column of truth values is a condition itself, and an index on it serves that.
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: inner,
        } => put(&mut scan.equal, bare(inner, own)?),
        _ => put(&mut scan.equal, bare(expr, own)?),
    }
    Some(())
}

/// Where rows are compared, as a page is asked for behind another, an index serves what their first columns say.
fn first_of(expr: &Expr) -> &Expr {
    let Expr::Function(call) = expr else {
        return expr;
    };
    let FunctionArguments::List(list) = &call.args else {
        return expr;
    };
    match list.args.first() {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first)))
            if call.name.to_string() == "ROW" =>
        {
            first
        }
        _ => expr,
    }
}

/// The own column that one side of a comparison is, where the other side has none: no index knows both.
fn compared(one: &Expr, other: &Expr, own: &str, scan: &mut Scan) -> Option<String> {
    let (column, is_cast) = column(one, own)?;
    match reads(other, own) {
        Reads::Own => return None,
        Reads::Others => put(&mut scan.joined, column.clone()),
        Reads::Nothing => {}
    }
    if is_cast {
        put(&mut scan.cast, column.clone());
    }
    Some(column)
}

/// Of which tables an expression has columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reads {
    Nothing,
    /// Of others alone.
    Others,
    /// Of the one that is scanned, as far as is known.
    Own,
}

fn reads(expr: &Expr, own: &str) -> Reads {
    match expr {
        // So the server writes parameters as well.
        Expr::Value(_) => Reads::Nothing,
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, _] if of.value != own => Reads::Others,
            _ => Reads::Own,
        },
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::UnaryOp { expr: inner, .. } => reads(inner, own),
        Expr::BinaryOp { left, right, .. } => reads(left, own).max(reads(right, own)),
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => reads(timestamp, own).max(reads(time_zone, own)),
        Expr::Array(array) => most(array.elem.iter().map(|one| reads(one, own))),
        Expr::Function(call) => of_call(call, own),
        _ => Reads::Own,
    }
}

fn of_call(call: &Function, own: &str) -> Reads {
    match &call.args {
        FunctionArguments::None => Reads::Nothing,
        FunctionArguments::Subquery(_) => Reads::Own,
        FunctionArguments::List(list) => most(list.args.iter().map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => reads(expr, own),
            _ => Reads::Own,
        })),
    }
}

fn most(all: impl Iterator<Item = Reads>) -> Reads {
    all.max().unwrap_or(Reads::Nothing)
}

fn plain(key: &str) -> &str {
    column_and_direction(key).0
}

fn has(list: &[String], column: &str) -> bool {
    list.iter().any(|one| one == column)
}

fn put(list: &mut Vec<String>, column: String) {
    if !list.contains(&column) {
        list.push(column);
    }
}

/// The own column that an expression is, if it is one, and whether it is cast to text: an index on the column serves no other cast.
/// Own ones have no name of a table before them where the server thinks that there is no doubt.
fn column(expr: &Expr, own: &str) -> Option<(String, bool)> {
    match expr {
        Expr::Identifier(name) => Some((name.value.clone(), false)),
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, name] if of.value == own => Some((name.value.clone(), false)),
            _ => None,
        },
        Expr::Nested(inner) => column(inner, own),
        Expr::Cast {
            expr, data_type, ..
        } => {
            let is_text = matches!(
                data_type.to_string().to_ascii_lowercase().as_str(),
                "text" | "varchar" | "character varying"
            );
            let (name, _) = column(expr, own).filter(|_| is_text)?;
            Some((name, true))
        }
        _ => None,
    }
}

/// The own column that an expression is as it stands.
fn bare(expr: &Expr, own: &str) -> Option<String> {
    let (name, is_cast) = column(expr, own)?;
    (!is_cast).then_some(name)
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
