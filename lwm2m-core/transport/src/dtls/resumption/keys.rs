//! Keys of tickets that come from the program.

use crate::dtls::KeyError;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{ConfigError, Endpoint, MIN_TICKET_SECRET};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The secrets that session tickets (RFC 5077) are sealed under, where several listeners, nodes, or processes one after the
/// other are to take each other's tickets ([`DtlsServerConfig::ticket_keys`](crate::DtlsServerConfig::ticket_keys)).
///
/// Clones are the same keys. Tickets are made under the present one, and those under the one before are taken, too, for
/// another lifetime. Whoever gets hold of a secret reads what was said in all sessions that were sealed under it, so they
/// are changed now and then; and where credentials are removed, all tickets of before are void after a second
/// [`rotate`](Self::rotate). A listener hears of removed credentials by itself ([`Outbound::Forget`]); other processes with
/// the same secrets, and those that are started anew, do not.
///
/// [`Outbound::Forget`]: lwm2m_core::engine::Outbound::Forget
#[derive(Clone)]
pub struct TicketKeys(Arc<Shared>);

struct Shared {
    /// How many secrets have been given; changed under the lock.
    given: AtomicU64,
    secrets: Mutex<Secrets>,
}

struct Secrets {
    previous: Option<Secret>,
    current: Secret,
}

impl TicketKeys {
    /// With this secret: at least 16 random bytes, which only servers know that take each other's tickets.
    ///
    /// # Errors
    /// [`KeyError::Ticket`].
    pub fn new(secret: Secret) -> Result<Self, KeyError> {
        let secrets = Secrets {
            previous: None,
            current: checked(secret)?,
        };
        Ok(TicketKeys(Arc::new(Shared {
            given: AtomicU64::new(1),
            secrets: Mutex::new(secrets),
        })))
    }

    /// Makes tickets under this secret from now on. Those under the one before are taken for another lifetime; those under
    /// the one before that are not.
    ///
    /// # Errors
    /// [`KeyError::Ticket`]; nothing is changed then.
    pub fn rotate(&self, secret: Secret) -> Result<(), KeyError> {
        let secret = checked(secret)?;
        let mut secrets = self.0.lock();
        let previous = std::mem::replace(&mut secrets.current, secret);
        secrets.previous = Some(previous);
        self.0.given.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

fn checked(secret: Secret) -> Result<Secret, KeyError> {
    match secret.expose_secret().len() < MIN_TICKET_SECRET {
        true => Err(KeyError::Ticket),
        false => Ok(secret),
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys").finish_non_exhaustive()
    }
}

/// Keys as far as one endpoint knows of them.
pub(in crate::dtls) struct TicketKeysSeen {
    keys: TicketKeys,
    seen: u64,
}

impl TicketKeysSeen {
    pub(in crate::dtls) fn none_of(keys: TicketKeys) -> Self {
        TicketKeysSeen { keys, seen: 0 }
    }

    /// Brings the endpoint what has been given since the last time, in its order.
    pub(in crate::dtls) fn bring_to(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
    ) -> Result<(), ConfigError> {
        let shared = &self.keys.0;
        if shared.given.load(Ordering::Acquire) == self.seen {
            return Ok(());
        }
        let secrets = shared.lock();
        let given = shared.given.load(Ordering::Acquire);
        let is_next = given == self.seen + 1;
        self.seen = given;
        // Where it has missed one, what it has for the one before is another.
        if let Some(previous) = secrets.previous.as_ref().filter(|_| !is_next) {
            endpoint.set_ticket_key(now, previous)?;
        }
        endpoint.set_ticket_key(now, &secrets.current)
    }
}
