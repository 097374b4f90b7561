//! What sessions at rest take, and what a flood of hellos without cookie leaves.

use super::{
    Outcome,
    contest::{PAYLOAD, Scheme, cpu_time},
    engine::{Credentials, Pair, client, server_address, server_config},
    material::Material,
};
use crate::allocation::live_bytes;
use lwm2m_dtls::crypto::{Provider, ring::Ring, rustcrypto::RustCrypto};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

/// A device shows that it is still served after so many hellos of strangers.
const SERVED_EVERY: usize = 1000;

fn provider() -> Arc<dyn Provider> {
    Arc::new(RustCrypto)
}

/// An address of its own for each of many devices.
pub fn device(number: usize) -> SocketAddr {
    let [_, a, b, c] = (number as u32 / 50_000).to_be_bytes();
    SocketAddr::from(([127, a + 1, b, c], (number % 50_000) as u16 + 10_000))
}

/// Bytes of each session of a server that has nothing to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerSession {
    /// As the engine counts: sessions and their indexes, spare capacity included.
    pub counted: f64,
    /// What the allocator gave and has not got back: all of the endpoint.
    pub allocated: f64,
    /// Of that, what the endpoint gives back at once when it is dropped, less what it counts: queues, timers and blocks
    /// that the count leaves out.
    pub uncounted: f64,
}

/// Lets so many devices shake hands (with a Connection ID of 6 bytes at the server) and then be silent. With `reserved`,
/// the server's program keeps its sessions: so many numbers of each are reserved ahead.
///
/// The count of the allocator is of no use where [`CountingAllocator`](crate::allocation::CountingAllocator) is not the
/// program's allocator.
///
/// # Errors
/// A handshake did not succeed, or a session is missing.
pub fn per_session(scheme: Scheme, sessions: usize, reserved: Option<u64>) -> Outcome<PerSession> {
    // What sessions take is the same with both; only the handshakes are faster.
    let provider: Arc<dyn Provider> = Arc::new(Ring::new());
    let credentials = Credentials::new(scheme, &Material::new()?, &*provider)?;
    // What stays when all sessions are gone, so that only what they need is counted.
    let mut config = server_config();
    config.export_reservation = reserved;
    let mut pair = Pair::with_config(&credentials, &provider, device(0), config)?;
    let empty_client = live_bytes_of(|| client(&provider, 9))?;
    let before = live_bytes() - empty_client;
    for number in 0..sessions {
        pair.address = device(number);
        pair.client = client(&provider, number as u64 + 10)?;
        pair.now = lwm2m_core::time::Instant::from_micros(number as u64 * 1000);
        pair.server.handle_timeout(pair.now);
        pair.connect(credentials.connection.clone())?;
        if let (Some(_), Some(connection)) = (reserved, pair.connected[1]) {
            let export = pair.server.export(connection);
            export.ok_or("a session cannot be exported")?;
            pair.server.export_stored(connection);
        }
    }
    // Last flights are forgotten.
    pair.now += Duration::from_secs(300);
    pair.server.handle_timeout(pair.now);
    if pair.server.session_count() != sessions {
        return Err("sessions are missing".into());
    }
    // A client without sessions, as at the beginning.
    pair.client = client(&provider, 9)?;
    let allocated = live_bytes() - before - empty_client;
    let counted = pair.server.session_bytes();
    let each = |bytes: f64| bytes / sessions as f64;
    Ok(PerSession {
        counted: each(counted as f64),
        allocated: each(allocated as f64),
        uncounted: each(allocated as f64 - counted as f64),
    })
}

fn live_bytes_of<T>(make: impl FnOnce() -> Outcome<T>) -> Outcome<i64> {
    let before = live_bytes();
    let made = make()?;
    let bytes = live_bytes() - before;
    drop(made);
    Ok(bytes)
}

/// What came of a flood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flood {
    /// CPU time of the server for a hello.
    pub each: Duration,
    /// Answers that were no longer than their question.
    pub answered: usize,
    /// How often a device with a session was served in between, and how often it asked.
    pub served: (u64, u64),
    /// Bytes by which sessions and indexes have grown, as the engine counts.
    pub grown: usize,
    /// Bytes by which the server has grown, as the allocator counts.
    pub allocated: i64,
    /// Handshakes that are under way.
    pub handshakes: usize,
}

/// Lets strangers say so many hellos without a cookie, each from another address.
///
/// # Errors
/// The established device has no session.
pub fn flood(hellos: usize) -> Outcome<Flood> {
    let provider = provider();
    let credentials = Credentials::new(Scheme::PskCcm8, &Material::new()?, &*provider)?;
    let mut pair = Pair::new(&credentials, &provider, device(0))?;
    pair.connect(credentials.connection.clone())?;
    let connection = pair.connected[0].ok_or("there is no session")?;
    // What grows with use, and not with strangers, has grown then.
    pair.echo()?;
    pair.received = 0;
    let mut stranger = client(&provider, 99)?;
    stranger.connect(pair.now, server_address(), credentials.connection.clone())?;
    let hello = stranger.poll_transmit().ok_or("there is no hello")?.data;
    let before = (pair.server.session_bytes(), live_bytes());
    let mut datagram = hello.clone();
    let (mut answered, mut asked, mut served_in) = (0, 0, Duration::ZERO);
    let (cpu, started) = (cpu_time(), Clock::now());
    for number in 0..hellos {
        datagram.copy_from_slice(&hello);
        pair.server
            .handle_datagram(pair.now, device(number + 1), &mut datagram);
        while let Some(answer) = pair.server.poll_transmit() {
            answered += usize::from(answer.data.len() <= hello.len());
        }
        if number % SERVED_EVERY == 0 {
            let began = Clock::now();
            asked += 1;
            pair.client.send(pair.now, connection, &PAYLOAD)?;
            pair.run();
            served_in += began.elapsed();
        }
    }
    // The share of the device is taken off by the clock on the wall.
    let share = 1.0 - served_in.as_secs_f64() / started.elapsed().as_secs_f64();
    let spent = (cpu_time() - cpu).mul_f64(share.max(0.0));
    drop(datagram);
    Ok(Flood {
        each: spent / u32::try_from(hellos.max(1))?,
        answered,
        served: (pair.received, asked),
        grown: pair.server.session_bytes().saturating_sub(before.0),
        allocated: live_bytes() - before.1,
        handshakes: pair.server.handshake_count(),
    })
}
