//! Pools of connections, by the sessions that they open.

use std::collections::BTreeMap;

use katydid_record::GeneratorWindow;

use super::*;

fn at_work(looks: &[f64]) -> Vec<(u64, f64)> {
    (1..).zip(looks.iter().copied()).collect()
}

/// The machine of the database, an eighth of its processors busy.
fn on_a_machine(mut run: Run) -> Run {
    let source = OBSERVERS + 2;
    let watched = Watched {
        subject: "host".into(),
        kind: "host".into(),
        title: "Linux, 4 processors".into(),
        every_ms: 1_000,
        ..Watched::default()
    };
    run.apply(0, source, Body::Watched(Box::new(watched)));
    let name = |id: u32, name: &str| Name::Series {
        id,
        of: "host".into(),
        name: name.into(),
        labels: BTreeMap::new(),
        unit: String::new(),
        kind: SeriesKind::Counter,
    };
    let names = vec![name(0, "cpu.user"), name(1, "cpu.idle")];
    run.apply(0, source, Body::Names(names));
    for at in 0..20 {
        let spent = vec![(0, 0.5 * at as f64), (1, 3.5 * at as f64)];
        run.apply(at * S, source, Body::Samples(spent));
    }
    run
}

/// 20 requests of 800 ms per second, 45 ms of them in the database, and so many sessions at work at each look.
fn sessions(looks: &[f64]) -> Run {
    on_a_machine(of_class(looks, "running"))
}

fn of_class(looks: &[f64], class: &str) -> Run {
    Run::new(400, 800)
        .statement("aa", LIST, 1_200.0, 15.0, 20.0, 30.0)
        .spans(50, LIST, 3, 15_000)
        .series(
            "sessions",
            ("class", class),
            SeriesKind::Gauge,
            &at_work(looks),
        )
}

/// What is only suspected.
fn suspected(run: &Run) -> Finding {
    let all = run.findings(true);
    assert!(all.findings.iter().all(|of| of.rule != "pool"), "{all:#?}");
    let mut pools = all.suspected.iter().filter(|of| of.rule == "pool");
    pools.next().expect("a suspicion").clone()
}

/// As `sessions`, with those of two applications.
fn of_two(shop: &[f64], reports: &[f64]) -> Run {
    let all: Vec<f64> = shop.iter().zip(reports).map(|(a, b)| a + b).collect();
    let busy = |run: Run, application, looks| {
        run.series(
            "sessions.application.busy",
            ("application", application),
            SeriesKind::Gauge,
            &at_work(looks),
        )
    };
    busy(busy(sessions(&all), "shop", shop), "reports", reports)
}

#[test]
fn requests_wait_for_a_connection_while_the_database_could_do_more() {
    let found = sessions(&[2.0; 16]).only();
    assert_eq!(found.rule, "pool");
    assert!(
        found.what.starts_with("never more than 2 sessions"),
        "{}",
        found.what
    );
    let varies: Vec<f64> = (0..16).map(|n| f64::from(n % 4)).collect();
    assert!(sessions(&varies).ruled_out("pool"));
    assert!(
        sessions(&[16.0; 16]).ruled_out("pool"),
        "as many as requests"
    );
}

#[test]
fn a_session_of_another_process_at_one_look_hides_no_pool() {
    let mut looks = [2.0; 16];
    looks[7] = 3.0;
    let found = sessions(&looks).only();
    assert_eq!(found.rule, "pool");
    assert!(
        found.what.starts_with("seldom more than 2 sessions"),
        "{}",
        found.what
    );
    looks[11] = 3.0;
    assert!(
        sessions(&looks).ruled_out("pool"),
        "two of sixteen are no exception"
    );
}

#[test]
fn a_session_that_somebody_else_leaves_open_is_no_pool() {
    let seldom = |longest: f64| {
        Run::new(400, 800)
            .statement("aa", LIST, 400.0, 1.0, 20.0, 30.0)
            .spans(50, LIST, 1, 1_000)
            .sessions("idle in transaction", 1.0)
            .series(
                "longest.transaction",
                ("", ""),
                SeriesKind::Gauge,
                &at_work(&[longest; 18]),
            )
    };
    assert!(seldom(600.0).ruled_out("pool"), "open for minutes");
    assert_eq!(seldom(0.7).only().rule, "pool", "as long as a request");
}

#[test]
fn the_sessions_of_another_application_hide_no_pool() {
    let varies: Vec<f64> = (0..16).map(|n| f64::from(n % 4) * 4.0).collect();
    let found = of_two(&[2.0; 16], &varies).only();
    assert_eq!(found.rule, "pool");
    assert!(
        found.what.starts_with("never more than 2 sessions of shop"),
        "{}",
        found.what
    );
}

#[test]
fn another_application_with_one_session_that_is_always_at_work_is_no_pool() {
    let varies: Vec<f64> = (0..16).map(|n| f64::from(n % 5)).collect();
    assert!(of_two(&varies, &[5.0; 16]).ruled_out("pool"));
    let near: Vec<f64> = (0..16).map(|n| 1.5 + f64::from(n % 2)).collect();
    assert!(
        of_two(&near, &[2.0; 16]).ruled_out("pool"),
        "which of them is the endpoints' is not known"
    );
}

/// 30 requests are answered within 4 s, none of 60 later; meanwhile a session is `class`.
fn answered_no_more(class: &str) -> Run {
    let mut ages = Histogram::default();
    (0..60).for_each(|_| ages.record(15_000_000));
    let given_up = EndpointWindow {
        aborted: 60,
        aborted_age: ages.to_sparse(),
        ..EndpointWindow::default()
    };
    let mut run = Run::new(0, 1);
    run.apply(3 * S, 0, Body::Requests(vec![answered(30, 40)]));
    run.apply(19 * S, 0, Body::Requests(vec![given_up]));
    run.statement("aa", LIST, 30.0, 30.0, 20.0, 30.0)
        .spans(30, LIST, 1, 30_000)
        .sessions(class, 1.0)
}

#[test]
fn who_holds_all_connections_and_answers_nothing_is_stuck() {
    let all = answered_no_more("idle in transaction").findings(true);
    let found = &all.findings[0];
    assert_eq!(found.rule, "pool", "{all:#?}");
    assert!(
        found.what.contains("Nothing was answered in the last 17 s"),
        "{}",
        found.what
    );
    assert!(
        found
            .advice
            .starts_with("Have no request wait for a thread")
    );
    assert!(found.cost.is_some_and(|cost| cost.share > 0.9));
    // Where the statement itself takes so long it is the cause.
    let all = answered_no_more("running").findings(true);
    assert_eq!(all.findings[0].rule, "slow_statement", "{all:#?}");
    assert!(all.findings.iter().all(|of| of.rule != "pool"));
}

/// A pool of `PgBouncer` with all of its 4 connections in use; so many wait for one, of 20 requests under way.
fn told(waiting: f64) -> Run {
    let source = OBSERVERS + 1;
    let mut run = Run::new(400, 100);
    let watched = Watched {
        subject: "pool".into(),
        kind: "pgbouncer".into(),
        title: "PgBouncer 1.25".into(),
        every_ms: 1_000,
        ..Watched::default()
    };
    run.apply(0, source, Body::Watched(Box::new(watched)));
    let series = [
        ("pool.clients_waiting", waiting),
        ("pool.servers_active", 4.0),
        ("database.pool_size", 4.0),
    ];
    let name = |id: usize, name: &str| Name::Series {
        id: id as u32,
        of: "pool".into(),
        name: name.into(),
        labels: [("database".to_owned(), "shop".to_owned())].into(),
        unit: String::new(),
        kind: SeriesKind::Gauge,
    };
    let names = series.iter().enumerate();
    let names = names.map(|(id, (of, _))| name(id, of)).collect();
    run.apply(0, source, Body::Names(names));
    for at in 1..19 {
        let looks = series.iter().enumerate();
        let looks = looks.map(|(id, (_, value))| (id as u32, *value)).collect();
        run.apply(at * S, source, Body::Samples(looks));
        let window = GeneratorWindow {
            in_flight: 20,
            ..GeneratorWindow::default()
        };
        run.apply(at * S, 0, Body::Generator(Box::new(window)));
    }
    run
}

#[test]
fn a_pool_for_which_few_wait_is_no_cause() {
    let of_pool = |run: &Run| {
        let all = run.findings(true);
        let both = all.findings.iter().chain(&all.suspected);
        both.filter(|of| of.rule == "pool").count()
    };
    assert_eq!(of_pool(&told(8.0)), 1);
    assert_eq!(of_pool(&told(2.0)), 1);
    assert_eq!(of_pool(&told(1.0)), 0, "a twentieth of the requests");
}

#[test]
fn where_the_database_may_be_what_is_short_a_pool_is_suspected() {
    let full = [2.0; 16];
    let unseen = suspected(&of_class(&full, "running"));
    assert!(
        unseen.advice.contains("Only if the database has"),
        "{}",
        unseen.advice
    );
    suspected(&on_a_machine(of_class(&full, "io")));
    let waits = of_class(&full, "idle in transaction").findings(true);
    assert!(
        waits.findings.iter().any(|of| of.rule == "pool"),
        "the database does nothing: {waits:#?}"
    );
}

#[test]
fn a_worker_beside_idle_sessions_is_no_pool_for_sure() {
    let beside = |idle: f64| {
        let looks = at_work(&[idle; 16]);
        sessions(&[2.0; 16]).series("sessions", ("class", "idle"), SeriesKind::Gauge, &looks)
    };
    assert_eq!(beside(1.0).only().rule, "pool");
    suspected(&beside(5.0));
}

#[test]
fn no_more_connections_are_advised_than_the_server_allows() {
    let level = |run: Run, name, level: f64| {
        run.series(name, ("", ""), SeriesKind::Gauge, &at_work(&[level; 16]))
    };
    let allows = |most| {
        let run = level(sessions(&[2.0; 16]), "connections", 4.0);
        level(run, "connections.most", most).only()
    };
    let (few, many) = (allows(7.0), allows(97.0));
    assert!(few.advice.contains("connections: 5 in all processes"));
    assert!(few.advice.contains("max_connections"), "{}", few.advice);
    assert!(many.advice.contains("connections: 14 in all processes"));
    assert!(many.fixes[0].text.ends_with("divided by their number"));
}
