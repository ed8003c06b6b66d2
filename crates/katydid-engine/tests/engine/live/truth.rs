//! Our instants against the server's own, on the one clock that both read.

use std::collections::HashMap;

use katydid_engine::message::{Completion, Instants, Request};
use katydid_target::{Options, RequestTruth, Target};

use super::hub::{Hub, get, request_with};

fn in_order(at: &Instants) {
    let connected = if at.connected == 0 {
        at.taken
    } else {
        at.connected
    };
    let order = [
        at.asked,
        at.taken,
        connected,
        at.send,
        at.first_byte,
        at.done,
    ];
    assert!(order.is_sorted(), "{at:?}");
    assert!(at.due <= at.taken && !order.contains(&0), "{at:?}");
}

#[test]
fn instants_come_in_order() {
    let target = super::hub::target();
    let mut hub = Hub::start();
    for client in [0, 0, 1, 1, 0] {
        let completion = hub.ask(Request {
            client,
            ..get(&format!("{}/slow?bytes=2000&ms=3", target.url()))
        });
        in_order(&completion.instants);
        assert_eq!(completion.reused, completion.instants.connected == 0);
    }
}

#[test]
fn due_is_kept_apart_from_asked() {
    let target = super::hub::target();
    let mut hub = Hub::start();
    hub.response(get(&format!("{}/null", target.url())));
    let due = katydid_engine::clock::now() - 2_000_000_000;
    let completion = hub.ask(Request {
        due,
        ..get(&format!("{}/null", target.url()))
    });
    assert_eq!(completion.instants.due, due);
    let total = hub.finish().total();
    assert!(
        total.from_due.max_us() >= Some(2_000_000)
            && total.from_send.max_us() < total.from_due.max_us()
    );
    assert!(total.from_asked.max_us() < Some(2_000_000));
}

/// What the client saw can only lie around what the server saw.
#[test]
fn the_servers_time_lies_within_ours() {
    let target = Target::spawn(&Options {
        log_requests: true,
        ..Options::default()
    })
    .expect("it starts");
    let mut hub = Hub::start();
    let paths = [
        "/null",
        "/dist?name=exp&mean=3",
        "/slow?bytes=20000&ms=0",
        "/bytes?n=200000",
        "/delay?ms=2",
    ];
    let mut seen: HashMap<String, Completion> = HashMap::new();
    for round in 0..40 {
        let mut asked = Vec::new();
        for (client, path) in paths.iter().enumerate() {
            let id = format!("{round}-{client}");
            let headers: [(&[u8], &[u8]); 1] = [(b"X-Request-Id", id.as_bytes())];
            let url = format!("{}{path}", target.url());
            let request = request_with("GET", &url, b"", &headers);
            asked.push((
                hub.submit(Request {
                    client: client as u32,
                    ..request
                }),
                id,
            ));
        }
        for (token, id) in asked {
            seen.insert(id, hub.completion(token));
        }
    }
    let truths = target.requests();
    assert_eq!(truths.len(), seen.len());
    for truth in truths {
        let id = truth.id.clone().expect("each has one");
        within(&truth, &seen[&id].instants);
    }
    let record = hub.finish();
    assert_eq!(record.ends().0, target.stop().total.served);
}

fn within(truth: &RequestTruth, at: &Instants) {
    in_order(at);
    assert!(truth.complete);
    assert!(at.send <= truth.first_byte_read_ns, "{at:?} {truth:?}");
    assert!(
        truth.first_byte_written_ns <= at.first_byte,
        "{at:?} {truth:?}"
    );
    assert!(truth.last_byte_written_ns <= at.done, "{at:?} {truth:?}");
    let from_send = at.done - at.send;
    assert!(from_send >= truth.last_byte_written_ns - truth.first_byte_read_ns);
    assert!(from_send >= truth.intended_ns);
}
