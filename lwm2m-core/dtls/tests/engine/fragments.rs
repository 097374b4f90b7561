//! Fragments of messages that nobody has said, three thousand of them: before a session and in the middle of a handshake.

use crate::{forgery::*, net::*, support::*};
use std::time::Duration;

/// A part of a message that never becomes whole.
fn forged(n: u16, number: u16) -> Vec<u8> {
    const KINDS: [u8; 6] = [2, 11, 12, 14, 15, 16];
    let length = 100 + u32::from(n) % 4000;
    let offset = (u32::from(n) * 7) % (length - 4);
    let mut body = vec![KINDS[usize::from(n) % KINDS.len()]];
    body.extend(&length.to_be_bytes()[1..]);
    body.extend(number.to_be_bytes());
    body.extend(&offset.to_be_bytes()[1..]);
    body.extend([0, 0, 4, 1, 2, 3, 4]);
    record(22, 0, n.into(), &body)
}

#[test]
fn three_thousand_fragments_leave_nothing_behind() {
    let mut net = connected(Setup::psk());
    let before = net.hosts[SERVER].endpoint.session_bytes();
    for n in 0..3000u16 {
        let mut body = vec![11, 0, 16, 0];
        body.extend(n.to_be_bytes());
        body.extend([0, 0, (n % 200) as u8, 0, 0, 4, 1, 2, 3, 4]);
        net.inject(Packet {
            from: client_address(),
            to: server_address(),
            data: record(22, n % 2, n.into(), &body),
        });
    }
    net.run(Duration::from_secs(5));
    assert_eq!(net.hosts[SERVER].endpoint.session_bytes(), before);
    unharmed(&mut net);
}

/// Whatever numbers they have, also those of the messages that are to come: one side waits in the middle of its handshake,
/// is told so many of them, and completes it when the other is heard again.
#[test]
fn three_thousand_fragments_let_a_handshake_complete() {
    let pki = pki();
    for kind in KINDS {
        for role in [CLIENT, SERVER] {
            let mut setup = Setup::new(kind, &pki);
            setup.client.mtu = 256;
            setup.server.mtu = 256;
            let mut net = setup.build();
            // Hellos and cookies are heard, and what follows is not.
            net.tap = Some(Box::new(|packet| {
                let greets = packet.data[0] == 22 && matches!(packet.data[13], 1 | 3);
                greets.then(|| packet.clone())
            }));
            net.run(Duration::from_millis(100));
            let (from, to) = match role {
                CLIENT => (server_address(), client_address()),
                _ => (client_address(), server_address()),
            };
            for n in 0..3000u16 {
                // The next dozen over and over, and once each number that there is.
                let number = if n % 2 == 0 { n / 2 % 12 } else { n };
                net.inject(Packet {
                    from,
                    to,
                    data: forged(n, number),
                });
                net.run(Duration::from_micros(100));
                assert_eq!(net.hosts[role].endpoint.handshake_count(), 1, "{n}");
            }
            net.run(Duration::from_millis(20));
            assert_eq!(net.hosts[role].endpoint.handshake_count(), 1);
            // Who is asked to repeat itself does so within bounds: a flight of five datagrams, sixteen times, and by the
            // timer.
            let of_victim = net.log.iter().filter(|packet| packet.from == to);
            assert!(of_victim.count() < 120, "{kind:?}");
            net.tap = None;
            net.run(Duration::from_secs(30));
            assert_eq!(net.hosts[CLIENT].connected().len(), 1, "{kind:?} {role}");
            assert_eq!(net.hosts[SERVER].connected().len(), 1, "{kind:?} {role}");
            net.say(CLIENT, b"before");
            net.run(Duration::from_secs(1));
            unharmed(&mut net);
        }
    }
}
