//! What a condition of a plan asks of a table: by which of its columns, and how.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::Scan;
use crate::sql_name::column_and_direction;

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
pub(super) fn conditions(text: &str, own: &str, scan: &mut Scan) {
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

pub(super) fn plain(key: &str) -> &str {
    column_and_direction(key).0
}

pub(super) fn has(list: &[String], column: &str) -> bool {
    list.iter().any(|one| one == column)
}

pub(super) fn put(list: &mut Vec<String>, column: String) {
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
pub(super) fn bare(expr: &Expr, own: &str) -> Option<String> {
    let (name, is_cast) = column(expr, own)?;
    (!is_cast).then_some(name)
}
