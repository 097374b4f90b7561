//! Whether an observation begins, and under which token (RFC 7641, sections 3.1 and 4.1).

use super::*;

// proves: OBSV-02, OBSV-22
#[test]
fn not_entered() {
    let config = EndpointConfig {
        max_observers_per_peer: 1,
        ..plain_config()
    };
    let mut net = Net::with(12, plain_config(), config);
    establish(&mut net, "a", content("0"));
    net.request(observe("b"));
    let (exchange, _) = net.asked();
    let refused = net.ends[B].respond_observe(net.now, exchange, content("1"));
    assert_eq!(refused, Err(EndpointError::Busy));
    assert!(matches!(
        net.event(A),
        Event::Response {
            observation: None,
            ..
        }
    ));
    // An error, or a request that did not ask.
    net.request(observe("c"));
    let (exchange, _) = net.asked();
    let refused = net.ends[B].respond_observe(net.now, exchange, Response::new(Code::NOT_FOUND));
    assert_eq!(refused, Err(EndpointError::Gone));
    assert!(matches!(
        net.event(A),
        Event::Response {
            observation: None,
            ..
        }
    ));
}

// proves: OBSV-21
#[test]
fn notification_that_overtakes_the_first_response() {
    let mut net = Net::new(17);
    net.request(observe("t"));
    let (exchange, _) = net.asked();
    // The piggybacked response is lost, the notification is not.
    let mut first = true;
    net.lose = Box::new(move |by, _| by == B && core::mem::take(&mut first));
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, content("1"))
        .unwrap();
    notify(&mut net, observer, content("2"), true);
    assert!(matches!(
        net.event(A),
        Event::Response { observation: Some(_), response, .. } if response == content("2")
    ));
    notify(&mut net, observer, content("3"), true);
    assert_eq!(notified(&mut net).1, content("3"));
}

// proves: COAP-51, OBSV-05, OBSV-11
#[test]
fn observing_again_under_the_same_token_replaces() {
    let mut net = Net::new(18);
    let mut message = Message::new(MessageKind::Confirmable, Code::GET, 1, Token::EMPTY);
    message.options.set_uint(option::OBSERVE, 0);
    let mut observers = Vec::new();
    for id in 1..=2 {
        message.id = id;
        tell(&mut net, &message);
        let (exchange, _) = net.asked();
        observers.push(
            net.ends[B]
                .respond_observe(net.now, exchange, content("1"))
                .unwrap(),
        );
        net.drain();
    }
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer: observers[0],
            reason: ObserverGone::Replaced
        }
    );
    let sequences: Vec<_> = net
        .sent
        .iter()
        .map(|(_, m)| m.options.uint(option::OBSERVE).unwrap())
        .collect();
    assert_eq!(sequences, [1, 2], "the order goes on");
}

#[test]
fn several_observations_of_one_resource() {
    let mut net = Net::new(2);
    let pairs: Vec<_> = (0..4)
        .map(|_| establish(&mut net, "x", content("0")))
        .collect();
    for (number, (observation, observer)) in pairs.iter().enumerate() {
        notify(
            &mut net,
            *observer,
            content(&number.to_string()),
            number % 2 == 0,
        );
        let told = (*observation, content(&number.to_string()), false);
        assert_eq!(notified(&mut net), told);
    }
    net.run(Duration::from_secs(1));
    net.events[B].clear();
    // The end of one is not the end of the others.
    let now = net.now;
    net.ends[A].cancel_observation(now, pairs[1].0).unwrap();
    let (exchange, _) = net.asked();
    net.respond(exchange, content("9"));
    match net.event(B) {
        Event::ObserverGone { observer, reason } => {
            assert_eq!((observer, reason), (pairs[1].1, ObserverGone::Cancelled));
        }
        other => panic!("{other:?}"),
    }
    net.answer();
    for (number, (_, observer)) in pairs.iter().enumerate() {
        let now = net.now;
        let told = net.ends[B].notify(now, *observer, content("5"), false);
        assert_eq!(told.is_ok(), number != 1);
    }
    net.run(Duration::from_secs(1));
    assert_eq!(net.events[A].len(), 3);
}
