//! The endpoint table: counts, both times, and each distribution as a strip on one common scale.

use std::fmt::Write;

use katydid_record::Kind;
use katydid_record::summary::{EndpointSummary, Latency, PhaseSummary, Summary};

use super::markup::{endpoint, escape, latency, section};
use super::scale::Scale;
use crate::number::{bytes, count, duration, percent, rate, short_or_dash};
use crate::phrase;

const STRIP: f64 = 120.0;

/// The table, and what it leaves out.
pub fn write(out: &mut String, summary: &Summary) {
    section(out, "Endpoints");
    let totals: Vec<_> = [&summary.total]
        .into_iter()
        .chain(phrase::by_access(summary))
        .collect();
    table(out, "Endpoint", &summary.endpoints, &totals);
    remarks(out, summary);
    out.push_str("</section>\n");
}

/// The phases, where there is more than one, and the endpoints of each.
pub fn phases(out: &mut String, summary: &Summary) {
    let phases = phrase::phases(summary);
    if phases.len() < 2 {
        return;
    }
    section(out, "Phases");
    let named = |phase: &&PhaseSummary| EndpointSummary {
        method: String::new(),
        name: phase.name.clone(),
        ..phase.total.clone()
    };
    let rows: Vec<EndpointSummary> = phases.iter().map(named).collect();
    table(out, "Phase", &rows, &[]);
    for phase in phases {
        let invalid = match phase.reasons.first() {
            Some(reason) => format!(" <b class=\"fail\">INVALID</b> {}", escape(reason)),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "<details>\n<summary>{}: {} from {}, up to {}{invalid}</summary>",
            escape(&phase.name),
            duration(phase.ended_s - phase.began_s),
            crate::number::instant(phase.began_s),
            phrase::plural(phase.users, "user"),
        );
        table(out, "Endpoint", &phase.endpoints, &[&phase.total]);
        out.push_str("</details>\n");
    }
    for spike in &summary.spikes {
        let [did, then] = phrase::spike(spike);
        let class = if spike.recovered_s.is_none() {
            " class=\"fail\""
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "<p><b>{}</b>: {}. <b{class}>{}</b>.</p>",
            escape(&spike.phase),
            escape(&did),
            escape(&then)
        );
    }
    out.push_str(
        "<p class=\"soft\">A request counts in the phase in which it ended.</p>\n</section>\n",
    );
}

fn table(out: &mut String, what: &str, rows: &[EndpointSummary], totals: &[&EndpointSummary]) {
    let all = || rows.iter().chain(totals.iter().copied());
    let ends = all()
        .flat_map(|e| [e.from_due.p50, e.from_due.max])
        .flatten();
    let (low, high) = ends
        .filter(|v| *v > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
    // One scale for all rows, so that they can be compared; always wide enough to be logarithmic.
    let scale = Scale::times([low.min(high), high, (high / 100.0).max(0.001)].into_iter());
    let four = "<th class=\"n edge\">p50</th><th class=\"n\">p95</th><th class=\"n\">p99</th><th class=\"n\">max</th>";
    let _ = write!(
        out,
        "<div class=\"scroll\"><table class=\"endpoints\">\n<thead>\n<tr class=\"groups\"><td colspan=\"4\"></td>\
         <th colspan=\"4\" class=\"edge\"><span>from due, ms</span></th><th class=\"strip\"></th><th colspan=\"4\" class=\"edge\"><span>from send, ms</span></th></tr>\n\
         <tr><th>{what}</th><th class=\"n\">Requests</th><th class=\"n\">Failed</th><th class=\"n rate\">req/s</th>{four}\
         <th class=\"strip\">p50 – p99 – max, log</th>{four}</tr>\n</thead>\n<tbody>\n"
    );
    let counted = |e: &&EndpointSummary| matches!(e.kind, Kind::Request | Kind::Custom);
    for e in rows.iter().filter(counted) {
        row(out, e, "", &scale);
    }
    for e in totals {
        row(out, e, " class=\"total\"", &scale);
    }
    for e in rows.iter().filter(|e| !counted(e)) {
        row(out, e, " class=\"apart\"", &scale);
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn row(out: &mut String, e: &EndpointSummary, class: &str, scale: &Scale) {
    let failed = if e.failures > 0 {
        format!(
            "<td class=\"n fail\">{} <small>{}</small></td>",
            count(e.failures),
            percent(e.failure_ratio)
        )
    } else {
        "<td class=\"n none\">0</td>".to_owned()
    };
    let _ = writeln!(
        out,
        "<tr{class}><td class=\"endpoint\">{}</td><td class=\"n\">{}</td>{failed}<td class=\"n rate\">{}</td>{}<td class=\"strip\">{}</td>{}</tr>",
        endpoint(phrase::method(e.kind, &e.method), &e.name),
        count(e.requests),
        rate(e.rps),
        cells(&e.from_due),
        strip(&e.from_due, scale),
        cells(&e.from_send)
    );
}

fn cells(l: &Latency) -> String {
    let cell = |name: &str, value| {
        let edge = if name == "p50" { " edge" } else { "" };
        format!("<td class=\"n{edge}\">{}</td>", latency(l, name, value))
    };
    [
        cell("p50", l.p50),
        cell("p95", l.p95),
        cell("p99", l.p99),
        cell("max", l.max),
    ]
    .concat()
}

/// p50 as a dot, a bar from there to p99, a thin line to the largest.
fn strip(l: &Latency, scale: &Scale) -> String {
    let (Some(p50), Some(p99), Some(max)) = (l.p50, l.p99, l.max) else {
        return String::new();
    };
    let x = |value: f64| 4.0 + (STRIP - 8.0) * scale.at(value);
    format!(
        "<svg viewBox=\"0 0 {STRIP} 12\" role=\"img\" aria-label=\"p50 {}, p99 {}, max {} ms\"><path class=\"whisker\" d=\"M{:.1} 6H{:.1}\"/>\
         <path class=\"bar\" d=\"M{:.1} 6H{:.1}\"/><circle class=\"median\" cx=\"{:.1}\" cy=\"6\" r=\"3.2\"/></svg>",
        short_or_dash(l.p50),
        short_or_dash(l.p99),
        short_or_dash(l.max),
        x(p50),
        x(max),
        x(p50),
        x(p99),
        x(p50)
    )
}

fn remarks(out: &mut String, summary: &Summary) {
    let total = &summary.total;
    let apart = phrase::apart(total);
    if !apart.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"warn\">Not in the table: {}.</p>",
            apart.join("; ")
        );
    }
    let mut parts = Vec::new();
    let failed = &total.failed_from_due;
    if failed.count > 0 {
        parts.push(format!(
            "Only successes are in these times; failures took {} ms in the median, {} ms at most",
            latency(failed, "p50", failed.p50),
            latency(failed, "max", failed.max)
        ));
    }
    for (what, l) in [
        ("Connecting", &total.connect),
        ("TLS handshakes", &total.tls),
    ] {
        if l.count > 0 {
            parts.push(format!(
                "{what}: {} times, median {} ms, at most {} ms",
                count(l.count),
                short_or_dash(l.p50),
                short_or_dash(l.max)
            ));
        }
    }
    parts.push(format!(
        "{} received, {} sent",
        bytes(total.bytes_in),
        bytes(total.bytes_out)
    ));
    let _ = writeln!(out, "<p class=\"soft\">{}.</p>", parts.join(". "));
    if phrase::any_wide(summary) {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", phrase::WIDE);
    }
}
