//! Observation, both sides.

use super::{basics::tell, *};

/// A observes `path` at B, which answers with `text`.
fn establish(net: &mut Net, path: &str, response: Response) -> (ObservationId, ObserverId) {
    net.request(observe(path));
    let (exchange, request) = net.asked();
    assert_eq!(request.options.uint(option::OBSERVE), Some(0));
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, response.clone())
        .unwrap();
    net.drain();
    match net.event(A) {
        Event::Response {
            observation: Some(observation),
            response: got,
            ..
        } => {
            assert_eq!(got.payload, response.payload);
            (observation, observer)
        }
        other => panic!("{other:?}"),
    }
}

fn notify(
    net: &mut Net,
    observer: ObserverId,
    response: Response,
    confirmable: bool,
) -> NotificationId {
    let id = net.ends[B]
        .notify(net.now, observer, response, confirmable)
        .unwrap();
    net.drain();
    id
}

fn notified(net: &mut Net) -> (ObservationId, Response, bool) {
    match net.event(A) {
        Event::Notification {
            observation,
            response,
            last,
            ..
        } => (observation, response, last),
        other => panic!("{other:?}"),
    }
}

// proves: OBSV-01, OBSV-03, OBSV-06
#[test]
fn notifications_and_their_acknowledgement() {
    let mut net = Net::new(1);
    let (observation, observer) = establish(&mut net, "t", content("1"));
    notify(&mut net, observer, content("2"), false);
    assert_eq!(notified(&mut net), (observation, content("2"), false));
    let id = notify(&mut net, observer, content("3"), true);
    assert_eq!(notified(&mut net), (observation, content("3"), false));
    assert_eq!(
        net.event(B),
        Event::NotificationAcknowledged {
            notification: id,
            observer
        }
    );
    net.no_event(B);
}

// proves: OBSV-15
#[test]
fn one_notification_a_day_is_confirmable() {
    let mut net = Net::new(2);
    let (_, observer) = establish(&mut net, "t", content("0"));
    let hour = Duration::from_secs(3600);
    for n in 1..=50 {
        net.run(hour);
        notify(&mut net, observer, content(&n.to_string()), false);
        notified(&mut net);
    }
    assert_eq!(net.count(B, MessageKind::Confirmable), 2);
}

// proves: OBSV-04, OBSV-05
#[test]
fn older_notifications_are_dropped() {
    let mut net = Net::new(3);
    let (_, observer) = establish(&mut net, "t", content("0"));
    // Two that change places.
    net.faults.reordering = 100;
    let mut seen = 0;
    for n in 1..=200u32 {
        notify(&mut net, observer, content(&n.to_string()), false);
        net.run(Duration::from_millis(300));
        while let Some(event) = net.events[A].pop_front() {
            let Event::Notification { response, .. } = event else {
                panic!("{event:?}")
            };
            let n: u32 = core::str::from_utf8(&response.payload)
                .unwrap()
                .parse()
                .unwrap();
            assert!(n > seen, "{n} after {seen}");
            seen = n;
        }
    }
    net.run(Duration::from_secs(3));
    assert!(net.ends[A].metrics().stale_notifications > 10);
}

// proves: OBSV-13, OBSV-19
#[test]
fn superseded_while_under_way() {
    let mut net = Net::new(4);
    let (_, observer) = establish(&mut net, "t", content("0"));
    net.sent.clear();
    let mut count = 0;
    net.lose = Box::new(move |by, _| {
        count += u32::from(by == B);
        by == B && count <= 2
    });
    notify(&mut net, observer, content("1"), true);
    notify(&mut net, observer, content("2"), true);
    let last = notify(&mut net, observer, content("3"), false);
    assert_eq!(notified(&mut net).1, content("3"));
    assert_eq!(
        net.event(B),
        Event::NotificationAcknowledged {
            notification: last,
            observer
        }
    );
    net.run(Duration::from_secs(100));
    net.no_event(A);
    net.no_event(B);
    // "1", then "3" in its place with a message id of its own and a back-off that goes on.
    let sent: Vec<_> = net
        .sent
        .iter()
        .filter(|(by, _)| *by == B)
        .map(|(_, m)| m)
        .collect();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0].payload, "1");
    assert_eq!(
        (&sent[1].payload[..], &sent[2].payload[..]),
        (&b"3"[..], &b"3"[..])
    );
    assert_ne!(sent[0].id, sent[1].id);
    assert_eq!(sent[1].id, sent[2].id);
}

// proves: OBSV-20
#[test]
fn superseded_when_the_old_one_arrives_after_all() {
    let mut net = Net::new(5);
    let (_, observer) = establish(&mut net, "t", content("0"));
    let first = notify(&mut net, observer, content("1"), true);
    let second = notify(&mut net, observer, content("2"), true);
    assert_eq!(notified(&mut net).1, content("1"));
    assert_eq!(notified(&mut net).1, content("2"));
    for notification in [first, second] {
        assert_eq!(
            net.event(B),
            Event::NotificationAcknowledged {
                notification,
                observer
            }
        );
    }
}

// proves: COAP-20, OBSV-18
#[test]
fn confirmable_notifications_of_many_observers_take_turns() {
    let mut net = Net::new(6);
    let observers = ["a", "b", "c"].map(|path| establish(&mut net, path, content("0")).1);
    net.sent.clear();
    for observer in observers {
        notify(&mut net, observer, content("1"), true);
    }
    assert_eq!(net.count(B, MessageKind::Confirmable), 1);
    for _ in observers {
        notified(&mut net);
        assert!(matches!(
            net.event(B),
            Event::NotificationAcknowledged { .. }
        ));
    }
}

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

/// Hands A a message that B has sent before.
fn deliver(net: &mut Net, message: &Message) {
    let data = message.encode().unwrap();
    net.ends[A].handle_datagram(net.now, Net::peer(B), &data);
    net.drain();
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

fn large(length: usize) -> Response {
    Response::new(Code::CONTENT).body(42, body(length))
}

// proves: BLK-18, METH-04, OBSV-23
#[test]
fn large_notifications() {
    for method in [Code::GET, Code::FETCH] {
        let mut net = Net::new(14);
        let mut request = observe("t");
        request.code = method;
        if method == Code::FETCH {
            request = request.body(112, Bytes::from_static(b"[]"));
        }
        net.request(request);
        let (exchange, _) = net.asked();
        let observer = net.ends[B]
            .respond_observe(net.now, exchange, large(3000))
            .unwrap();
        let Event::Response {
            observation: Some(observation),
            response,
            ..
        } = net.event(A)
        else {
            panic!()
        };
        assert_eq!(response.payload, body(3000));
        for (length, confirmable) in [(2500, false), (5000, true), (10, false)] {
            notify(&mut net, observer, large(length), confirmable);
            let (of, response, last) = notified(&mut net);
            assert_eq!((of, last), (observation, false));
            assert_eq!(response.payload, body(length));
        }
        // The later blocks were asked for without Observe, under tokens of their own.
        let asked: Vec<_> = net
            .sent
            .iter()
            .filter(|(by, message)| *by == A && message.code == method)
            .collect();
        assert_eq!(asked.len(), 1 + 2 + 2 + 4);
        assert!(
            asked[1..]
                .iter()
                .all(|(_, m)| !m.options.contains(option::OBSERVE))
        );
        net.events[B].clear();
    }
}

// proves: BLK-19
#[test]
fn newer_notification_takes_the_fetch_over() {
    let mut net = Net::new(15);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    notify(&mut net, observer, large(3000), false);
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, large(4000), false);
    let (of, response, _) = notified(&mut net);
    assert_eq!(of, observation);
    assert_eq!(response.payload, body(4000));
    net.run(Duration::from_secs(200));
    net.no_event(A);

    // A small one as well.
    notify(&mut net, observer, large(3000), false);
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, content("1"), false);
    assert_eq!(notified(&mut net).1, content("1"));
    net.run(Duration::from_secs(200));
    net.no_event(A);
}

// proves: BLK-19
#[test]
fn notification_while_the_first_representation_is_fetched() {
    let mut net = Net::new(16);
    net.request(observe("t"));
    let (exchange, _) = net.asked();
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, large(3000))
        .unwrap();
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, content("newer"), false);
    match net.event(A) {
        Event::Response {
            observation: Some(_),
            response,
            ..
        } => assert_eq!(response, content("newer")),
        other => panic!("{other:?}"),
    }
    net.run(Duration::from_secs(200));
    net.no_event(A);
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

// proves: OBSV-13
#[test]
fn value_arrives_in_the_end_over_a_bad_network() {
    let mut survived = 0;
    for seed in 0..30 {
        let mut net = Net::new(seed);
        let (observation, observer) = establish(&mut net, "t", content("0"));
        net.faults = Faults {
            loss: 25,
            duplication: 20,
            reordering: 30,
        };
        let mut seen = 0;
        for n in 1..=100u32 {
            let large = n % 7 == 0;
            let text = if large {
                "x".repeat(2000) + &n.to_string()
            } else {
                n.to_string()
            };
            let confirmable = n % 3 == 0;
            if net.ends[B]
                .notify(net.now, observer, content(&text), confirmable)
                .is_err()
            {
                break;
            }
            net.run(Duration::from_secs(1));
            while let Some(event) = net.events[A].pop_front() {
                let Event::Notification {
                    observation: of,
                    response,
                    last,
                    ..
                } = event
                else {
                    panic!("{event:?}")
                };
                assert_eq!((of, last), (observation, false));
                let text = core::str::from_utf8(&response.payload).unwrap();
                let n: u32 = text.trim_start_matches('x').parse().unwrap();
                assert!(n > seen, "{n} after {seen}");
                seen = n;
            }
        }
        net.faults = Faults::default();
        net.run(Duration::from_secs(100));
        net.events[A].clear();
        // Where five transmissions in a row were lost, the observer is gone, and its peer will know.
        let end = net.ends[B].notify(net.now, observer, content("end"), true);
        survived += u32::from(end.is_ok());
        if end.is_ok() {
            assert_eq!(notified(&mut net).1, content("end"));
        }
    }
    assert!(survived > 15, "{survived}");
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
fn notifications_wait_where_all_message_ids_are_taken() {
    let mut net = Net::new(20);
    let (_, observer) = establish(&mut net, "t", content("0"));
    net.record = false;
    for n in 1..=70_000u32 {
        notify(&mut net, observer, content(&n.to_string()), false);
        if n % 200 == 0 {
            net.run(Duration::from_millis(200));
            net.events[A].drain(..net.events[A].len().saturating_sub(1));
        }
    }
    net.run(Duration::from_secs(1));
    assert!(net.ends[B].metrics().message_ids_exhausted > 0);
    let newest = |net: &mut Net| match net.events[A].pop_back() {
        Some(Event::Notification { response, .. }) => response,
        other => panic!("{other:?}"),
    };
    assert_ne!(newest(&mut net), content("70000"));
    // When there are ids again, the newest goes.
    net.run(Duration::from_secs(300));
    assert_eq!(newest(&mut net), content("70000"));
}

// proves: BLK-20, METH-05, OBSV-23
#[test]
fn observation_by_a_fetch_whose_body_comes_in_blocks() {
    let config = EndpointConfig {
        block_size: BlockSize::at_most(64),
        ..plain_config()
    };
    let mut net = Net::with(22, config.clone(), config);
    let request = Request::new(Code::FETCH)
        .uint_option(option::OBSERVE, 0)
        .body(112, body(150));
    let asked = |net: &mut Net| {
        assert!(matches!(net.event(B), Event::UploadStarted { .. }));
        let (exchange, request) = net.asked();
        assert_eq!(request.payload, body(150));
        (exchange, request.options.uint(option::OBSERVE))
    };
    net.request(request);
    let (exchange, observe) = asked(&mut net);
    assert_eq!(observe, Some(0));
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, large(200))
        .unwrap();
    let observation = loop {
        match net.event(A) {
            Event::UploadProgress { .. } => {}
            Event::Response {
                observation: Some(observation),
                response,
                ..
            } if response.payload == body(200) => break observation,
            other => panic!("{other:?}"),
        }
    };
    notify(&mut net, observer, large(300), true);
    assert_eq!(notified(&mut net).1.payload, body(300));
    net.events[B].clear();
    net.ends[A]
        .cancel_observation(net.now, observation)
        .unwrap();
    let (exchange, observe) = asked(&mut net);
    assert_eq!(observe, Some(1));
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Cancelled
        }
    );
    net.respond(exchange, content("1"));
    net.run(Duration::from_secs(1));
    net.assert_forgets_all();
}
