//! Counters for Prometheus, in its text format 0.0.4.

use crate::HttpState;
use axum::{extract::State, http::header, response::IntoResponse};
use lwm2m_core::endpoint::Metrics as EndpointMetrics;
use lwm2m_server::{Metrics, TransportMetrics};
use std::{collections::BTreeMap, fmt::Write};

/// One metric: its name, its kind, what it says, and where it stands.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Metrics) -> u64,
}

macro_rules! metrics {
    ($($name:literal $kind:ident $field:ident $help:literal;)*) => {
        &[$(Metric {
            name: $name,
            kind: stringify!($kind),
            help: $help,
            value: |metrics| metrics.$field,
        }),*]
    };
}

const METRICS: &[Metric] = metrics! {
    "lwm2m_registrations" gauge registrations "Devices that are registered now.";
    "lwm2m_observations" gauge observations "Observations that are wanted now.";
    "lwm2m_requests_pending" gauge requests_pending "Requests under way or waiting for a sleeping device.";
    "lwm2m_registered_total" counter registered "Registrations accepted, renewals included.";
    "lwm2m_updated_total" counter updated "Registration updates accepted.";
    "lwm2m_deregistered_total" counter deregistered "De-registrations accepted.";
    "lwm2m_expired_total" counter expired "Registrations that expired.";
    "lwm2m_refused_total" counter refused "Requests of devices refused.";
    "lwm2m_requests_total" counter requests "Requests sent to devices.";
    "lwm2m_requests_failed_total" counter requests_failed "Requests to devices that failed without an answer.";
    "lwm2m_notifications_total" counter notifications "Notifications received.";
    "lwm2m_notifications_unreadable_total" counter notifications_unreadable "Notifications whose values could not be read.";
    "lwm2m_sends_total" counter sends "Send operations accepted.";
    "lwm2m_datagrams_received_total" counter datagrams_received "Datagrams received.";
    "lwm2m_datagrams_sent_total" counter datagrams_sent "Datagrams sent.";
    "lwm2m_bootstrap_started_total" counter bootstrap_started "Bootstrap sessions begun.";
    "lwm2m_bootstrap_finished_total" counter bootstrap_finished "Bootstrap sessions finished.";
    "lwm2m_bootstrap_failed_total" counter bootstrap_failed "Bootstrap sessions failed.";
};

/// Counters of the servers, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics",
    responses((status = 200, content_type = "text/plain", body = String)),
)]
pub(crate) async fn metrics(State(state): State<HttpState>) -> impl IntoResponse {
    let server = state.server();
    let mut sources = vec![("server", server.metrics().await)];
    let mut below = vec![Below {
        role: "server",
        endpoint: server.endpoint_metrics().await,
        transport: server.transport_metrics(),
    }];
    if let Ok(bootstrap) = state.bootstrap() {
        sources.push(("bootstrap", bootstrap.metrics().await));
        below.push(Below {
            role: "bootstrap",
            endpoint: bootstrap.endpoint_metrics().await,
            transport: bootstrap.transport_metrics(),
        });
    }
    let config = state.config();
    let streams = config.max_event_streams - state.stream_permits().available_permits();
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    (
        [(header::CONTENT_TYPE, content_type)],
        written(&sources, streams) + &written_below(&below),
    )
}

/// What the floors below a server count: refusals and drops by reason above all.
struct Below {
    role: &'static str,
    endpoint: EndpointMetrics,
    transport: Option<TransportMetrics>,
}

fn written_below(below: &[Below]) -> String {
    let mut all: BTreeMap<String, Vec<(&str, u64)>> = BTreeMap::new();
    for Below {
        role,
        endpoint,
        transport,
    } in below
    {
        let endpoint = endpoint.entries().map(|entry| ("coap", entry));
        let transport = transport.iter().flat_map(TransportMetrics::entries);
        for (floor, (name, value)) in endpoint.chain(transport.map(|entry| ("transport", entry))) {
            let name = format!("lwm2m_{floor}_{name}_total");
            all.entry(name).or_default().push((role, value));
        }
    }
    let mut text = String::with_capacity(8192);
    for (name, values) in all {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# TYPE {name} counter");
        for (role, value) in values {
            let _ = writeln!(text, "{name}{{role=\"{role}\"}} {value}");
        }
    }
    text
}

fn written(sources: &[(&str, Metrics)], streams: usize) -> String {
    let mut text = String::with_capacity(4096);
    for metric in METRICS {
        let Metric {
            name, kind, help, ..
        } = metric;
        // Writing to a string cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (role, metrics) in sources {
            let value = (metric.value)(metrics);
            let _ = writeln!(text, "{name}{{role=\"{role}\"}} {value}");
        }
    }
    let name = "lwm2m_http_event_streams";
    let _ = write!(
        text,
        "# HELP {name} Event streams that are open now.\n# TYPE {name} gauge\n{name} {streams}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn text_format() {
        let mut server = Metrics::default();
        server.registrations = 3;
        server.notifications = 7;
        let below = ["server", "bootstrap"].map(|role| Below {
            role,
            endpoint: EndpointMetrics::default(),
            transport: Some(TransportMetrics::default()),
        });
        let text = written(&[("server", server), ("bootstrap", Metrics::default())], 2)
            + &written_below(&below);
        assert!(text.contains(
            "# TYPE lwm2m_registrations gauge\nlwm2m_registrations{role=\"server\"} 3\n"
        ));
        assert!(text.contains("\nlwm2m_notifications_total{role=\"server\"} 7\n"));
        assert!(text.contains("\nlwm2m_http_event_streams 2\n"));
        assert!(text.contains("\nlwm2m_coap_malformed_total{role=\"server\"} 0\n"));
        assert!(text.contains("\nlwm2m_transport_wrong_keys_total{role=\"bootstrap\"} 0\n"));
        assert!(text.ends_with('\n'));
        let mut seen = HashSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(seen.insert(name), "{name} stands twice");
            value.parse::<u64>().unwrap();
        }
    }

    #[test]
    fn counters_and_gauges_are_named_as_the_convention_wants() {
        for metric in METRICS {
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == "counter",
                "{}",
                metric.name
            );
        }
    }
}
