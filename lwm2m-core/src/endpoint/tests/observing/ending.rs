//! How an observation ends: by either side, by a reset, in silence (RFC 7641, sections 3.6, 4.2 and 4.5).

use super::*;

// proves: OBSV-17
#[test]
fn unreachable_observers_go() {
    let mut net = Net::new(7);
    let (_, observer) = establish(&mut net, "t", content("0"));
    net.lose = Box::new(|_, _| true);
    notify(&mut net, observer, content("1"), true);
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Timeout
        }
    );
    assert_eq!(
        net.ends[B].notify(net.now, observer, content("2"), true),
        Err(EndpointError::Gone)
    );
    net.ends[A].forget_peer(net.now, Net::peer(B));
    net.assert_forgets_all();
}

// proves: OBSV-07, OBSV-16
#[test]
fn cancelled_by_reset() {
    for confirmable in [false, true] {
        let mut net = Net::new(8);
        let (observation, observer) = establish(&mut net, "t", content("0"));
        net.ends[A].forget_observation(observation);
        notify(&mut net, observer, content("1"), confirmable);
        assert_eq!(
            net.event(B),
            Event::ObserverGone {
                observer,
                reason: ObserverGone::Reset
            }
        );
        net.no_event(A);
        net.assert_forgets_all();
    }
}

// proves: OBSV-07, OBSV-16
#[test]
fn a_reset_of_an_earlier_notification() {
    let mut net = Net::new(16);
    let (left, gone) = establish(&mut net, "a", content("0"));
    let (_, stays) = establish(&mut net, "b", content("0"));
    net.ends[A].forget_observation(left);
    notify(&mut net, gone, content("1"), false);
    // The next goes before the reset comes, and is lost.
    net.lose = Box::new(|by, _| by == B);
    notify(&mut net, gone, content("2"), false);
    net.lose = Box::new(|_, _| false);
    net.run(Duration::from_secs(1));
    net.no_event(B);
    // Whose it was is not known: both have to answer once.
    for (text, confirmable) in [("1", 1), ("2", 0)] {
        net.sent.clear();
        notify(&mut net, stays, content(text), false);
        assert_eq!(notified(&mut net).1, content(text));
        assert_eq!(net.count(B, MessageKind::Confirmable), confirmable);
        net.run(Duration::from_secs(1));
    }
    assert!(matches!(
        net.event(B),
        Event::NotificationAcknowledged { .. }
    ));
    net.sent.clear();
    notify(&mut net, gone, content("3"), false);
    assert_eq!(net.count(B, MessageKind::Confirmable), 1);
    let lost = Event::ObserverGone {
        observer: gone,
        reason: ObserverGone::Reset,
    };
    assert_eq!(net.event(B), lost);
}

// proves: COAP-29, OBSV-01, OBSV-08, OBSV-09, OBSV-12
#[test]
fn cancelled_by_request() {
    let mut net = Net::new(9);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    let token = net.sent[0].1.token;
    let id = net.ends[A]
        .cancel_observation(net.now, observation)
        .unwrap();
    // A notification that crosses the cancellation is acknowledged and not reported.
    notify(&mut net, observer, content("1"), false);
    let (exchange, request) = net.asked();
    assert_eq!(request.options.uint(option::OBSERVE), Some(1));
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Cancelled
        }
    );
    net.respond(exchange, content("2"));
    assert_eq!(net.answer(), (id, content("2")));
    let last = net
        .sent
        .iter()
        .rfind(|(by, m)| *by == A && m.code == Code::GET)
        .unwrap();
    assert_eq!(last.1.token, token);
    assert_eq!(
        net.ends[A].cancel_observation(net.now, observation),
        Err(EndpointError::Gone)
    );
    net.assert_forgets_all();
}

// proves: OBSV-14
#[test]
fn ended_by_the_server() {
    for confirmable in [false, true] {
        let mut net = Net::new(11);
        let (observation, observer) = establish(&mut net, "t", content("0"));
        notify(
            &mut net,
            observer,
            Response::new(Code::NOT_FOUND),
            confirmable,
        );
        let ended = (observation, Response::new(Code::NOT_FOUND), true);
        assert_eq!(notified(&mut net), ended);
        assert_eq!(
            net.ends[B].notify(net.now, observer, content("1"), false),
            Err(EndpointError::Gone)
        );
        net.run(Duration::from_secs(1));
        net.assert_forgets_all();
    }
}

#[test]
fn lost_connection() {
    let mut net = Net::new(13);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    net.ends[B].forget_peer(net.now, Net::peer(A));
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Replaced
        }
    );
    net.ends[A].forget_peer(net.now, Net::peer(B));
    net.no_event(A);
    assert_eq!(
        net.ends[A].refresh_observation(net.now, observation),
        Err(EndpointError::Gone)
    );
    net.assert_forgets_all();
}

/// A notification with a critical option that nobody knows.
fn unreadable(net: &Net, kind: MessageKind) -> Message {
    let mut message = Message::new(kind, Code::CONTENT, 900, net.sent[0].1.token);
    message.options.set_uint(option::OBSERVE, 100);
    message.options.push(OptionNumber(2049), b"?");
    message
}

// proves: COAP-33
#[test]
fn a_notification_with_an_option_that_must_be_understood() {
    let mut net = Net::new(14);
    let (observation, _) = establish(&mut net, "t", content("0"));
    net.run(Duration::from_secs(30));
    let mut message = unreadable(&net, MessageKind::NonConfirmable);
    deliver(&mut net, &message);
    net.no_event(A);
    assert_eq!(net.ends[A].metrics().bad_option, 1);
    // It has made nothing fresh, and what comes with its number is new.
    net.run(Duration::from_secs(31));
    assert!(!net.ends[A].is_fresh(net.now, observation));
    message.options.remove(OptionNumber(2049));
    deliver(&mut net, &message);
    assert!(!notified(&mut net).2);

    // A confirmable one is reset, which ends the observation at the peer, even where it is old.
    let message = unreadable(&net, MessageKind::Confirmable);
    deliver(&mut net, &message);
    let end = Response::new(Code::BAD_OPTION);
    assert_eq!(notified(&mut net), (observation, end, true));
    assert_eq!(net.count(A, MessageKind::Reset), 1);
    assert!(net.ends[A].observations.is_empty());
}

// proves: COAP-33
#[test]
fn an_observation_that_is_reset_before_anybody_has_heard_of_it() {
    let mut net = Net::new(15);
    let id = net.request(observe("t"));
    let (exchange, _) = net.asked();
    net.ends[B]
        .respond_observe(net.now, exchange, large(3000))
        .unwrap();
    net.run(LATENCY);
    assert_eq!(net.ends[A].observations.len(), 1);
    let message = unreadable(&net, MessageKind::Confirmable);
    deliver(&mut net, &message);
    match net.event(A) {
        Event::Response {
            request,
            response,
            observation,
            ..
        } => {
            assert_eq!((request, observation), (id, None));
            assert_eq!(response.payload, large(3000).payload);
        }
        other => panic!("{other:?}"),
    }
    net.no_event(A);
}
