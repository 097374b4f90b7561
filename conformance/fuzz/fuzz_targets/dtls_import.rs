//! Exports that never were any, and a good one with damage: nothing panics, and a session that was taken up can be used,
//! exported again and ended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::time::Instant;
use lwm2m_dtls::{
    ConnectionIds, Endpoint, EndpointConfig, Event, Export, crypto::rustcrypto::RustCrypto,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let mut config = EndpointConfig::default();
    config.connection_ids = Some(ConnectionIds {
        prefix: vec![7],
        length: 6,
    });
    config.export_reservation = Some(4);
    let random = Box::new(ChaCha8Rng::seed_from_u64(1));
    let mut endpoint =
        Endpoint::new(config, None, Arc::new(RustCrypto), random).expect("a good configuration");
    let now = Instant::from_micros(1);
    let Ok(connection) = endpoint.import(now, &Export::from_bytes(bytes.to_vec())) else {
        return;
    };
    let _ = endpoint.export(connection).expect("there is a reservation");
    endpoint.export_stored(connection);
    for _ in 0..6 {
        let _ = endpoint.send(now, connection, b"data");
    }
    let mut sent = 0;
    while let Some(mut transmit) = endpoint.poll_transmit() {
        sent += 1;
        endpoint.handle_datagram(now, transmit.to, &mut transmit.data);
    }
    assert!(sent <= 4, "no more than was reserved");
    let last = endpoint.take_export(connection);
    assert_eq!(endpoint.session_count(), 0);
    let Some(last) = last else {
        // The numbers that were left are used up.
        let mut events = std::iter::from_fn(|| endpoint.poll_event());
        assert!(events.any(|event| matches!(event, Event::Closed { .. })));
        return;
    };
    endpoint.import(now, &last).expect("what was written reads");
});
