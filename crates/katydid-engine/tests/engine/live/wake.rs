//! The two queues under stress: whatever the rhythm, nobody sleeps while the other has left work.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use katydid_engine::message::{Flight, Judge, Message, Payload, Request};

use super::hub::{Hub, get, target, until};

/// Nothing may stand still for longer while something is under way.
const WATCHDOG: Duration = Duration::from_secs(5);
const REQUESTS: u64 = if cfg!(debug_assertions) {
    60_000
} else {
    300_000
};

/// Keeps the thread from going back to its queue, for 0 to some 60 µs.
fn dawdle(random: &mut fastrand::Rng) {
    match random.u8(..) {
        0..200 => {}
        200..240 => (0..random.u32(..2_000)).for_each(|_| std::hint::spin_loop()),
        240.. => std::thread::yield_now(),
    }
}

#[test]
fn no_wake_up_is_lost() {
    let target = target();
    let mut hub = Hub::start();
    let mut random = fastrand::Rng::with_seed(7);
    let Payload::Own(bytes) = get(&format!("{}/null", target.url())).payload else {
        panic!("it is its own")
    };
    let template = Request {
        payload: Payload::Shared(bytes.into()),
        discard_body: true,
        judge: Judge::EngineIfOk {
            fast_list: false,
            follow: false,
        },
        ..get(&format!("{}/null", target.url()))
    };
    let began = Instant::now();
    let (mut sent, mut ended) = (0_u64, 0_u64);
    while ended < REQUESTS {
        // Mostly one or two under way, so that both sides run dry and fall asleep all the time; sometimes a crowd.
        let crowd = match random.u8(..) {
            0..150 => 1,
            150..240 => 2,
            240.. => random.u64(3..48),
        };
        while sent < REQUESTS && sent - ended < crowd {
            hub.submit(Request {
                client: (sent % 48) as u32,
                ..template.clone()
            });
            sent += 1;
            dawdle(&mut random);
        }
        let take = random.u64(1..=sent - ended);
        let mut taken = 0;
        while taken < take {
            let Some(message) = hub.receive_within(WATCHDOG) else {
                panic!(
                    "stalled with {} under way after {ended} in {:?}",
                    sent - ended,
                    began.elapsed()
                );
            };
            if let Message::Completed(flight) = message {
                assert!(flight.completion.recorded);
                taken += 1;
            }
            dawdle(&mut random);
        }
        ended += taken;
    }
    assert_eq!(hub.finish().ends(), (REQUESTS, 0, 0, 0));
    assert_eq!(target.stop().total.served, REQUESTS);
}

/// Submits come from a thread that is not the one that drains.
#[test]
fn other_threads_may_push() {
    let target = target();
    let hub = Hub::start();
    let template = get(&format!("{}/null", target.url()));
    let (threads, each) = (4_u64, REQUESTS / 60);
    // Without a bound every request that finds its client busy opens a connection, and the kernel drops some of thousands.
    let under_way = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        let under_way = &under_way;
        for number in 0..threads {
            let (inbox, template) = (hub.engine.inbox().clone(), template.clone());
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(number);
                for turn in 0..each {
                    until("room", || under_way.load(Relaxed) <= 100);
                    under_way.fetch_add(1, Relaxed);
                    let (token, client) = (number << 32 | turn, number as u32);
                    let request = Request {
                        token,
                        client,
                        ..template.clone()
                    };
                    inbox.push(katydid_engine::message::Command::Submit(Flight::new(
                        request,
                    )));
                    dawdle(&mut random);
                }
            });
        }
        let mut left = threads * each;
        while left > 0 {
            let message = hub
                .receive_within(WATCHDOG)
                .unwrap_or_else(|| panic!("stalled with {left} to come"));
            if matches!(message, Message::Completed(_)) {
                under_way.fetch_sub(1, Relaxed);
                left -= 1;
            }
        }
    });
    // A pure tick is no completion: were one lost, the count would not have come out.
    assert_eq!(hub.so_far().ends().0, threads * each);
}
