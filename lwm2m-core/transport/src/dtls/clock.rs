//! The clock that certificates are judged by.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

type Read = dyn Fn() -> Option<u64> + Send + Sync;

/// Seconds since 1970, to judge certificates by. It is looked at before every datagram of a handshake: a clock that is
/// set while the program runs counts from then on.
///
/// The default is the system's.
#[derive(Clone, Default)]
pub struct UnixClock(Option<Arc<Read>>);

impl UnixClock {
    /// A clock of one's own, such as that of a network that tells the time. `None`: it does not know the time yet;
    /// certificates that have expired are not noticed then (RFC 7252, section 9.1.3.3).
    pub fn new(read: impl Fn() -> Option<u64> + Send + Sync + 'static) -> Self {
        UnixClock(Some(Arc::new(read)))
    }

    /// What it shows; `None` also where the system's stands before 1970.
    pub(crate) fn now(&self) -> Option<u64> {
        match &self.0 {
            Some(read) => read(),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                Some(since.as_secs())
            }
        }
    }

    #[cfg(feature = "webrtc")]
    pub(crate) fn is_of_the_system(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for UnixClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "UnixClock(of the program)",
            None => "UnixClock(of the system)",
        })
    }
}

/// Whether this datagram begins with a message of a handshake in the clear (RFC 5246, section 6.2.1), as all do that
/// the time matters to.
pub(super) fn is_of_handshake(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22)
}
