//! Which index a plan has use for, by what the server prints.

use serde_json::json;

use super::*;

fn node(value: serde_json::Value) -> Node {
    serde_json::from_value(value).expect("a plan")
}

fn table(indexes: &[&[&str]]) -> Table {
    let index = |columns: &&[&str]| Index {
        name: columns.join("_"),
        unique: false,
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
    // Of an index in that order the rows of other values would be read as well.
    assert_eq!(index(first), ["status", "tenant_id"]);
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

/// The first scan of a table `t` with this filter.
fn scan(filter: &str) -> Scan {
    let plan = json!({"node": "Seq Scan", "table": "t", "alias": "t", "filter": filter});
    node(plan).scans().remove(0)
}

/// What is asked for in the order of `at`.
fn first(filter: &str) -> Scan {
    let scan = json!({"node": "Seq Scan", "table": "t", "alias": "t", "filter": filter});
    let sort = json!({"node": "Sort", "sort": ["at DESC"], "below": [scan]});
    node(json!({"node": "Limit", "below": [sort]}))
        .scans()
        .remove(0)
}

#[test]
fn a_row_that_a_unique_index_finds_wants_no_other() {
    let mut there = table(&[&["slug", "tenant"]]);
    let both = scan("((tenant = $1) AND (slug = $2) AND (status = $3))");
    assert!(both.missing(&there).is_some());
    there.indexes[0].unique = true;
    assert_eq!(both.missing(&there), None);
    for several in [
        "((tenant = ANY ($1)) AND (slug = $2) AND (status = $3))",
        "((tenant IS NULL) AND (slug = $2) AND (status = $3))",
        "((tenant = $1) AND (status = $2))",
    ] {
        assert!(scan(several).missing(&there).is_some(), "{several}");
    }
    there.indexes[0].partial = true;
    assert!(both.missing(&there).is_some());
}

#[test]
fn a_comparison_has_a_column_of_the_table_on_one_side() {
    let check = |filter: &str, columns: &[&str], joined: &[&str]| {
        let scan = scan(filter);
        let found = [scan.equal, scan.range].concat();
        assert_eq!(
            (found, scan.joined),
            (words(columns), words(joined)),
            "{filter}"
        );
        assert_eq!(scan.rest.is_empty(), !columns.is_empty(), "{filter}");
    };
    check("(stock < reorder_level)", &[], &[]);
    check("(a > (b + $1))", &[], &[]);
    check("(a = lower(b))", &[], &[]);
    check("(p.slug = post_slug)", &["post_slug"], &["post_slug"]);
    check("(t.id = o.t_id)", &["id"], &["id"]);
    check("(p.slug = o.slug)", &[], &[]);
    check("(at > (now() - $1::interval))", &["at"], &[]);
    check("(at = CURRENT_DATE)", &["at"], &[]);
    check("(kind = ANY (ARRAY[…]))", &["kind"], &[]);
    check("(kind = ANY (…))", &["kind"], &[]);
}

#[test]
fn a_part_is_not_asked_of_what_reads_all() {
    let scans =
        |between: serde_json::Value| node(json!({"node": "Limit", "below": [between]})).scans();
    let scan = json!({"node": "Seq Scan", "table": "t", "alias": "t"});
    let sort = json!({"node": "Sort", "sort": ["t.at DESC"], "rows": 900.0, "below": [scan]});
    assert_eq!(scans(sort.clone())[0].sorted, ["at DESC"]);
    for kind in [
        "Unique",
        "WindowAgg",
        "SetOp",
        "Group",
        "Aggregate",
        "Hash",
        "Merge Join",
    ] {
        let above = json!({"node": kind, "below": [sort]});
        assert_eq!(scans(above)[0].sorted, [""; 0], "{kind}");
    }
    for kind in ["WindowAgg", "Limit", "Hash", "Materialize"] {
        let above =
            json!({"node": "Sort", "sort": ["t.at"], "below": [{"node": kind, "below": [scan]}]});
        assert_eq!(scans(above)[0].sorted, [""; 0], "{kind}");
    }
    let other = json!({"node": "Sort", "sort": ["u.n"], "below": [{"node": "Merge Join", "below": [sort]}]});
    assert_eq!(scans(other)[0].sorted, [""; 0], "a merge's own order");
    let mut subplan = sort;
    subplan["subplan"] = json!(true);
    assert_eq!(scans(subplan)[0].sorted, [""; 0], "of a WITH");
}

#[test]
fn an_order_is_worth_an_index_where_nothing_is_left_out() {
    let there = table(&[&["id"]]);
    let check = |filter: &str, columns: &[&str]| {
        let scan = first(filter);
        assert_eq!(scan.index(&there), words(columns), "{filter}: {scan:?}");
    };
    check("(tenant = $1)", &["tenant", "at DESC"]);
    check(
        "((tenant = $1) AND published)",
        &["tenant", "published", "at DESC"],
    );
    check(
        "((NOT hidden) AND (tenant = $1))",
        &["hidden", "tenant", "at DESC"],
    );
    check("((tenant = $1) AND (at < $2))", &["tenant", "at DESC"]);
    check("((tenant = $1) AND (price < $2))", &["tenant", "price"]);
    check(
        "((tenant = $1) AND (ROW(at, id) < ROW($2, $3)))",
        &["tenant", "at DESC"],
    );
    check(
        "((tenant = $1) AND (ROW(price, id) < ROW($2, $3)))",
        &["tenant", "price"],
    );
    // The server knows of no order behind a NULL.
    check(
        "((deleted_at IS NULL) AND (tenant = $1))",
        &["tenant", "at DESC"],
    );
    for other in [
        "((name)::text ~~ $2)",
        "(tags @> $2)",
        "(status <> $2)",
        "((a = $2) OR (b = $3))",
        "(NOT (SubPlan $2))",
        "(hashed SubPlan $2)",
        "(ANY (id = (hashed SubPlan $2).col1))",
        "EXISTS(SubPlan $2)",
        "(lower(name) = $2)",
        "(id = (SubPlan $2))",
    ] {
        check(&format!("((tenant = $1) AND {other})"), &["tenant"]);
        check(other, &[]);
    }
    check("no condition (", &[]);
    // An order of its own for each row of the other table.
    check("((o.tenant = tenant) AND (kind = $1))", &["tenant", "kind"]);
}

#[test]
fn what_is_computed_first_is_a_value() {
    for value in ["(InitPlan $1).col1", "(InitPlan $12).col10", "$0"] {
        let scan = scan(&format!("((tenant = {value}) AND (at > $2))"));
        assert_eq!(
            (scan.equal, scan.range),
            (words(&["tenant"]), words(&["at"]))
        );
        assert_eq!(scan.rest, [""; 0], "{value}");
    }
}

#[test]
fn a_column_that_is_null_comes_last() {
    let scan = scan("((deleted_at IS NULL) AND (email = $1))");
    assert_eq!(scan.index(&table(&[])), ["email", "deleted_at"]);
}

#[test]
fn a_cast_to_text_is_served_where_the_column_is_text() {
    let mut there = table(&[&["id"]]);
    let scan = first("(((external_id)::text = $1) AND (tenant = $2))");
    assert_eq!(scan.missing(&there), Some(words(&["tenant"])));
    there.texts = words(&["external_id"]);
    assert_eq!(
        scan.missing(&there),
        Some(words(&["external_id", "tenant", "at DESC"]))
    );
}

#[test]
fn a_part_of_a_table_wants_no_index_of_its_own() {
    let mut there = table(&[&["id"]]);
    let scan = scan("(tenant = $1)");
    assert!(scan.missing(&there).is_some());
    there.partition = true;
    assert_eq!(scan.missing(&there), None);
}

#[test]
fn what_stands_before_a_verb_does_not_hide_it() {
    for query in [
        "SELECT 1",
        "-- name: ListOrders :many; all\nSELECT id FROM orders WHERE a = $1",
        "/* OrderRepository.find; /* nested */ */ select id from orders",
        "((SELECT a FROM b) UNION (SELECT c FROM d))",
        "with a as (select 1) select * from a",
        "SELECT a FROM b WHERE c = 'x' /* route; */",
    ] {
        assert!(has_plan(query), "{query}");
    }
    for query in [
        "SELECT 1; DROP TABLE a",
        "-- SELECT\nVACUUM a",
        "/* a */ SELECT 1 /* b */; DELETE FROM a",
        "SELECT 'a;b'",
        "SELECT 'a",
        "INSERT INTO a VALUES (1)",
        "-- nothing",
        "",
    ] {
        assert!(!has_plan(query), "{query}");
    }
}

#[test]
fn what_is_joined_is_found_by_an_index_for_each_of_few() {
    let scan = |join: &str, cond: &str, filter: Option<&str>| {
        let mut items = json!({"node": "Seq Scan", "table": "items", "alias": "i", "rows": 1e5});
        if let Some(filter) = filter {
            items["filter"] = json!(filter);
        }
        let orders = json!({"node": "Index Scan", "table": "orders", "alias": "o", "cond": "(tenant = $1)", "rows": 9.0});
        let hash = json!({"node": "Hash", "below": [orders], "rows": 9.0});
        let plan = json!({"node": "Hash Join", "join": join, "hash_cond": cond, "rows": 30.0, "below": [items, hash]});
        node(plan).scans().remove(0)
    };
    let by_order = scan("Inner", "(i.order_id = o.id)", None);
    assert_eq!(
        by_order.missing(&table(&[&["id"]])),
        Some(words(&["order_id"]))
    );
    assert_eq!((by_order.lookups, by_order.given), (Some(9.0), Given::No));
    assert!((by_order.rows - 30.0).abs() < 1.0);
    for other in [
        scan("Left", "(i.order_id = o.id)", None),
        scan("Inner", "(lower(i.code) = o.code)", None),
        scan("Inner", "((i.order_id = o.id) AND (i.n > o.n))", None),
        scan("Inner", "((i.code)::text = o.code)", None),
    ] {
        assert_eq!((other.equal.len(), other.lookups), (0, None));
    }
    let asked = scan("Inner", "(i.order_id = o.id)", Some("(kind = $1)"));
    assert_eq!((asked.equal, asked.lookups), (words(&["kind"]), None));
}

#[test]
fn the_other_side_of_a_join_is_read_through_what_hands_it_on() {
    let items = json!({"node": "Seq Scan", "table": "items", "alias": "i", "rows": 1e5});
    let sort = json!({"node": "Sort", "sort": ["i.order_id"], "below": [items]});
    let orders = json!({"node": "Index Scan", "table": "orders", "alias": "o", "rows": 9.0});
    let plan = json!({"node": "Merge Join", "join": "Inner", "merge_cond": "(o.id = i.order_id)", "below": [orders, sort]});
    let scans = node(plan).scans();
    assert_eq!(scans[1].equal, ["order_id"]);
    assert_eq!((scans[0].lookups, scans[1].lookups), (None, Some(9.0)));
}
