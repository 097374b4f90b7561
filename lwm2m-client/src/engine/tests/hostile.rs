//! Whatever a server or bootstrap server sends: an answer or silence, never a panic, never without bounds.

use super::*;
use crate::FirmwareObject;
use lwm2m_core::coap::{Message, MessageKind, OptionNumber, Token};
use rand_chacha::rand_core::RngCore;
use std::vec;

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, bound: u32) -> usize {
        (self.0.next_u32() % bound) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32)]
    }

    fn bytes(&mut self, most: u32) -> Vec<u8> {
        let mut bytes = vec![0; self.below(most)];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A request that is nearly right more often than chance would have it.
    fn request(&mut self) -> Request {
        let codes = [1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9];
        let mut request = Request::new(Code::from_byte(self.pick(&codes)));
        let paths = [
            "",
            "0",
            "0/0",
            "1",
            "1/0",
            "1/0/1",
            "1/0/4",
            "1/0/8",
            "3",
            "3/0",
            "3/0/0",
            "3/0/6",
            "3/0/6/0",
            "3/0/13",
            "5/0/0",
            "5/0/1",
            "5/0/2",
            "5/0/10",
            "16",
            "16/0",
            "3303/0",
            "3303/0/5700",
            "3303/0/5605",
            "77",
            "bs",
            "x/1",
            "3//",
            "65535",
            "-1/0",
            "1/2/3/4/5",
        ];
        request = (self.pick(&paths).split('/'))
            .filter(|segment| !segment.is_empty() || self.below(9) == 0)
            .fold(request, |request, segment| request.path_segment(segment));
        let queries = [
            "pmin=1",
            "pmax=0",
            "pmax=4294967295",
            "gt=1",
            "lt=9",
            "st=-1",
            "epmin=5",
            "edge=1",
            "con=1",
            "hqmax=3",
            "pmin",
            "depth=3",
            "depth=9",
            "=",
            "x=y",
            "gt=1e999",
        ];
        for _ in 0..self.below(6).saturating_sub(3) {
            request = request.query(self.pick(&queries));
        }
        let formats = [
            0, 40, 42, 60, 110, 112, 320, 322, 11542, 11543, 11544, 65000,
        ];
        if self.below(4) == 0 {
            request = request.uint_option(option::ACCEPT, self.pick(&formats));
        }
        if self.below(3) == 0 {
            request = request.uint_option(option::OBSERVE, self.below(3) as u32);
        }
        if self.below(20) == 0 {
            request
                .options
                .push(OptionNumber(self.below(300) as u16), &[1]);
        }
        let bodies: [(u16, &[u8]); 10] = [
            (0, b"1"),
            (0, b"0='a'"),
            (110, br#"[{"n":"/3303/0/5700"},{"n":"/3/0/0"}]"#),
            (110, br#"[{"n":"/1/0/1","v":20}]"#),
            (
                110,
                br#"[{"n":"/0/0/0","vs":"coap://x"},{"n":"/0/0/1","vb":true}]"#,
            ),
            (11542, &[0xC1, 1, 20]),
            (11542, &[0x08, 0x00, 0x03, 0xC1, 1, 20]),
            (
                112,
                &[
                    0x81, 0xA2, 0, 0x66, b'/', b'1', b'/', b'0', b'/', b'1', 2, 5,
                ],
            ),
            (42, &[0]),
            (42, b"image"),
        ];
        match self.below(6) {
            0 | 1 => request,
            2 => {
                let (format, body) = (self.pick(&formats), self.bytes(64));
                request.body(format as u16, body)
            }
            3 => {
                let (format, (_, body)) = (self.pick(&formats), self.pick(&bodies));
                request.body(format as u16, body.to_vec())
            }
            _ => {
                let (format, body) = self.pick(&bodies);
                request.body(format, body.to_vec())
            }
        }
    }
}

/// `least`: how many requests a run must have answered with success, so that it tests more than refusals.
fn storm(mut world: World, server: HostId<Scripted>, seed: u64, least: u32) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let (mut answered, mut succeeded) = (0, 0);
    for round in 0..400 {
        for _ in 0..8 {
            let request = dice.request();
            let endpoint = &mut world.net.host_mut(server);
            if endpoint.peer.is_some() {
                world.net.act(server, |server, now| {
                    let (Some(peer), options) = (server.peer, RequestOptions::default()) else {
                        return;
                    };
                    // A full queue is the server's own matter.
                    let _ = server.endpoint.request(now, peer, request, options);
                });
            }
        }
        world.run(SECOND * if round % 50 == 49 { 400 } else { 2 });
        let host = world.net.host_mut(server);
        for event in core::mem::take(&mut host.events) {
            if let Event::Response { response, .. } = event {
                answered += 1;
                succeeded += u32::from(response.code.class() == 2);
            }
        }
        host.asked.clear();
        world.take_told();
        world.client(|client, _| {
            assert!(client.observers.len() <= client.config.max_observers);
            assert!(client.attributes.iter().count() <= client.config.max_attributes);
            assert!(client.pending.len() <= 4, "{:?}", client.pending);
            assert!(client.outbound.is_empty() && client.events.is_empty());
        });
    }
    assert!(
        answered > 500 && succeeded >= least,
        "{answered} {succeeded}"
    );
}

/// A firmware storage that takes everything and keeps nothing.
pub(super) struct Nowhere;

impl crate::firmware::FirmwareStorage for Nowhere {
    fn begin(&mut self, _: Option<u64>) -> Result<(), crate::firmware::FirmwareError> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> Result<(), crate::firmware::FirmwareError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<crate::firmware::PackageInfo, crate::firmware::FirmwareError> {
        Ok(crate::firmware::PackageInfo::default())
    }

    fn discard(&mut self) {}
}

#[test]
fn a_hostile_server() {
    for seed in 0..4 {
        let dynamic = DataObject::new(&lwm2m_objects::portfolio::V1_0).dynamic();
        let builder = builder()
            .object(FirmwareObject::new(Nowhere))
            .object(dynamic)
            .server(server_account().resource(lwm2m_objects::server::DISABLE_TIMEOUT, 5));
        let mut world = World::new(builder);
        world.run(SECOND);
        let server = world.server;
        storm(world, server, seed, 50);
    }
}

#[test]
fn a_hostile_bootstrap_server() {
    for seed in 0..4 {
        let account = Account::nosec(BOOTSTRAP.parse().unwrap());
        let mut world = World::new(builder().bootstrap(account));
        world.run(SECOND);
        let bootstrap = world.bootstrap;
        storm(world, bootstrap, seed, 15);
    }
}

// proves: COAP-52
#[test]
fn garbage_instead_of_messages() {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(9));
    let mut world = World::registered();
    let (server, peer) = (
        world.server,
        world.client(|client, _| client.sessions[0].peer.unwrap()),
    );
    world.client(|client, now| {
        let identity = lwm2m_core::peer::PeerIdentity::None;
        let address = "10.0.0.1:5683".parse().unwrap();
        let mut message = Message::new(MessageKind::Confirmable, Code::PUT, 7, Token::EMPTY);
        message.options.push(option::URI_PATH, b"1");
        let good = message.encode().unwrap();
        for _ in 0..20_000 {
            let mut data = match dice.below(2) {
                0 => dice.bytes(40),
                _ => good.clone(),
            };
            if let Some(length) = (data.len() as u32).checked_sub(1).filter(|l| *l > 0) {
                let at = dice.below(length);
                data[at] ^= dice.below(255) as u8;
            }
            client.handle(
                now,
                Inbound::Datagram {
                    peer,
                    identity: &identity,
                    address,
                    data: &data,
                },
            );
            while client.poll_outbound().is_some() {}
        }
    });
    world.run(SECOND * 400);
    assert_eq!(text(&world.ask(server, get("3/0/0"))), "Maker");
}
