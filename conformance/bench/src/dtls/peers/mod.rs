//! The others, in both roles each.
//!
//! What is a Rust library runs on this thread, in memory; what is not is a program that does what it is told on its
//! standard input, on the same core.

#[cfg(feature = "dtls-peers")]
mod dimpl;
mod openssl;
mod program;
#[cfg(feature = "dtls-peers")]
mod rtc;
mod scandium;
#[cfg(feature = "webrtc")]
mod webrtc;

use super::{Outcome, contest::Contender, material::Material};
use std::{path::Path, time::Duration};

/// Those that are here, and why each of the others is not.
#[derive(Default)]
pub struct Peers {
    /// Here.
    pub here: Vec<Box<dyn Contender>>,
    /// Not here: name and reason.
    pub skipped: Vec<(&'static str, String)>,
}

/// Why a peer cannot take part, or what is broken.
pub enum Missing {
    /// Something that it needs is not here.
    Needs(String),
    /// What is ours does not work.
    Broken(Box<dyn std::error::Error>),
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Missing {
    fn from(error: E) -> Self {
        Missing::Broken(error.into())
    }
}

/// Those that are Rust libraries, in memory.
///
/// # Errors
/// One of them refuses its configuration or the material.
pub fn libraries(material: &Material) -> Outcome<Peers> {
    let mut peers = Peers::default();
    #[cfg(feature = "webrtc")]
    peers.here.push(Box::new(webrtc::WebRtc::new(material)?));
    #[cfg(not(feature = "webrtc"))]
    peers
        .skipped
        .push(("webrtc-dtls", "built without --features webrtc".to_owned()));
    #[cfg(not(any(feature = "webrtc", feature = "dtls-peers")))]
    let _ = material;
    #[cfg(feature = "dtls-peers")]
    {
        peers.here.push(Box::new(rtc::Rtc::new(material)?));
        peers.here.push(Box::new(dimpl::Dimpl::new(material)?));
    }
    #[cfg(not(feature = "dtls-peers"))]
    for name in ["rtc-dtls", "dimpl"] {
        let reason = "built without --features dtls-peers".to_owned();
        peers.skipped.push((name, reason));
    }
    Ok(peers)
}

/// All of them; `folder` has the material for programs, and takes what is built for them. What is compiled while it
/// runs does each kind of work for `warm_up`, whole seconds, before anything of it counts.
///
/// # Errors
/// One that is here does not work.
pub fn all(material: &Material, folder: &Path, warm_up: Duration) -> Outcome<Peers> {
    let mut peers = libraries(material)?;
    for (name, started) in [
        ("OpenSSL", openssl::start(folder)),
        ("Scandium", scandium::start(folder, warm_up)),
    ] {
        match started {
            Ok(program) => peers.here.push(Box::new(program)),
            Err(Missing::Needs(reason)) => peers.skipped.push((name, reason)),
            Err(Missing::Broken(error)) => return Err(format!("{name}: {error}").into()),
        }
    }
    Ok(peers)
}
