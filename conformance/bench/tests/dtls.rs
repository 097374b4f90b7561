//! What is measured of DTLS: that the contenders do what they say, what does not depend on the machine's speed, and that
//! devices with sessions are heard.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

use lwm2m_bench::{
    allocation::CountingAllocator,
    dtls::{
        contest::{Contender, PAYLOAD, Rounds, Scheme, Work, contest, table},
        engine::{Credentials, Ours, serve, server_config},
        material::Material,
        peers,
        sessions::{flood, per_session},
        traffic::{Padded, Secured},
    },
    load::{
        fleet::{Fleet, FleetConfig, Goal},
        traffic::{Answer, Traffic},
    },
};
use lwm2m_core::time::Instant;
use lwm2m_dtls::{
    Endpoint, ServerConfig,
    crypto::{Provider, ring::Ring},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Long enough for any machine; nothing here waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

fn ring() -> Arc<dyn Provider> {
    Arc::new(Ring::new())
}

#[test]
fn contenders_do_the_work_that_they_offer() {
    let material = Material::new().unwrap();
    let ours = Ours::new("lwm2m-dtls", &material, &ring()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(ours)];
    contenders.extend(peers::libraries(&material).unwrap().here);
    material.write(folder.path()).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 7);
    let rounds = Rounds {
        count: 1,
        small: true,
    };
    for scheme in Scheme::ALL {
        for work in [Work::Handshake(scheme), Work::Echo(scheme)] {
            let offer = contenders.iter().filter(|one| one.offers(work)).count();
            let rows = contest(&mut contenders, work, rounds).unwrap();
            assert_eq!(rows.len(), offer, "{work}");
            assert!(rows.iter().all(|row| row.micros() > 0.0), "{work}");
            assert_eq!(rows[0].ratio_to(&rows[0]), 1.0);
            let [client, server] = rows[0].sides().unwrap();
            assert!((client + server - rows[0].micros()).abs() < 1e-6);
            assert!(table(work, &rows).contains(&rows[0].name));
        }
    }
}

#[test]
fn a_session_at_rest_is_small() {
    let kept = per_session(Scheme::PskCcm8, 1500, Some(100)).unwrap();
    let bytes = per_session(Scheme::PskCcm8, 1500, None).unwrap();
    assert!(kept.allocated > bytes.allocated, "{kept:?}");
    assert!(bytes.counted <= 400.0, "{bytes:?}");
    // Something is allocated for what is counted, and little beyond.
    assert!(bytes.allocated >= bytes.counted * 0.9, "{bytes:?}");
    assert!(bytes.allocated <= 500.0, "{bytes:?}");
}

#[test]
fn a_flood_leaves_nothing() {
    let came = flood(5000).unwrap();
    assert_eq!(came.answered, 5000);
    assert_eq!(came.served, (5, 5));
    assert_eq!((came.grown, came.allocated, came.handshakes), (0, 0, 0));
}

/// Our engine behind a socket, until an empty datagram comes: from how many addresses records came.
fn server() -> (SocketAddr, thread::JoinHandle<usize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let random = Box::new(ChaCha20Rng::seed_from_u64(1));
        let serves = Some(ServerConfig::new().psk());
        let mut endpoint = Endpoint::new(server_config(), serves, ring(), random).unwrap();
        let mut buffer = [0; 2048];
        let mut seen = std::collections::HashSet::new();
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            if length == 0 {
                return seen.len();
            }
            seen.insert(from);
            endpoint.handle_datagram(Instant::ZERO, from, &mut buffer[..length]);
            serve(&mut endpoint, Instant::ZERO);
            while let Some(transmit) = endpoint.poll_transmit() {
                socket.send_to(&transmit.data, transmit.to).unwrap();
            }
        }
    });
    (address, serving)
}

#[test]
fn devices_with_sessions_are_heard_from_their_own_addresses() {
    let (address, serving) = server();
    let provider = ring();
    let material = Material::new().unwrap();
    let credentials = Credentials::new(Scheme::PskCcm8, &material, &*provider).unwrap();
    let mut traffic = Secured::connect(Padded, 20, address, &credentials, &provider).unwrap();
    let config = FleetConfig {
        devices: 20,
        sockets: 3,
        window: 8,
        patience: PATIENCE,
    };
    let goal = Goal {
        time: PATIENCE,
        requests: 100,
    };
    let mut fleet = Fleet::new(config, address).unwrap();
    let outcome = fleet.run(&mut traffic, goal).unwrap();
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(&[], address)
        .unwrap();
    assert_eq!(
        (outcome.answered, outcome.refused, outcome.lost),
        (100, 0, 0)
    );
    assert_eq!(fleet.heard(), 20);
    // Each shook hands from one port and went on from another.
    assert_eq!(serving.join().unwrap(), 40);
}

#[test]
fn what_a_device_asks_is_of_the_length_that_is_measured() {
    let mut datagram = Vec::new();
    Padded.request(1, 2, [3; 8], &mut datagram);
    assert_eq!(datagram.len(), PAYLOAD.len());
    assert_eq!(Padded.answer(1, &datagram), Answer::Expected);
    assert_eq!(Padded.answer(1, &datagram[1..]), Answer::Other);
}
