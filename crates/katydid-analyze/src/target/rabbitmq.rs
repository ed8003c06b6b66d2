//! Charts of `RabbitMQ`.

use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Labels, Look};
use super::{Kind, Pressing};

/// How it is shown.
pub const KIND: Kind = Kind {
    name: "rabbitmq",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

/// The queue's name, with that of its virtual host where it is not the usual one.
fn called(labels: &Labels) -> Option<String> {
    let queue = labels.get("queue")?;
    match labels.get("vhost").map(String::as_str) {
        None | Some("/") => Some(queue.clone()),
        Some(vhost) => Some(format!("{vhost} {queue}")),
    }
}

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    vec![
        look.chart("queues", "Messages ready, by queue", "messages")
            .each("queue.ready", Look::level, called)
            .done(),
        look.chart(
            "unacked",
            "Messages delivered and not confirmed, by queue",
            "messages",
        )
        .each("queue.unacked", Look::level, called)
        .done(),
        look.chart("rates", "Messages", "/s")
            .rate("published", "published")
            .rate("delivered", "delivered")
            .rate("acked", "confirmed")
            .rate("redelivered", "delivered again")
            .rate("unroutable.dropped", "dropped, no queue")
            .done(),
        look.chart("consumers", "Consumers, by queue", "consumers")
            .each("queue.consumers", Look::level, called)
            .done(),
        look.chart(
            "utilisation",
            "Time in which a queue's consumers could take more",
            "%",
        )
        .each("queue.utilisation", Look::level, called)
        .times(100.0)
        .limit(Some(100.0))
        .done(),
        look.chart("clients", "Connections and channels", "")
            .level("connections", "connections")
            .level("channels", "channels")
            .done(),
        look.chart("memory", "Memory of the nodes", "bytes")
            .each("node.memory", Look::level, |labels| {
                labels.get("node").cloned()
            })
            .limit(look.only("node.memory.max"))
            .done(),
    ]
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut pressing = Vec::new();
    for (used, most, what) in [
        ("node.fds", "node.fds.max", "file descriptors"),
        ("node.sockets", "node.sockets.max", "sockets"),
        ("node.memory", "node.memory.max", "memory"),
    ] {
        for (labels, series) in look.subject.named(most) {
            let used = look.subject.labelled(used, labels);
            let used = used.and_then(Series::last);
            let Some((used, most)) = used.zip(series.last().filter(|most| *most > 0.0)) else {
                continue;
            };
            pressing.push(if what == "memory" {
                Pressing::percent("rabbitmq memory", used / most)
            } else {
                Pressing::counted(&format!("rabbitmq {what}"), used, most)
            });
        }
    }
    pressing
}

#[cfg(test)]
mod tests {
    use katydid_record::SeriesKind::{Counter, Gauge};

    use super::super::most_pressing;
    use super::super::tried::{chart, check, timeline};

    #[test]
    fn queues_rates_and_what_presses() {
        let timeline = timeline(
            "rabbitmq",
            &[
                ("queue.ready", "queue=orders,vhost=/", Gauge, &[5.0, 9.0]),
                ("queue.ready", "queue=mail,vhost=shop", Gauge, &[1.0, 2.0]),
                ("published", "", Counter, &[0.0, 50.0]),
                ("acked", "", Counter, &[0.0, 40.0]),
                ("node.fds", "node=a", Gauge, &[10.0, 10.0]),
                ("node.fds.max", "node=a", Gauge, &[100.0, 100.0]),
                ("node.sockets", "node=a", Gauge, &[80.0, 90.0]),
                ("node.sockets.max", "node=a", Gauge, &[100.0, 100.0]),
                ("node.memory", "node=a", Gauge, &[30.0, 30.0]),
                ("node.memory.max", "node=a", Gauge, &[60.0, 60.0]),
            ],
        );
        let ready = chart(&timeline, "queues");
        check(&ready, &[("shop mail", 2.0), ("orders", 9.0)]);
        let rates = chart(&timeline, "rates");
        check(&rates, &[("published", 10.0), ("confirmed", 8.0)]);
        assert_eq!(chart(&timeline, "memory").limit, Some(60.0));
        let pressing = most_pressing(&timeline).unwrap();
        assert_eq!(pressing.text, "rabbitmq sockets 90 of 100");
    }
}
