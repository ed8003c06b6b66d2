//! Watches until standard input ends and prints the frames as JSON lines: `sleep 5 | cargo run --example look -- host postgres://…`.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use katydid_observe::batch::Clock;
use katydid_observe::{Address, Watch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().skip(1);
    let sources: Result<Vec<_>, _> = words
        .map(|word| Address::read(&word).and_then(Address::source))
        .collect();
    let began = Instant::now();
    let clock: Clock = Arc::new(move || began.elapsed().as_micros() as u64);
    let print = |frames: Vec<katydid_record::Frame>| {
        let mut out = std::io::stdout().lock();
        for frame in frames {
            let line = serde_json::to_string(&frame).unwrap_or_default();
            // A closed pipe is the reader's decision.
            let _ = writeln!(out, "{line}");
        }
    };
    let (watch, opened) = Watch::start(sources?, &clock, print, Duration::from_secs(5))?;
    eprintln!("{opened:#?}");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    watch.finish();
    Ok(())
}
