//! Charts of `RabbitMQ`.

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
            .limit(only(look, "node.memory.max"))
            .done(),
    ]
}

/// Its newest value, where there is one series of this name.
fn only(look: Look<'_>, name: &str) -> Option<f64> {
    let mut all = look.subject.named(name);
    let first = all.next().filter(|_| all.next().is_none());
    first.and_then(|(_, series)| series.last())
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut pressing = Vec::new();
    for (used, most, what) in [
        ("node.fds", "node.fds.max", "file descriptors"),
        ("node.sockets", "node.sockets.max", "sockets"),
        ("node.memory", "node.memory.max", "memory"),
    ] {
        for (labels, series) in look.subject.named(most) {
            let mut all = look.subject.named(used);
            let used = all.find(|(of, _)| *of == labels);
            let used = used.and_then(|(_, series)| series.last());
            let Some((used, most)) = used.zip(series.last().filter(|most| *most > 0.0)) else {
                continue;
            };
            let share = used / most;
            let text = if what == "memory" {
                format!("rabbitmq memory {:.0} %", share * 100.0)
            } else {
                format!("rabbitmq {what} {used} of {most}")
            };
            pressing.push(Pressing { text, share });
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
