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
    /// DTLS: completed handshakes that took up an earlier session.
    handshakes_resumed,
    /// DTLS: handshakes that ended in an error or an alert; the counters below say more.
    handshakes_failed,
    /// DTLS: handshakes that ran out of time.
    handshakes_timed_out,
    /// DTLS: tasks of the backend that panicked; each cost its own connection.
    handshakes_panicked,
    /// DTLS: look-ups of credentials that failed, took too long or were too many.
    lookups_failed,
    /// DTLS: handshakes for a PSK identity that nobody knows.
    unknown_identities,
    /// DTLS: handshakes whose peer holds another key than we do.
    wrong_keys,
    /// DTLS: certificates that were not accepted.
    certificates_refused,
    /// DTLS: ClientHellos that are malformed, or of another version.
    hellos_refused,
    /// DTLS: ClientHellos turned away because too many handshakes are going on.
    hellos_over_limit,
    /// DTLS: ClientHellos answered with a cookie, and nothing kept.
    cookies_sent,
    /// DTLS: records dropped: unprotected or forged ones of a session, repeated ones, strays without a session.
    records_dropped,
    /// DTLS: sessions that a newer one of the same address replaced.
    sessions_replaced,
    /// DTLS: sessions whose peer has moved to another address.
    sessions_moved,
    /// DTLS: sessions ended because nothing came for too long.
    sessions_idle,
    /// DTLS: sessions that made room for newer ones.
    sessions_over_limit,
    /// DTLS: sessions that made room for newer ones of the same identity.
    sessions_over_identity_limit,
    /// DTLS: sessions that were taken up from the store at the start.
    sessions_restored,
    /// DTLS: sessions that will be gone after a restart: there are too many, or the store does not work.
    sessions_not_kept,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "dtls")]
    pub(crate) fn add_many(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an endpoint has counted, brought into the counters of its transport.
#[cfg(feature = "dtls")]
#[derive(Debug, Default)]
pub(crate) struct EngineCounters(lwm2m_dtls::Metrics);

#[cfg(feature = "dtls")]
impl EngineCounters {
    /// Adds what has come since the last time.
    pub(crate) fn advance(&mut self, now: lwm2m_dtls::Metrics, to: &Metrics) {
        let before = std::mem::replace(&mut self.0, now);
        if before == now {
            return;
        }
        macro_rules! add {
            ($($name:ident)*) => { $(to.$name.add_many(now.$name - before.$name);)* };
        }
        add!(
            handshakes_started handshakes_completed handshakes_resumed handshakes_failed handshakes_timed_out
            unknown_identities wrong_keys certificates_refused cookies_sent hellos_refused hellos_over_limit
            sessions_replaced sessions_moved sessions_idle sessions_over_limit
            sessions_over_identity_limit
        );
        let dropped = |counted: lwm2m_dtls::Metrics| {
            counted.records_strayed + counted.records_replayed + counted.records_forged
        };
        to.records_dropped.add_many(dropped(now) - dropped(before));
    }
}
