//! What a transport counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one transport, shared with whoever wants to read them.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(pub(crate) $name: Counter,)*
        }

        /// The values of [`Metrics`] at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct MetricsSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Metrics {
            /// Reads all counters.
            pub fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot { $($name: self.$name.value(),)* }
            }
        }

        impl MetricsSnapshot {
            /// Name and value of each counter, for an exporter.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Datagrams taken from sockets, whatever became of them.
    datagrams_received,
    /// Datagrams handed to sockets.
    datagrams_sent,
    /// Datagrams of the engine that could not be sent: queue full, connection unknown, socket error.
    outbound_dropped,
    /// Datagrams that a connection could not queue, its reader being behind.
    inbound_dropped,
    /// Errors that sockets reported.
    socket_errors,
    /// DTLS: handshakes begun.
    handshakes_started,
    /// DTLS: handshakes completed.
    handshakes_completed,
    /// DTLS: handshakes that ended in an error or an alert; the counters below say more.
    handshakes_failed,
    /// DTLS: handshakes that ran out of time.
    handshakes_timed_out,
    /// DTLS: tasks of the backend that panicked; each cost its own connection.
    handshakes_panicked,
    /// DTLS: handshakes for a PSK identity that nobody knows.
    unknown_identities,
    /// DTLS: handshakes whose peer holds another key than we do.
    wrong_keys,
    /// DTLS: certificates that were not accepted.
    certificates_refused,
    /// DTLS: ClientHellos that are malformed, or of a form that the backend cannot read.
    hellos_refused,
    /// DTLS: ClientHellos turned away because too many handshakes are going on.
    hellos_over_limit,
    /// DTLS: records dropped before the backend saw them: unprotected ones of an established session, strays
    /// without a session, malformed ones.
    records_dropped,
    /// DTLS: sessions that a newer one of the same address replaced.
    sessions_replaced,
    /// DTLS: sessions ended because nothing came for too long.
    sessions_idle,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
