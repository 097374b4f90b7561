//! Exports that never were any, and good ones with damage: nothing panics, and a session that was taken up can be used,
//! exported again and ended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::time::Instant;
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ConnectionIds, Endpoint, EndpointConfig, Event, Export,
};
use lwm2m_fuzz::dtls::{Kind, UNIX_AT_ZERO, damage, endpoint, key, provider, serves};
use std::{net::SocketAddr, sync::LazyLock};

const NOW: Instant = Instant::from_micros(1);
/// Round trips within which honest sides have a session.
const ENOUGH: usize = 6;

/// Of both sides of a session with each suite and each kind of credentials, as handshakes have made them.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut good = Vec::new();
    for suite in CipherSuite::ALL {
        let kinds: &[Kind] = match format!("{suite:?}").starts_with("Psk") {
            true => &[Kind::Psk],
            false => &[Kind::RawPublicKey, Kind::Certificate],
        };
        for kind in kinds {
            good.extend(session(*kind, suite));
        }
    }
    good
});

fn config() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.connection_ids = Some(ConnectionIds {
        prefix: vec![7],
        length: 6,
    });
    config.export_reservation = Some(4);
    config.unix_at_zero = Some(UNIX_AT_ZERO);
    config
}

/// A handshake, some data, and what both sides export then.
fn session(kind: Kind, suite: CipherSuite) -> [Vec<u8>; 2] {
    let addresses = [40_000, 5684].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut connection = ClientConfig::new(kind.credentials());
    connection.suites = vec![suite];
    let mut sides = [None, Some(serves())].map(|it| endpoint(config(), it, provider(false), 1));
    sides[0]
        .connect(NOW, addresses[1], connection)
        .expect("a good configuration");
    for _ in 0..ENOUGH {
        for side in 0..2 {
            while let Some(event) = sides[side].poll_event() {
                match event {
                    Event::KeyWanted { connection, .. } => {
                        sides[side].answer_key(NOW, connection, key());
                    }
                    Event::PeerWanted { connection, .. } => {
                        sides[side].answer_peer(NOW, connection, true);
                    }
                    Event::Connected { connection, .. } => {
                        let _ = sides[side].send(NOW, connection, b"data");
                    }
                    _ => {}
                }
            }
            while let Some(mut transmit) = sides[side].poll_transmit() {
                sides[1 - side].handle_datagram(NOW, addresses[side], &mut transmit.data);
            }
        }
    }
    sides.map(|mut side| {
        let connection = side.sessions()[0];
        let export = side.take_export(connection).expect("there is a session");
        export.expose_secret().to_vec()
    })
}

/// The export that an input stands for: its own bytes, or a good one of which it says how it is changed. And whether that
/// is good still.
fn export(choice: u8, input: &[u8]) -> (Vec<u8>, bool) {
    if choice & 2 == 0 {
        return (input.to_vec(), false);
    }
    let good = &GOOD[usize::from(choice >> 3) % GOOD.len()];
    let (mut export, mut instructions) = (good.clone(), input);
    // Longer or shorter: two bytes for a place, one for how many bytes go, and one for what comes in their place.
    if choice & 4 != 0
        && let [high, low, gone, come, rest @ ..] = input
    {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % export.len();
        let end = export.len().min(at + usize::from(*gone));
        let (come, behind) = rest.split_at(usize::from(*come).min(rest.len()));
        export.splice(at..end, come.iter().copied());
        instructions = behind;
    }
    damage(&mut export, instructions);
    let unchanged = export == *good;
    (export, unchanged)
}

fn used(endpoint: &mut Endpoint, bytes: Vec<u8>, good: bool) {
    let connection = match endpoint.import(NOW, &Export::from_bytes(bytes)) {
        Ok(connection) => connection,
        Err(error) => {
            assert!(!good, "{error}");
            return;
        }
    };
    let _ = endpoint.export(connection).expect("there is a reservation");
    endpoint.export_stored(connection);
    for _ in 0..6 {
        let _ = endpoint.send(NOW, connection, b"data");
    }
    let mut sent = 0;
    while let Some(mut transmit) = endpoint.poll_transmit() {
        sent += 1;
        endpoint.handle_datagram(NOW, transmit.to, &mut transmit.data);
    }
    assert!(sent <= 4, "no more than was reserved");
    assert!(!good || sent == 4, "all that was reserved");
    let last = endpoint.take_export(connection);
    assert_eq!(endpoint.session_count(), 0);
    let Some(last) = last else {
        // The numbers that were left are used up.
        let mut events = std::iter::from_fn(|| endpoint.poll_event());
        assert!(events.any(|event| matches!(event, Event::Closed { .. })));
        return;
    };
    endpoint.import(NOW, &last).expect("what was written reads");
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, input @ ..] = bytes else {
        return;
    };
    let (bytes, good) = export(*choice, input);
    // One that only connects, or a server.
    let server = (choice & 1 != 0).then(serves);
    used(
        &mut endpoint(config(), server, provider(false), 2),
        bytes,
        good,
    );
});
