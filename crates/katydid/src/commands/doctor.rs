//! `doctor`: what can be seen of a target, and what opens the rest. Makes no load.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use katydid_observe::Opened;
use katydid_record::redact::redact;
use katydid_record::{Sight, Watched};

use super::say;
use crate::cli::DoctorOptions;
use crate::error::UsageError;
use crate::watching;

/// Something that was named cannot be seen at all.
const NOT_SEEN: i32 = 3;

/// Opens everything, prints what can be seen of it, and closes it.
pub fn doctor(options: &DoctorOptions) -> Result<i32> {
    let hosts: Vec<String> = options.host.iter().cloned().collect();
    let sources = watching::sources(&options.watch, &hosts, None)?;
    if sources.is_empty() {
        return Err(UsageError::new(
            "doctor: nothing to look at. Give --watch ADDRESS (env:DATABASE_URL, redis://127.0.0.1:6379, port:8000), or -H URL of a \
             target on this machine",
        )
        .into());
    }
    let count = sources.len();
    let watching = sources.open().context("cannot start to watch")?;
    watching.finish();
    let opened = watching.opened();
    let mut text = String::new();
    opened.iter().for_each(|opened| of(&mut text, opened));
    let slow = count - opened.len();
    if slow > 0 {
        let _ = writeln!(
            text,
            "✗ {slow} of {count} did not answer within {} s",
            watching::OPEN_WITHIN.as_secs()
        );
    }
    say(&text);
    let all = slow == 0 && opened.iter().all(|opened| opened.result.is_ok());
    Ok(if all { 0 } else { NOT_SEEN })
}

fn of(text: &mut String, opened: &Opened) {
    match &opened.result {
        Ok(Watched { title, sights, .. }) => {
            let _ = writeln!(text, "✓ {title}   {}", opened.subject);
            let seen: Vec<String> = sights.iter().filter(|sight| sight.seen).map(told).collect();
            if !seen.is_empty() {
                let _ = writeln!(text, "    seen: {}", seen.join(", "));
            }
            for (right, lost) in by_right(sights) {
                let lost = lost.join(", ");
                let _ = writeln!(text, "    a role without {right} would not see: {lost}");
            }
            for sight in sights.iter().filter(|sight| !sight.seen) {
                let _ = writeln!(text, "  ○ {}: {}", sight.what, sight.note);
                remedy(text, &sight.remedy);
            }
        }
        Err(trouble) => {
            let why = redact(&trouble.to_string());
            let _ = writeln!(text, "✗ {}: {why}", opened.subject);
            remedy(text, trouble.remedy());
        }
    }
}

/// What is seen by a right that not every role has.
fn by_right(sights: &[Sight]) -> BTreeMap<&str, Vec<&str>> {
    let mut rights = BTreeMap::new();
    for sight in sights.iter().filter(|sight| !sight.by.is_empty()) {
        let lost: &mut Vec<&str> = rights.entry(sight.by.as_str()).or_default();
        lost.push(&sight.what);
    }
    rights
}

fn told(sight: &Sight) -> String {
    if sight.note.is_empty() {
        return sight.what.clone();
    }
    format!("{} ({})", sight.what, sight.note)
}

fn remedy(text: &mut String, remedy: &str) {
    for line in remedy.lines() {
        let _ = writeln!(text, "      {line}");
    }
}
