//! How long a representation is fresh, and what becomes of an observation that is renewed (RFC 7641, section 3.3.1).

use super::*;

fn aged(text: &str, max_age: Option<u32>) -> Response {
    let mut response = content(text);
    if let Some(seconds) = max_age {
        response.options.set_uint(option::MAX_AGE, seconds);
    }
    response
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// proves: OBSV-25
#[test]
fn fresh_for_max_age() {
    for (max_age, seconds) in [
        (None, 60),
        (Some(0), 0),
        (Some(10), 10),
        (Some(u32::MAX), u32::MAX),
    ] {
        let mut net = Net::new(1);
        let (observation, observer) = establish(&mut net, "x", aged("0", max_age));
        let fresh = |net: &Net, after| net.ends[A].is_fresh(net.now + after, observation);
        let seconds = u64::from(seconds);
        assert!(seconds == 0 || fresh(&net, at(seconds - 1)));
        assert!(!fresh(&net, at(seconds)));
        // Each notification counts anew, and so does a renewal.
        net.run(at(100));
        notify(&mut net, observer, aged("1", Some(30)), false);
        net.event(A);
        assert!(fresh(&net, at(29)) && !fresh(&net, at(30)));
        net.run(at(100));
        let now = net.now;
        net.ends[A].refresh_observation(now, observation).unwrap();
        let (exchange, _) = net.asked();
        let now = net.now;
        net.ends[B]
            .respond_observe(now, exchange, aged("1", Some(20)))
            .unwrap();
        net.event(A);
        assert!(fresh(&net, at(19)) && !fresh(&net, at(20)));
        net.ends[A].forget_observation(observation);
        assert!(!net.ends[A].is_fresh(net.now, observation));
    }
}

// proves: OBSV-03, OBSV-10, OBSV-11
#[test]
fn renewed() {
    let mut net = Net::new(10);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    let id = net.ends[A]
        .refresh_observation(net.now, observation)
        .unwrap();
    let (exchange, _) = net.asked();
    let renewed = net.ends[B]
        .respond_observe(net.now, exchange, content("1"))
        .unwrap();
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Replaced
        }
    );
    assert_eq!(
        net.event(A),
        Event::Response {
            request: id,
            peer: Net::peer(B),
            response: content("1"),
            observation: Some(observation)
        }
    );
    notify(&mut net, renewed, content("2"), false);
    assert_eq!(notified(&mut net), (observation, content("2"), false));

    // A renewal that fails leaves the observation as it is.
    net.lose = Box::new(|by, _| by == A);
    net.ends[A]
        .refresh_observation(net.now, observation)
        .unwrap();
    assert!(matches!(net.event(A), Event::RequestFailed { .. }));
    net.lose = Box::new(|_, _| false);
    notify(&mut net, renewed, content("3"), false);
    assert_eq!(notified(&mut net), (observation, content("3"), false));

    // One that is refused has ended it.
    net.ends[A]
        .refresh_observation(net.now, observation)
        .unwrap();
    let (exchange, _) = net.asked();
    net.respond(exchange, Response::new(Code::NOT_FOUND));
    assert!(matches!(
        net.event(A),
        Event::Response {
            observation: None,
            ..
        }
    ));
    notify(&mut net, renewed, content("4"), true);
    assert!(matches!(net.event(B), Event::ObserverGone { .. }));
}

/// A renewal by A, and what it is answered.
fn renewal(net: &mut Net, observation: ObservationId) -> (RequestId, ExchangeId) {
    let now = net.now;
    let id = net.ends[A].refresh_observation(now, observation).unwrap();
    (id, net.asked().0)
}

/// The answer of B; with its new observer, the old one is gone.
fn renew(net: &mut Net, exchange: ExchangeId, text: &str) -> ObserverId {
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, content(text))
        .unwrap();
    net.drain();
    assert!(matches!(net.event(B), Event::ObserverGone { .. }));
    observer
}

// proves: OBSV-04, OBSV-11
#[test]
fn an_old_notification_is_no_response_to_a_renewal() {
    for separate in [false, true] {
        let mut net = Net::new(11);
        let (observation, observer) = establish(&mut net, "t", content("0"));
        net.lose = Box::new(|by, _| by == B);
        notify(&mut net, observer, content("1"), false);
        let (_, late) = net.sent.pop().unwrap();
        net.lose = Box::new(|_, _| false);
        notify(&mut net, observer, content("2"), false);
        assert_eq!(notified(&mut net).1, content("2"));

        let (id, exchange) = renewal(&mut net, observation);
        if separate {
            net.run(Duration::from_secs(1));
        }
        deliver(&mut net, &late);
        net.no_event(A);
        assert_eq!(net.ends[A].metrics().stale_notifications, 1);
        let renewed = renew(&mut net, exchange, "3");
        assert_eq!(net.answer(), (id, content("3")));
        notify(&mut net, renewed, content("4"), false);
        assert_eq!(notified(&mut net), (observation, content("4"), false));
    }
}

// proves: OBSV-04, OBSV-11
#[test]
fn a_notification_that_overtakes_the_renewal() {
    let mut net = Net::new(12);
    let (observation, _) = establish(&mut net, "t", content("0"));
    let (id, exchange) = renewal(&mut net, observation);
    net.lose = Box::new(|by, message| by == B && message.kind == MessageKind::Acknowledgement);
    let renewed = renew(&mut net, exchange, "1");
    notify(&mut net, renewed, content("2"), false);
    assert_eq!(notified(&mut net), (observation, content("2"), false));
    // The renewal goes on, and its response is older than what came meanwhile.
    net.lose = Box::new(|_, _| false);
    assert_eq!(
        net.event(A),
        Event::Response {
            request: id,
            peer: Net::peer(B),
            response: Response::new(Code::VALID),
            observation: Some(observation)
        }
    );
    notify(&mut net, renewed, content("3"), false);
    assert_eq!(notified(&mut net), (observation, content("3"), false));
    net.ends[A].forget_observation(observation);
    net.ends[B].remove_observer(renewed);
    net.assert_forgets_all();
}

fn superseded(net: &mut Net, request: RequestId) {
    let failure = Failure::Superseded;
    let peer = Net::peer(B);
    let failed = Event::RequestFailed {
        request,
        peer,
        failure,
    };
    assert_eq!(net.event(A), failed);
}

// proves: OBSV-11, OBSV-12
#[test]
fn one_request_at_a_time_has_the_token() {
    let mut net = Net::new(13);
    let (observation, _) = establish(&mut net, "t", content("0"));
    let (first, early) = renewal(&mut net, observation);
    let (second, later) = renewal(&mut net, observation);
    superseded(&mut net, first);
    // Its acknowledgement is no answer to the second.
    renew(&mut net, early, "1");
    net.run(LATENCY);
    net.no_event(A);
    renew(&mut net, later, "2");
    assert_eq!(net.answer(), (second, content("2")));

    let (third, exchange) = renewal(&mut net, observation);
    let now = net.now;
    let cancel = net.ends[A].cancel_observation(now, observation).unwrap();
    superseded(&mut net, third);
    renew(&mut net, exchange, "3");
    let (exchange, request) = net.asked();
    assert_eq!(request.options.uint(option::OBSERVE), Some(1));
    assert!(matches!(net.event(B), Event::ObserverGone { .. }));
    net.respond(exchange, content("4"));
    assert_eq!(net.answer(), (cancel, content("4")));
    net.no_event(A);
    net.assert_forgets_all();
}

// proves: OBSV-09
#[test]
fn echo_keeps_the_token_of_an_observation() {
    let mut net = Net::new(19);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    let token = net.sent[0].1.token;
    net.ends[A]
        .refresh_observation(net.now, observation)
        .unwrap();
    let (exchange, _) = net.asked();
    let mut challenge = Response::new(Code::UNAUTHORIZED);
    challenge.options.push(option::ECHO, b"proof");
    net.respond(exchange, challenge);
    let (exchange, request) = net.asked();
    assert!(request.options.contains(option::ECHO));
    assert!(
        net.sent
            .iter()
            .filter(|(by, message)| *by == A && message.code == Code::GET)
            .all(|(_, message)| message.token == token)
    );
    let renewed = net.ends[B]
        .respond_observe(net.now, exchange, content("1"))
        .unwrap();
    assert_ne!(renewed, observer);
    net.events[B].clear();
    assert!(
        matches!(net.event(A), Event::Response { observation: Some(o), .. } if o == observation)
    );
    notify(&mut net, renewed, content("2"), true);
    assert_eq!(notified(&mut net), (observation, content("2"), false));
}

#[test]
fn a_renewal_ends_the_fetch_of_what_came_before() {
    let config = |max_served| EndpointConfig {
        block_size: BlockSize::at_most(64),
        max_served,
        ..plain_config()
    };
    // The server keeps no bodies, so that the rest of a notification is asked for from the layer above.
    let mut net = Net::with(5, config(0), config(0));
    let (observation, observer) = establish(&mut net, "x", content("0"));
    let older = large(100);
    notify(&mut net, observer, older.clone(), false);
    let (fetch, _) = net.asked();
    // It is acknowledged, and takes its time.
    net.run(Duration::from_secs(1));
    let (_, renewal) = renewal(&mut net, observation);
    let now = net.now;
    net.ends[B]
        .respond_observe(now, renewal, content("newer"))
        .unwrap();
    assert_eq!(net.answer().1.payload, "newer");
    net.respond(fetch, older);
    net.run(Duration::from_secs(100));
    net.no_event(A);
    assert_eq!(net.ends[A].requests.len(), 0);
    net.ends[A].forget_observation(observation);
}
