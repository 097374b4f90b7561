//! Handshakes over bad networks: all complete, or fail with a reason; none hangs.

use crate::{net::*, support::*};
use lwm2m_dtls::Event;
use std::{collections::BTreeMap, time::Duration};

/// Handshakes for each loss, kind and MTU; the whole run is made with `DTLS_LOSSY_HANDSHAKES=100000` in all.
fn handshakes() -> u64 {
    std::env::var("DTLS_LOSSY_HANDSHAKES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000)
}

/// Once the time of every handshake is over, none is left, and each that began has ended, in an event too.
fn all_ended(net: &mut Net, what: &str) {
    let longest = Duration::from_secs(90);
    net.run(longest + Duration::from_secs(1));
    for host in &net.hosts {
        assert_eq!(host.endpoint.handshake_count(), 0, "{what}");
        let metrics = host.endpoint.metrics();
        let ended =
            metrics.handshakes_completed + metrics.handshakes_failed + metrics.handshakes_timed_out;
        assert_eq!(metrics.handshakes_started, ended, "{what}");
        let connected = |event: &Event| matches!(event, Event::Connected { .. });
        let completed = host.events.iter().filter(|event| connected(event)).count() as u64;
        assert_eq!(metrics.handshakes_completed, completed, "{what}");
        let refused = host.refused().len() as u64;
        let closed = match completed {
            0 => host.closed().len() as u64,
            // Sessions end as well.
            _ => 0,
        };
        assert_eq!(
            metrics.handshakes_started,
            completed + refused + closed,
            "{what}"
        );
    }
}

// proves: DTLS-04, DTLS-05
#[test]
fn loss_reordering_duplicates_and_fragments() {
    let pki = pki();
    let losses = [0, 10, 20, 30, 40];
    let each = handshakes() / (losses.len() as u64 * 20);
    let mut beyond = Vec::new();
    for loss in losses {
        let (mut completed, mut failed, mut slowest) = (0u64, 0u64, 0);
        let mut reasons = BTreeMap::<String, Vec<u64>>::new();
        for seed in 0..each * 20 {
            // Of twenty, one has certificates and one raw public keys, which cost far more time.
            let kind = match seed % 20 {
                0 => Kind::Certificate,
                1 => Kind::RawPublicKey,
                _ => Kind::Psk,
            };
            let mut setup = Setup::new(kind, &pki);
            setup.seed = seed + 1;
            setup.link = Link {
                loss,
                duplicates: 10,
                delay: Duration::from_millis(20),
                jitter: Duration::from_millis(200),
            };
            if seed % 3 == 0 {
                setup.client.mtu = 256;
                setup.server.mtu = 256;
            }
            if seed % 2 == 0 {
                setup.server.connection_ids = with_ids(6).connection_ids;
            }
            if seed % 5 == 0 {
                setup.server.ticket_lifetime = Some(Duration::from_secs(3600));
                setup.connection.session_tickets = true;
            }
            let mut net = setup.build();
            net.keep_log = false;
            let start = net.now;
            // Until both sides have a verdict; the server's may come a handshake time-out later.
            while net.hosts[CLIENT].connected().is_empty() && net.hosts[CLIENT].closed().is_empty()
            {
                net.run(Duration::from_millis(500));
                assert!(
                    net.now.since(start) < Duration::from_secs(200),
                    "hangs: {loss} % seed {seed}"
                );
            }
            if net.hosts[CLIENT].connected().is_empty() {
                failed += 1;
                let reason = net.hosts[CLIENT].closed().concat();
                assert!(!reason.is_empty());
                reasons.entry(reason).or_default().push(seed);
                all_ended(&mut net, &format!("{loss} % seed {seed}"));
                continue;
            }
            completed += 1;
            slowest = slowest.max(net.now.since(start).as_millis());
            // A client that is connected can speak, whatever became of the last flight, and hears the server.
            for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
                for n in 0..40u8 {
                    net.say(from, &[n]);
                    net.run(Duration::from_millis(300));
                    if !net.hosts[to].data().is_empty() {
                        break;
                    }
                }
                assert!(!net.hosts[to].data().is_empty(), "{loss} % seed {seed}");
            }
            all_ended(&mut net, &format!("{loss} % seed {seed}"));
        }
        println!("{loss} % loss: {completed} completed, {failed} failed, slowest {slowest} ms");
        for (reason, seeds) in &reasons {
            println!(
                "  {} times: {reason}, as with seed {}",
                seeds.len(),
                seeds[0]
            );
        }
        // Seven tries fit into the time for a handshake; at 40 % in each direction, one round trip in three succeeds.
        let tolerated = match loss {
            0..=10 => 0,
            20 => each * 20 / 50,
            30 => each * 20 / 20,
            _ => each * 20 / 6,
        };
        if failed > tolerated {
            beyond.push(format!("{failed} of {} at {loss} %", completed + failed));
        }
    }
    assert!(beyond.is_empty(), "too many failed: {beyond:?}");
}
