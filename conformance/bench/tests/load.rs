//! The load generator: that its devices are as many as it says, that its requests are well-formed, and that it counts
//! what happens.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

use lwm2m_bench::load::{
    fleet::{Fleet, FleetConfig, Goal, MAX_DEVICES, Outcome},
    traffic::{Answer, Echoed, Get, Registrations, Step, Traffic},
};
use lwm2m_core::{
    coap::{Code, Message, MessageKind, Request, option},
    operation::{Register, RegistrationOperation},
};
use std::{
    collections::{HashMap, HashSet},
    net::{SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

/// Long enough for any machine; nothing here waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(devices: u32) -> FleetConfig {
    FleetConfig {
        devices,
        sockets: 3,
        window: 32,
        patience: PATIENCE,
    }
}

fn requests(requests: u64) -> Goal {
    Goal {
        time: PATIENCE,
        requests,
    }
}

/// What came, and from whom.
type Seen = Vec<(SocketAddr, Vec<u8>)>;

/// Answers each datagram by what `answer` makes of it, and gives back all that came once it has been told to stop by
/// an empty datagram.
fn server(
    answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<Seen>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let mut seen = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            if length == 0 {
                return seen;
            }
            for datagram in answer(&buffer[..length]) {
                socket.send_to(&datagram, from).unwrap();
            }
            seen.push((from, buffer[..length].to_vec()));
        }
    });
    (address, serving)
}

fn stop(address: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[], address).unwrap();
}

fn run(
    target: SocketAddr,
    devices: u32,
    traffic: &mut dyn Traffic,
    goal: Goal,
) -> (Fleet, Outcome) {
    let mut fleet = Fleet::new(config(devices), target).unwrap();
    let outcome = fleet.run(traffic, goal).unwrap();
    (fleet, outcome)
}

#[test]
fn each_device_has_an_address_of_its_own_and_fresh_message_ids() {
    let (address, serving) = server(|datagram| vec![datagram.to_vec()]);
    let mut traffic = Echoed(Get { path: "time" });
    let (fleet, outcome) = run(address, 500, &mut traffic, requests(2000));
    stop(address);
    assert_eq!(
        (outcome.answered, outcome.refused, outcome.lost),
        (2000, 0, 0)
    );
    assert_eq!(fleet.heard(), 500);
    let mut ids: HashMap<SocketAddr, HashSet<u16>> = HashMap::new();
    for (from, datagram) in serving.join().unwrap() {
        let message = Message::parse(&datagram).unwrap();
        assert!(ids.entry(from).or_default().insert(message.id), "{from}");
    }
    assert_eq!(ids.len(), 500);
    // Who is answered sooner may come again sooner, but no device is left out of a round.
    assert!(ids.values().all(|ids| (3..=5).contains(&ids.len())));
    let ports: HashSet<u16> = ids.keys().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 3);
    let hosts: HashSet<_> = ids.keys().map(SocketAddr::ip).collect();
    assert_eq!(hosts.len(), 500);
    assert!(hosts.iter().all(|host| host.is_loopback()));
}

#[test]
fn what_is_not_answered_is_lost_and_errors_are_refusals() {
    let (silent, serving) = server(|_| Vec::new());
    let mut impatient = config(10);
    impatient.patience = Duration::from_millis(20);
    let mut fleet = Fleet::new(impatient, silent).unwrap();
    let outcome = fleet.run(&mut Get { path: "time" }, requests(25)).unwrap();
    stop(silent);
    assert_eq!((outcome.answered, outcome.lost), (0, 25));
    assert_eq!(fleet.heard(), 0);
    assert_eq!(serving.join().unwrap().len(), 25, "nothing is repeated");

    // What was asked comes back: no content, as far as a GET is concerned.
    let (echo, _serving) = server(|datagram| vec![datagram.to_vec()]);
    let (fleet, outcome) = run(echo, 10, &mut Get { path: "time" }, requests(25));
    stop(echo);
    assert_eq!((outcome.answered, outcome.refused), (0, 25));
    assert_eq!(fleet.heard(), 0);
}

#[test]
fn answers_to_older_requests_do_not_count_and_separate_responses_are_acknowledged() {
    let (address, serving) = server(|datagram| {
        let Ok(request) = Message::parse(datagram) else {
            return Vec::new();
        };
        if !request.code.is_request() {
            return Vec::new();
        }
        let mut response = Message::new(MessageKind::Confirmable, Code::CONTENT, 7, request.token);
        response.payload = "x".into();
        let right = response.encode().unwrap();
        // The token's last byte is the lowest of the sequence number.
        let mut older = right.clone();
        older[11] = older[11].wrapping_sub(1);
        vec![older, right.clone(), right]
    });
    let (_, outcome) = run(address, 5, &mut Get { path: "time" }, requests(20));
    stop(address);
    assert_eq!(
        (outcome.answered, outcome.refused, outcome.lost),
        (20, 0, 0)
    );
    let acknowledgements = serving.join().unwrap();
    let acknowledgements = acknowledgements
        .iter()
        .filter(|(_, datagram)| *datagram == [0x60, 0, 0, 7]);
    // The one that comes last may still be unread when the fleet has all it wanted.
    assert!(acknowledgements.count() >= 20);
}

#[test]
fn registrations_and_updates_mean_what_they_say() {
    let mut traffic = Registrations::new(3, Step::Update);
    let ask = |traffic: &mut Registrations| {
        let mut datagram = Vec::new();
        traffic.request(2, 0x1234, *b"12345678", &mut datagram);
        let message = Message::parse(&datagram).unwrap();
        assert_eq!(message.kind, MessageKind::Confirmable);
        assert_eq!(
            (message.id, message.token.as_bytes()),
            (0x1234, &b"12345678"[..])
        );
        Request {
            code: message.code,
            options: message.options,
            payload: message.payload,
            confirmable: true,
        }
    };
    let answer = |code, location: &[&str]| {
        let mut message = Message::new(MessageKind::Acknowledgement, code, 1, Default::default());
        for segment in location {
            message
                .options
                .push(option::LOCATION_PATH, segment.as_bytes());
        }
        message.encode().unwrap()
    };
    let register = Register::from_request(&ask(&mut traffic)).unwrap();
    assert_eq!(register.endpoint.as_deref(), Some("bench-000002"));
    assert_eq!(register.lifetime, Some(86_400));
    assert_eq!(register.links.len(), 6);
    for refusal in [
        answer(Code::CHANGED, &["rd", "x"]),
        answer(Code::CREATED, &[]),
        answer(Code::BAD_REQUEST, &[]),
        Vec::new(),
    ] {
        assert_eq!(traffic.answer(2, &refusal), Answer::Other);
        assert!(Register::from_request(&ask(&mut traffic)).is_ok());
    }
    let created = answer(Code::CREATED, &["rd", "a-location-of-many-letters"]);
    assert_eq!(traffic.answer(2, &created), Answer::Expected);
    let operation = RegistrationOperation::from_request(&ask(&mut traffic)).unwrap();
    let RegistrationOperation::Update(update) = operation else {
        panic!("{operation:?}");
    };
    assert_eq!(update.location, ["rd", "a-location-of-many-letters"]);
    assert_eq!(update.lifetime, None);
    assert_eq!(traffic.answer(2, &created), Answer::Other);
    let changed = answer(Code::CHANGED, &[]);
    assert_eq!(traffic.answer(2, &changed), Answer::Expected);
}

#[test]
fn a_fleet_has_as_many_devices_as_there_are_addresses() {
    let target = "127.0.0.1:9".parse().unwrap();
    for devices in [0, MAX_DEVICES + 1] {
        assert!(Fleet::new(config(devices), target).is_err(), "{devices}");
    }
}
