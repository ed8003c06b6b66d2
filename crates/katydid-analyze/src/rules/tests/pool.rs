//! Pools of connections, by the sessions that they open.

use super::*;

fn at_work(looks: &[f64]) -> Vec<(u64, f64)> {
    (1..).zip(looks.iter().copied()).collect()
}

/// 20 requests of 800 ms per second, 15 ms of them in the database, and so many sessions at work at each look.
fn sessions(looks: &[f64]) -> Run {
    Run::new(400, 800)
        .statement("aa", LIST, 400.0, 15.0, 20.0, 30.0)
        .spans(50, LIST, 1, 15_000)
        .series(
            "sessions",
            ("class", "running"),
            SeriesKind::Gauge,
            &at_work(looks),
        )
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
