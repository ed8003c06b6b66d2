//! Metrics pushed over OTLP/HTTP: when, and what becomes of it. Where to is read in [`place`].

mod place;

use std::time::Duration;

use katydid_observe::http;
use katydid_record::redact::redact;

use self::place::Place;
use super::Desk;

pub(super) use self::place::{around, to};

const EVERY: Duration = Duration::from_secs(5);
/// The longest pause while nobody takes them.
const PAUSE: Duration = Duration::from_secs(60);
/// Of what a collector says, so many characters.
const SAID: usize = 200;

/// Whom to push to.
#[derive(Debug)]
pub(super) struct Push {
    place: Place,
    /// It was said that it does not take them.
    is_told: bool,
}

impl Push {
    /// Every few seconds, until it is dropped; ever more rarely while they are not taken. Nothing is lost by that: each push holds
    /// the totals of the whole run.
    pub(super) async fn keep_on(&mut self, desk: &Desk) {
        let mut pause = EVERY;
        loop {
            tokio::time::sleep(pause).await;
            let Some(now) = desk.now() else { continue };
            let is_taken = self.once(desk, desk.message(&now)).await;
            pause = if is_taken {
                EVERY
            } else {
                (2 * pause).min(PAUSE)
            };
        }
    }

    /// Sends one message. That it is not taken is said the first time in a run.
    pub(super) async fn once(&mut self, desk: &Desk, message: Vec<u8>) -> bool {
        let sent = http::post(&self.place.to, (&self.place.headers, message.into())).await;
        let (is_taken, why) = match sent {
            Ok(answer) => (true, katydid_report::metrics::left_out(&answer)),
            Err(trouble) => (false, Some(trouble.to_string())),
        };
        if let Some(why) = why
            && !std::mem::replace(&mut self.is_told, true)
        {
            let why: String = redact(&why).chars().take(SAID).collect();
            let place = self.place.to.place();
            desk.warn(format!(
                "metrics are not taken by {place}: {why}. They go on being sent."
            ));
        }
        is_taken
    }
}
