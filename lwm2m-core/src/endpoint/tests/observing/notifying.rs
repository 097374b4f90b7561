//! When a notification goes, in which order it counts, and what takes its place (RFC 7641, sections 3.4 and 4.5).

use super::*;

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
