//! Requests that nobody waits for any more: each is counted once, as aborted.

use katydid_engine::clock::{MILLISECOND, now};
use katydid_engine::message::{Command, Message, Request};

use super::hub::{Hub, get, target, until};

fn under_way(hub: &mut Hub, target: &katydid_target::Target, clients: u32) -> Vec<u64> {
    let url = format!("{}/never", target.url());
    let tokens = (0..clients)
        .map(|client| {
            hub.submit(Request {
                client,
                ..get(&url)
            })
        })
        .collect();
    until("they are under way", || {
        target.truth().total.requests == u64::from(clients)
    });
    tokens
}

#[test]
fn cancelled() {
    let target = target();
    let mut hub = Hub::start();
    let tokens = under_way(&mut hub, &target, 3);
    hub.engine.push(Command::Cancel {
        client: 1,
        token: tokens[1],
    });
    // Twice, and in the wrong place: nothing more happens.
    hub.engine.push(Command::Cancel {
        client: 1,
        token: tokens[1],
    });
    hub.engine.push(Command::Cancel {
        client: 900,
        token: tokens[0],
    });
    until("the server notices", || {
        target.truth().connections.open == 2
    });
    let record = hub.so_far();
    assert_eq!(
        (record.ends(), record.generator.in_flight),
        ((0, 0, 1, 0), 2)
    );
    assert_eq!(record.total().aborted_age.count(), 1);
    assert_eq!(hub.finish().ends(), (0, 0, 3, 0));
}

#[test]
fn cancelled_at_once() {
    let target = target();
    let mut hub = Hub::start();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/never", target.addr().port());
        for client in 0..5 {
            let token = hub.submit(Request {
                client,
                ..get(&url)
            });
            hub.engine.push(Command::Cancel { client, token });
        }
    }
    assert_eq!(hub.finish().ends(), (0, 0, 10, 0));
}

#[test]
fn cancelled_after_the_end() {
    let target = target();
    let mut hub = Hub::start();
    let token = hub.submit(get(&format!("{}/null", target.url())));
    hub.completion(token).outcome.expect("it goes well");
    hub.engine.push(Command::Cancel { client: 0, token });
    // The connection is not touched.
    hub.response(get(&format!("{}/null", target.url())));
    let record = hub.finish();
    assert_eq!((record.ends(), record.opened()), ((2, 0, 0, 0), 1));
}

#[test]
fn stopped() {
    let target = target();
    let mut hub = Hub::start();
    under_way(&mut hub, &target, 5);
    let parked = format!("http://localhost:{}/never", target.addr().port());
    hub.submit(get(&parked));
    let record = hub.finish();
    assert_eq!(
        (record.ends(), record.total().aborted_age.count()),
        ((0, 0, 6, 0), 6)
    );
    // Stopping again is nothing, and nobody hears of what was given up.
    hub.finish();
    while let Some(message) = hub.queued() {
        assert!(matches!(message, Message::Tick(_)), "{message:?}");
    }
}

#[test]
fn dropped() {
    let target = target();
    let mut hub = Hub::start();
    under_way(&mut hub, &target, 2);
    hub.submit(Request {
        client: 1,
        ..get(&format!("http://localhost:{}/never", target.addr().port()))
    });
    hub.engine.push(Command::DropClient(1));
    until("the server notices", || {
        target.truth().connections.open == 1
    });
    assert_eq!(hub.so_far().ends(), (0, 0, 2, 0));
    // Its number may be given out again.
    hub.response(Request {
        client: 1,
        ..get(&format!("{}/null", target.url()))
    });
    drop(hub);
    until("all is closed", || target.truth().connections.open == 0);
}

#[test]
fn idle_connections_closed_on_request() {
    let target = target();
    let mut hub = Hub::start();
    for client in 0..2 {
        hub.response(Request {
            client,
            ..get(&format!("{}/null", target.url()))
        });
    }
    let busy = hub.submit(Request {
        client: 0,
        ..get(&format!("{}/delay?ms=100", target.url()))
    });
    hub.engine.push(Command::CloseIdle(0));
    hub.completion(busy).outcome.expect("it was not idle");
    hub.engine.push(Command::CloseIdle(0));
    until("the server notices", || {
        target.truth().connections.open == 1
    });
    hub.engine.push(Command::CloseIdle(700));
    assert_eq!(hub.finish().ends(), (3, 0, 0, 0));
}

#[test]
fn the_clock_speaks() {
    let mut hub = Hub::start();
    hub.engine.push(Command::Ramp {
        from: 0,
        to: 3,
        rate: 100.0,
    });
    for expected in 1..=3 {
        let message = hub.message();
        assert!(
            matches!(message, Message::Spawn { users, .. } if users == expected),
            "{message:?}"
        );
    }
    hub.engine.push(Command::TimeLimit(1_000_000));
    let message = hub.message();
    assert!(matches!(message, Message::TimeUp), "{message:?}");
}

#[test]
fn what_is_due_in_a_moment_is_sent_then() {
    let target = target();
    let mut hub = Hub::start();
    let ahead = |millis| now() + millis * MILLISECOND;
    let asked = |due, client| Request {
        due,
        client,
        ..get(&target.url())
    };
    // Not in the order in which they are due, and two at one instant.
    let twice = ahead(25);
    let dues = [ahead(40), ahead(15), twice, twice];
    let tokens: Vec<u64> = dues
        .into_iter()
        .zip(0..)
        .map(|(due, client)| hub.submit(asked(due, client)))
        .collect();
    // These are given up before: one by itself, one with its client.
    let gone = hub.submit(asked(ahead(60_000), 7));
    hub.engine.push(Command::Cancel {
        client: 7,
        token: gone,
    });
    hub.submit(asked(ahead(60_000), 8));
    hub.engine.push(Command::DropClient(8));
    for (token, due) in tokens.into_iter().zip(dues) {
        let at = hub.completion(token).instants;
        assert_eq!((at.due, at.asked), (due, due));
        assert!(at.taken >= due && at.send >= due, "{at:?}");
    }
    // One that comes too late is due when it was, and asked when it was.
    let late = now() - 5 * MILLISECOND;
    let token = hub.submit(asked(late, 0));
    let at = hub.completion(token).instants;
    assert!(at.due == late && at.asked > late && at.taken >= at.asked);
    hub.submit(asked(ahead(60_000), 9));
    let record = hub.finish();
    assert_eq!(record.ends(), (5, 0, 3, 0));
    let ages = &record.total().aborted_age;
    assert_eq!((ages.count(), ages.max_us()), (3, Some(0)));
}
