//! Which index is missing, and of which nothing is said.

use super::*;

/// What sorts the orders that this filter leaves, to give the first.
fn listed(filter: &str, rows: u64, table: &str) -> Run {
    let plan = format!(
        r#"{{"node": "Limit", "rows": 21, "cost": 900, "below": [{{"node": "Sort", "sort": ["created_at DESC"], "rows": {rows},
            "below": [{{"node": "Seq Scan", "table": "orders", "alias": "orders", "filter": "{filter}", "rows": {rows}}}]}}]}}"#
    );
    Run::new(200, 60)
        .statement("aa", LIST, 200.0, 30.0, 20.0, 1_900.0)
        .spans(50, LIST, 1, 31_000)
        .fact("plan", "aa", &plan)
        .fact("table", "orders", table)
}

#[test]
fn an_order_alone_is_no_index_where_more_is_asked() {
    let there = table(200_000, "\"id\"");
    let both = "((tenant_id = $1) AND (note ~~ $2))";
    let found = listed(both, 4_000, &there).only();
    assert_eq!(found.about, "orders (tenant_id)");
    assert!(
        !found.what.contains("sorts"),
        "it still sorts then: {}",
        found.what
    );
    assert!(
        listed(both, 90_000, &there).ruled_out("missing_index"),
        "much is kept"
    );
    assert!(listed("(note ~~ $1)", 4_000, &there).ruled_out("missing_index"));
    let all = listed("(tenant_id = $1)", 90_000, &there).only();
    assert_eq!(all.about, "orders (tenant_id, created_at DESC)");
}

#[test]
fn of_a_unique_index_nothing_is_said() {
    let of = |unique: bool, columns: &str| {
        let known = table(200_000, columns);
        sorted(
            1_900.0,
            &known.replace("\"valid\"", &format!("\"unique\": {unique}, \"valid\"")),
        )
    };
    let is_served = |run: Run| run.only().advice.contains("It also serves what i does");
    let both = "\"tenant_id\", \"id\"";
    assert!(is_served(of(false, both)));
    assert!(!is_served(of(true, both)), "it keeps a promise as well");
    // Where a tenant has one order, its index finds it.
    assert!(of(true, "\"tenant_id\"").ruled_out("missing_index"));
}

/// A refusal counts where the plan is for values that were asked for, though fewer rows come than it expects.
#[test]
fn what_a_plan_with_values_says_is_believed() {
    const OPEN: &str = "SELECT id FROM orders WHERE status = $1";
    let run = |seen: u32| {
        let plan = format!(
            r#"{{"node": "Seq Scan", "table": "orders", "filter": "(status = $1)", "rows": 66000, "cost": 1975, "seen": {seen}}}"#
        );
        Run::new(200, 60)
            .statement("aa", OPEN, 200.0, 30.0, 10.0, 1_900.0)
            .spans(50, OPEN, 1, 31_000)
            .fact("plan", "aa", &plan)
            .fact("table", "orders", &table(200_000, "\"id\""))
            .fact(
                "plan.tried",
                "aa",
                r#"[{"table": "orders", "columns": ["status"], "before": 1975, "after": 1888, "is_used": true}]"#,
            )
    };
    assert_eq!(run(0).only().rule, "missing_index");
    assert!(run(2).ruled_out("missing_index"));
}

#[test]
fn of_a_table_that_is_not_known_it_is_not_observed() {
    let part = table(200_000, "\"id\"").replace("\"rows\"", "\"partition\": true, \"rows\"");
    for told in [part.as_str(), "no table"] {
        let all = listed("(tenant_id = $1)", 4_000, told).findings(true);
        let mut found = all.findings.iter().chain(&all.suspected);
        assert!(found.all(|of| of.rule != "missing_index"), "{all:#?}");
        assert!(all.ruled_out.iter().all(|of| of.rule != "missing_index"));
        let mut blind = all.not_observed.iter();
        assert!(
            blind.any(|of| of.what.starts_with("the indexes of orders")),
            "{all:#?}"
        );
    }
}

/// The items of few orders, of a table that is read as a whole.
#[test]
fn a_key_of_another_table_wants_an_index_where_few_are_looked_up() {
    const ITEMS: &str =
        "SELECT i.n FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id = $1";
    let run = |lookups: u64, rows: u64| {
        let plan = format!(
            r#"{{"node": "Hash Join", "join": "Inner", "hash_cond": "(i.order_id = o.id)", "rows": {rows}, "cost": 900, "below": [
                {{"node": "Seq Scan", "table": "items", "alias": "i", "rows": 200000}},
                {{"node": "Hash", "rows": {lookups}, "below": [
                    {{"node": "Index Scan", "table": "orders", "alias": "o", "cond": "(id = $1)", "rows": {lookups}}}]}}]}}"#
        );
        let there = table(200_000, "\"id\"").replace("\"rows\"", "\"pages\": 2000, \"rows\"");
        Run::new(200, 60)
            .statement("aa", ITEMS, 200.0, 30.0, 5.0, 2_000.0)
            .spans(50, ITEMS, 1, 31_000)
            .fact("plan", "aa", &plan)
            .fact("table", "items", &there)
            .fact("table", "orders", &there)
    };
    assert_eq!(run(1, 5).only().about, "items (order_id)");
    assert!(
        run(2_000, 5).ruled_out("missing_index"),
        "so many lookups read more"
    );
    assert!(run(1, 20_000).ruled_out("missing_index"));
}

#[test]
fn what_it_costs_writes_is_said() {
    let known = table(200_000, "\"id\"");
    let grows = |run: Run, series: &str, labels: (&str, &str), per_second: f64| {
        let points: Vec<(u64, f64)> = (1..=21).map(|at| (at, at as f64 * per_second)).collect();
        run.series(series, labels, SeriesKind::Counter, &points)
    };
    let looked = grows(sorted(1_900.0, &known), "database.commits", ("", ""), 9.0);
    let orders = ("table", "orders");
    let written = grows(looked, "table.rows_inserted", orders, 40.0).only();
    assert!(
        written.advice.contains("40 rows per second were inserted"),
        "{}",
        written.advice
    );
    let number = written.evidence.last().expect("it is the last");
    assert_eq!((number.value, number.unit.as_str()), (40.0, "/s"));
    let unknown = sorted(1_900.0, &known).only();
    assert!(!unknown.advice.contains("an entry"), "{}", unknown.advice);
}

/// What reads the orders of a tenant by an index on that, and a filter behind it; `found`: how many the index finds, and the filter keeps.
fn filtered(top: &str, filter: &str, rows: f64, found: Option<(u64, u64)>) -> Run {
    let plan = format!(
        r#"{{"node": "{top}", "rows": 1, "cost": 900, "below": [{{"node": "Index Scan", "table": "orders", "alias": "orders",
            "index": "i", "cond": "(tenant_id = $1)", "filter": "({filter})", "rows": 3900}}]}}"#
    );
    let run = Run::new(200, 60)
        .statement("aa", LIST, 200.0, 30.0, rows, 3_900.0)
        .spans(50, LIST, 1, 31_000)
        .fact("plan", "aa", &plan)
        .fact("table", "orders", &table(200_000, "\"tenant_id\""));
    let Some((of, kept)) = found else { return run };
    let told = format!(r#"[{{"place": "/below/0", "of": {of}, "kept": {kept}}}]"#);
    run.fact("plan.found", "aa", &told)
}

fn is_suspected(run: &Run) -> bool {
    let all = run.findings(true);
    let is_it = |of: &Finding| of.rule == "missing_index";
    !all.findings.iter().any(is_it) && all.suspected.iter().any(is_it)
}

#[test]
fn a_filter_that_most_rows_pass_wants_no_index() {
    let summed = |found| filtered("Aggregate", "deleted_at IS NULL", 1.0, found);
    assert!(summed(Some((4_000, 3_900))).ruled_out("missing_index"));
    let most = summed(Some((80_000, 3_900))).only();
    assert_eq!(most.confidence, Confidence::Strong);
    assert_eq!(most.about, "orders (tenant_id, deleted_at)");
    assert!(
        most.what
            .contains("of the 80,000 rows that its index finds"),
        "{}",
        most.what
    );
    assert!(is_suspected(&summed(None)));
}

#[test]
fn how_many_rows_have_an_unknown_value_is_a_guess() {
    let by_status = |top: &str, rows: f64| filtered(top, "status = $2", rows, Some((8_000, 1_600)));
    assert!(is_suspected(&by_status("Aggregate", 1.0)));
    // Each row that is kept is given: what a call reads for each says it as well.
    let is_strong = |run: &Run| run.only().confidence == Confidence::Strong;
    assert!(is_strong(&by_status("Limit", 20.0)));
    assert!(is_strong(&by_status("Gather", 20.0)));
    assert!(by_status("Gather", 5_000.0).ruled_out("missing_index"));
}

#[test]
fn what_is_sure_does_not_hide_below_what_is_not() {
    let guessed = filtered("Aggregate", "status = $2", 1.0, Some((8_000, 1_600)));
    let plan = r#"{"node": "Gather", "rows": 20, "cost": 900, "below": [{"node": "Index Scan", "table": "orders", "alias": "orders",
        "index": "i", "cond": "(tenant_id = $1)", "filter": "(status = $2)", "rows": 20}]}"#;
    let both = guessed
        .statement("bb", ITEM, 200.0, 30.0, 20.0, 3_900.0)
        .spans(50, ITEM, 1, 31_000)
        .fact("plan", "bb", plan)
        .fact(
            "plan.found",
            "bb",
            r#"[{"place": "/below/0", "of": 8000, "kept": 20}]"#,
        );
    let all = both.findings(true);
    let found = all.findings.iter().find(|of| of.rule == "missing_index");
    let found = found.expect("one of the two is sure");
    assert_eq!(found.about, "orders (tenant_id, status)");
    assert!(found.consequences[0].starts_with("the same index serves"));
}
