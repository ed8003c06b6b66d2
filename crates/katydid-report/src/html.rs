//! The report: one self-contained page that can be read, printed and kept.
//!
//! Nothing is fetched and nothing is scripted; the page forbids both. Texts come from servers and scripts, so each one
//! passes through [`markup`]'s `escape`.

mod chart;
mod details;
mod endpoints;
mod health;
mod markup;
mod scale;

use std::fmt::Write;

use katydid_record::{Manifest, Summary};

use crate::number::{count, duration, percent, rate};
use crate::phrase;
use markup::{escape, latency};

const STYLE: &str = include_str!("html/style.css");

/// The page.
pub fn html(summary: &Summary, manifest: &Manifest) -> String {
    let mut out = String::new();
    let invalid = phrase::invalid(summary).is_some();
    head(&mut out, summary, invalid);
    banners(&mut out, summary);
    figures(&mut out, summary);
    details::objectives(&mut out, summary);
    chart::charts(&mut out, summary);
    details::drifts(&mut out, summary);
    endpoints::write(&mut out, summary);
    endpoints::phases(&mut out, summary);
    details::events(&mut out, summary);
    details::failures(&mut out, summary);
    details::failing_responses(&mut out, summary);
    details::exceptions(&mut out, summary);
    details::slowest(&mut out, summary);
    health::generator(&mut out, &summary.generator);
    health::plan(&mut out, manifest);
    health::events(&mut out, summary);
    health::notes(&mut out, summary);
    let _ = write!(
        out,
        "<section>\n<h2>How to read the times</h2>\n<p>{}</p>\n</section>\n</main>\n\
         <footer>Run {} · katydid {}</footer>\n</body>\n</html>\n",
        escape(phrase::METHOD),
        escape(&summary.run.id),
        escape(&summary.run.tool_version)
    );
    out
}

fn head(out: &mut String, summary: &Summary, invalid: bool) {
    let run = &summary.run;
    let name = if run.name.is_empty() {
        &run.id
    } else {
        &run.name
    };
    let mark = if invalid { "INVALID: " } else { "" };
    let class = if invalid { " class=\"invalid\"" } else { "" };
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{mark}{} · katydid</title>\n<style>\n{STYLE}</style>\n</head>\n<body{class}>\n<main>\n<header>\n<h1>{}</h1>\n",
        escape(name),
        escape(name)
    );
    let mut parts = vec![phrase::users(summary), duration(run.duration_s)];
    parts.extend(
        run.host
            .as_deref()
            .map(|host| format!("<span class=\"host\">{}</span>", escape(host))),
    );
    parts.push(escape(&started(&run.started)));
    parts.push(escape(phrase::ended(&run.ended)));
    parts.retain(|part| !part.is_empty());
    let _ = write!(out, "<p>{}</p>\n</header>\n", parts.join("<i></i>"));
}

/// `2026-11-23T10:15:30Z` as people write it; anything else as it is.
fn started(text: &str) -> String {
    match (
        text.get(..10),
        text.get(10..11),
        text.get(11..19),
        text.ends_with('Z'),
    ) {
        (Some(date), Some("T"), Some(time), true) => format!("{date} {time} UTC"),
        _ => text.to_owned(),
    }
}

/// What must be known before any number is read.
fn banners(out: &mut String, summary: &Summary) {
    if let Some(first) = phrase::invalid(summary) {
        let others = summary.generator.reasons.iter().skip(1);
        let others: Vec<String> = others
            .map(|reason| format!("<p>{}</p>", escape(reason)))
            .collect();
        let others = others.concat();
        let _ = write!(
            out,
            "<section class=\"banner bad\" role=\"alert\">\n<h2>INVALID</h2>\n<div><p>{}</p>{others}\
             <p class=\"soft\">The numbers below say more about the load generator than about the target.</p></div>\n</section>\n",
            escape(&first)
        );
    }
    if let Some(text) = phrase::incomplete(summary) {
        let _ = write!(
            out,
            "<section class=\"banner warn\">\n<h2>INCOMPLETE</h2>\n<div><p>{}</p></div>\n</section>\n",
            escape(text)
        );
    }
    if let Some(text) = phrase::another_test(summary) {
        let _ = write!(
            out,
            "<section class=\"banner warn\">\n<h2>EVENT FAILED</h2>\n<div><p>{}</p></div>\n</section>\n",
            escape(&text)
        );
    }
}

/// The numbers that a reader looks for first.
fn figures(out: &mut String, summary: &Summary) {
    let total = &summary.total;
    let due = &total.from_due;
    let failed = if total.failures > 0 {
        " class=\"fail\""
    } else {
        ""
    };
    let ms = |name, value: Option<f64>| match value {
        Some(_) => format!("{} <small>ms</small>", latency(due, name, value)),
        None => latency(due, name, value),
    };
    let share = if total.failures > 0 {
        format!(" <small>{}</small>", percent(total.failure_ratio))
    } else {
        String::new()
    };
    let cells = [
        ("Requests", "", count(total.requests)),
        ("Requests per second", "", rate(total.rps)),
        (
            "Failed",
            failed,
            format!("{}{share}", count(total.failures)),
        ),
        ("Median, from due", "", ms("p50", due.p50)),
        ("p95, from due", "", ms("p95", due.p95)),
        ("p99, from due", "", ms("p99", due.p99)),
    ];
    out.push_str("<dl class=\"figures\">\n");
    for (label, class, value) in cells {
        let _ = writeln!(out, "<div><dt>{label}</dt><dd{class}>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}
