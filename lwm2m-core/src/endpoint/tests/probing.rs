//! PROBING_RATE: what goes to peers that are silent, and that others are not slowed.

use super::*;

fn config(credit: usize) -> EndpointConfig {
    EndpointConfig {
        probing_credit: credit,
        ..plain_config()
    }
}

fn non_confirmable(number: usize) -> Request {
    let mut request = get(&std::format!("{number:050}"));
    request.confirmable = false;
    request
}

/// Bytes that A has sent.
fn bytes(net: &Net) -> usize {
    let sent = net.sent.iter().filter(|(by, _)| *by == A);
    sent.map(|(_, message)| message.encode().unwrap().len())
        .sum()
}

// proves: COAP-21
#[test]
fn non_confirmable_requests_to_a_silent_peer() {
    const CREDIT: usize = 300;
    let mut net = Net::with(1, config(CREDIT), plain_config());
    net.lose = Box::new(|_, _| true);
    let count = 40;
    for number in 0..count {
        net.request(non_confirmable(number));
    }
    let start = net.now;
    let largest = 70;
    for _ in 0..200 {
        net.run(Duration::from_secs(10));
        let allowed = CREDIT + largest + net.now.since(start).as_secs() as usize;
        assert!(bytes(&net) <= allowed, "{} of {allowed}", bytes(&net));
    }
    // Slowly, but they go, and end as they would.
    assert!(bytes(&net) > 1800, "{}", bytes(&net));
    assert!(net.ends[A].metrics().held_requests > 10);
    let failed = net.events[A].len();
    assert!((20..count).contains(&failed), "{failed}");
    // The first sign of life lets all go that wait.
    let sent = net.count(A, MessageKind::NonConfirmable);
    assert!(sent < count);
    net.lose = Box::new(|_, _| false);
    let ping = Message::empty(MessageKind::Confirmable, 1)
        .encode()
        .unwrap();
    let now = net.now;
    net.ends[A].handle_datagram(now, Net::peer(B), &ping);
    while net.count(A, MessageKind::NonConfirmable) < count {
        let limit = net.now + Duration::from_secs(60);
        assert!(net.step(limit), "they wait");
        while let Some(event) = net.events[B].pop_front() {
            if let Event::Request { exchange, .. } = event {
                net.respond(exchange, content("there"));
            }
        }
    }
    assert!(net.now.since(now) < Duration::from_secs(60));
}

#[test]
fn a_peer_that_answers_is_not_slowed() {
    let mut net = Net::with(2, config(100), plain_config());
    let start = net.now;
    for number in 0..500 {
        net.request(non_confirmable(number));
        let (exchange, _) = net.asked();
        net.respond(exchange, content("x"));
        net.answer();
    }
    assert_eq!(net.now.since(start), LATENCY * 1000);
    assert_eq!(net.ends[A].metrics().held_requests, 0);
}

// proves: COAP-21
#[test]
fn confirmable_requests_without_answer() {
    let mut net = Net::with(3, config(100), plain_config());
    net.lose = Box::new(|_, _| true);
    let mut begun = Vec::new();
    for _ in 0..4 {
        let number = begun.len();
        let request = get(&number.to_string()).body(0, body(300));
        begun.push(net.now);
        net.request(request);
        assert!(matches!(
            net.event(A),
            Event::RequestFailed {
                failure: Failure::Timeout,
                ..
            }
        ));
    }
    // Given up after a minute or so, each; then they wait as well: 300 bytes a minute are too many.
    let first = begun[1].since(begun[0]);
    let last = net.now.since(begun[3]);
    assert!(first < Duration::from_secs(94), "{first:?}");
    assert!(net.ends[A].metrics().held_requests > 0);
    assert!(last > first, "{last:?}");
    // The peer is remembered until silence has paid.
    net.run(Duration::from_secs(100_000));
    assert_eq!(net.ends[A].peer_count(), 0);
}

#[test]
fn who_owes_is_not_forgotten() {
    let mut net = Net::with(4, config(2000), plain_config());
    net.lose = Box::new(|_, _| true);
    for number in 0..20 {
        net.request(non_confirmable(number));
    }
    net.run(Duration::from_secs(1000));
    assert_eq!(net.events[A].len(), 20, "all have ended");
    assert_eq!(net.ends[A].peer_count(), 1);
    net.run(Duration::from_secs(1000));
    assert_eq!(net.ends[A].peer_count(), 0);
    net.assert_forgets_all();
}

#[test]
fn the_rate_of_one_peer() {
    let mut net = Net::with(5, config(100), plain_config());
    let timing = Timing {
        probing_rate: 1_000_000,
        ..Timing::RFC7252
    };
    net.ends[A].set_peer_timing(Net::peer(B), timing).unwrap();
    net.lose = Box::new(|_, _| true);
    for number in 0..20 {
        net.request(non_confirmable(number));
    }
    net.run(Duration::from_secs(45));
    assert_eq!(net.count(A, MessageKind::NonConfirmable), 20);
}

/// A observes B; gives back the observer.
fn observed(net: &mut Net) -> ObserverId {
    net.request(observe("o"));
    let (exchange, _) = net.asked();
    let now = net.now;
    let observer = net.ends[B]
        .respond_observe(now, exchange, content("0"))
        .unwrap();
    net.answer();
    observer
}

#[test]
fn now_and_then_a_notification_is_to_be_acknowledged() {
    let mut net = Net::with(6, plain_config(), config(200));
    let observer = observed(&mut net);
    net.sent.clear();
    for number in 0..300 {
        let now = net.now;
        net.ends[B]
            .notify(now, observer, content(&number.to_string()), false)
            .unwrap();
        net.run(Duration::from_millis(500));
    }
    let confirmable = net.count(B, MessageKind::Confirmable);
    let others = net.count(B, MessageKind::NonConfirmable);
    assert_eq!(confirmable + others, 300, "none is held back");
    assert!((10..40).contains(&confirmable), "{confirmable}");
    let asked = net.ends[B].metrics().probing_notifications;
    assert_eq!(asked, confirmable as u64);
}

// proves: COAP-21
#[test]
fn an_observer_that_stays_silent_is_given_up() {
    let mut net = Net::with(7, plain_config(), config(200));
    let observer = observed(&mut net);
    net.lose = Box::new(|_, _| true);
    net.sent.clear();
    let start = net.now;
    for number in 0.. {
        let now = net.now;
        let told = net.ends[B].notify(now, observer, content(&number.to_string()), false);
        if told.is_err() {
            break;
        }
        net.run(Duration::from_secs(1));
    }
    assert!(net.now.since(start) < Duration::from_secs(140));
    assert!(matches!(
        net.event(B),
        Event::ObserverGone {
            reason: ObserverGone::Timeout,
            ..
        }
    ));
    assert!(net.sent.len() < 30, "{}", net.sent.len());
}

/// A's requests wait; the rate of the peer is raised.
// proves: COAP-21
#[test]
fn what_waits_when_the_rate_is_raised_waits_by_the_new_one() {
    let mut net = Net::with(8, config(100), plain_config());
    net.lose = Box::new(|_, _| true);
    for number in 0..20 {
        net.request(non_confirmable(number));
    }
    net.run(Duration::from_secs(10));
    let sent = net.count(A, MessageKind::NonConfirmable);
    assert!(sent < 5, "{sent} of {} bytes", bytes(&net));
    let held = net.ends[A].metrics().held_requests;
    // Ten bytes a second: the rest, some 1,100 bytes beyond the credit, takes two minutes instead of twenty.
    let timing = |probing_rate| Timing {
        probing_rate,
        nstart: 20,
        ..Timing::RFC7252
    };
    net.ends[A]
        .set_peer_timing(Net::peer(B), timing(10))
        .unwrap();
    assert_eq!(net.ends[A].metrics().held_requests, held, "they wait on");
    net.run(Duration::from_secs(30));
    let sent = net.count(A, MessageKind::NonConfirmable);
    assert!((6..12).contains(&sent), "{sent}");
    // At a rate that pays for all of them within a moment they go within it.
    net.ends[A]
        .set_peer_timing(Net::peer(B), timing(1_000_000))
        .unwrap();
    net.run(Duration::from_secs(1));
    assert_eq!(net.count(A, MessageKind::NonConfirmable), 20);
    net.ends[A].clear_peer_timing(Net::peer(B));
    net.run(Duration::from_secs(3000));
    net.assert_forgets_all();
}
