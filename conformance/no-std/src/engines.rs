//! The engines: two CoAP endpoints that talk with each other, and a client that registers.

use alloc::{boxed::Box, vec::Vec};
use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use lwm2m_client::{ClientEngine, DataObject, ServerAccount, account::Account};
use lwm2m_core::{
    coap::{Code, Message, MessageKind, Request, Response, option},
    endpoint::{Endpoint, EndpointConfig, Event, RequestOptions},
    engine::{Engine, Inbound, Outbound},
    operation::{Register, RegistrationOperation},
    peer::{PeerId, PeerIdentity},
    time::Instant,
    version::LwM2mVersion,
};
use lwm2m_objects::ipso::temperature;
use rand_core::RngCore;

/// Enough for a test, where nobody guesses; a device asks its hardware.
pub struct Xorshift(u64);

impl RngCore for Xorshift {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

pub fn random(seed: u64) -> Box<Xorshift> {
    Box::new(Xorshift(seed))
}

/// Carries datagrams between the two until neither has any.
fn settle(now: Instant, client: &mut Endpoint, server: &mut Endpoint, peer: PeerId) {
    loop {
        let mut idle = true;
        while let Some(transmit) = client.poll_transmit() {
            server.handle_datagram(now, peer, &transmit.data);
            idle = false;
        }
        while let Some(transmit) = server.poll_transmit() {
            client.handle_datagram(now, peer, &transmit.data);
            idle = false;
        }
        if idle {
            return;
        }
    }
}

pub fn endpoints() {
    let mut now = Instant::ZERO;
    let peer = PeerId::from_connection(0, 1);
    let mut client = Endpoint::new(EndpointConfig::default(), random(1));
    let mut server = Endpoint::new(EndpointConfig::default(), random(2));

    // An observation of a body that takes three blocks, lost the first time it is asked for.
    let body: Vec<u8> = (0..3000u32).map(|n| n as u8).collect();
    let request = Request::new(Code::GET)
        .path_segment("3303")
        .uint_option(option::OBSERVE, 0);
    client
        .request(now, peer, request, RequestOptions::default())
        .expect("there is room");
    assert!(client.poll_transmit().is_some());
    let exchange = loop {
        now = client.poll_timeout().expect("it is to be repeated");
        client.handle_timeout(now);
        settle(now, &mut client, &mut server, peer);
        if let Some(Event::Request { exchange, .. }) = server.poll_event() {
            break exchange;
        }
    };
    let content = |body: &[u8]| Response::new(Code::CONTENT).body(42, body.to_vec());
    let observer = server
        .respond_observe(now, exchange, content(&body))
        .expect("it waits for an answer");
    settle(now, &mut client, &mut server, peer);
    let Some(Event::Response {
        response,
        observation,
        ..
    }) = client.poll_event()
    else {
        panic!("the response has not arrived");
    };
    assert_eq!(response.payload, body);
    assert!(observation.is_some());

    now += Duration::from_secs(1);
    server
        .notify(now, observer, content(b"21.5"), true)
        .expect("it observes");
    settle(now, &mut client, &mut server, peer);
    assert!(matches!(
        client.poll_event(),
        Some(Event::Notification { .. })
    ));
    assert!(matches!(
        server.poll_event(),
        Some(Event::NotificationAcknowledged { .. })
    ));

    server.handle_datagram(now, peer, b"no message");
    client.forget_peer(now, peer);
    server.forget_peer(now, peer);
}

pub fn client() {
    let now = Instant::ZERO;
    let uri = "coap://192.0.2.1:5683".parse().expect("an address");
    let sensor =
        DataObject::new(&temperature::V1_1).instance(0, [(temperature::SENSOR_VALUE, 21.5.into())]);
    let mut engine = ClientEngine::builder("no-std")
        .version(LwM2mVersion::V1_1)
        .server(ServerAccount::new(101, Account::nosec(uri)))
        .object(sensor)
        .build(now, random(3))
        .expect("it can be built");

    engine.handle_timeout(now);
    let Some(Outbound::Connect { peer, .. }) = engine.poll_outbound() else {
        panic!("it does not connect");
    };
    let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5683));
    let identity = &PeerIdentity::None;
    engine.handle(
        now,
        Inbound::Connected {
            peer,
            identity,
            address,
        },
    );
    let Some(Outbound::Datagram { data, .. }) = engine.poll_outbound() else {
        panic!("it does not register");
    };
    let message = Message::parse(&data).expect("a message");
    let mut request = Request::new(message.code);
    (request.options, request.payload) = (message.options, message.payload);
    let Ok(RegistrationOperation::Register(register)) =
        RegistrationOperation::from_request(&request)
    else {
        panic!("it sends something else");
    };
    assert_eq!(register.endpoint.as_deref(), Some("no-std"));

    let kind = MessageKind::Acknowledgement;
    let mut answer = Message::new(kind, Code::CREATED, message.id, message.token);
    answer.options = Register::created(&["rd", "1"]).options;
    let data = &answer.encode().expect("it can be written");
    engine.handle(
        now,
        Inbound::Datagram {
            peer,
            identity,
            address,
            data,
        },
    );
    while engine.poll_event().is_some() {}
    assert_eq!(engine.registered(), [101]);
}
