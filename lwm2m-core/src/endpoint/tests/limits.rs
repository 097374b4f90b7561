//! Bounds of what our own side asks for: each refuses, is counted, and has room again.

use super::*;

fn at(peer: u8) -> PeerId {
    PeerId::from_address(0, ([192, 0, 2, peer], 5683).into())
}

#[test]
fn timings_of_single_peers_are_bounded() {
    let config = EndpointConfig {
        max_peer_timings: 2,
        ..plain_config()
    };
    let mut endpoint = Endpoint::new(config, rng(1));
    for peer in [1, 2] {
        assert_eq!(endpoint.set_peer_timing(at(peer), Timing::NB_IOT), Ok(()));
    }
    let refused = Err(EndpointError::TooManyTimings);
    assert_eq!(endpoint.set_peer_timing(at(3), Timing::NB_IOT), refused);
    assert_eq!(endpoint.metrics().refused_timings, 1);
    assert_eq!(endpoint.timing(at(3)), Timing::RFC7252);
    // Who has some may have others, and whoever gives them back makes room.
    assert_eq!(endpoint.set_peer_timing(at(2), Timing::RFC7252), Ok(()));
    endpoint.clear_peer_timing(at(1));
    assert_eq!(endpoint.set_peer_timing(at(3), Timing::NB_IOT), Ok(()));
    assert_eq!(endpoint.timing(at(1)), Timing::RFC7252);
}

/// Begins an observation at B.
fn begin(net: &mut Net, path: &str) -> Option<ObservationId> {
    net.request(observe(path));
    let (exchange, _) = net.asked();
    let now = net.now;
    net.ends[B]
        .respond_observe(now, exchange, content("0"))
        .unwrap();
    match net.event(A) {
        Event::Response { observation, .. } => observation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn observations_of_ours_are_bounded() {
    for (per_peer, in_all) in [(2, 10), (10, 2)] {
        let config = EndpointConfig {
            max_observations_per_peer: per_peer,
            max_observations: in_all,
            ..plain_config()
        };
        let mut net = Net::with(2, config, plain_config());
        let first = begin(&mut net, "a").unwrap();
        begin(&mut net, "b").unwrap();
        let (now, options) = (net.now, RequestOptions::default());
        let refused = Err(EndpointError::TooManyObservations);
        let a = &mut net.ends[A];
        assert_eq!(
            a.request(now, Net::peer(B), observe("c"), options.clone()),
            refused
        );
        let elsewhere = a.request(now, at(77), observe("c"), options.clone());
        assert_eq!(elsewhere.is_ok(), per_peer == 2, "{elsewhere:?}");
        if let Ok(id) = elsewhere {
            a.cancel_request(id);
            while a.poll_transmit().is_some() {}
        }
        // Only what observes counts.
        let other = a.request(now, Net::peer(B), get("c"), options).unwrap();
        a.cancel_request(other);
        // The end of one makes room.
        a.forget_observation(first);
        net.run(Duration::from_secs(1));
        net.events[B].clear();
        begin(&mut net, "d").unwrap();
        assert!(net.ends[A].metrics().refused_observations >= 1);
    }
}

/// Two requests for the last place: who comes second gets its answer, but no observation, and its peer is told with the
/// next notification.
#[test]
fn the_last_place_for_an_observation_is_taken_while_another_asks() {
    let config = EndpointConfig {
        max_observations: 1,
        timing: Timing {
            nstart: 2,
            ..Timing::RFC7252
        },
        ..plain_config()
    };
    let mut net = Net::with(3, config, plain_config());
    for path in ["a", "b"] {
        net.request(observe(path));
    }
    let mut observers = Vec::new();
    let mut begun = 0;
    for _ in 0..2 {
        let (exchange, _) = net.asked();
        let now = net.now;
        observers.push(
            net.ends[B]
                .respond_observe(now, exchange, content("0"))
                .unwrap(),
        );
    }
    for _ in 0..2 {
        let Event::Response { observation, .. } = net.event(A) else {
            panic!()
        };
        begun += u32::from(observation.is_some());
    }
    assert_eq!((begun, net.ends[A].observations.len()), (1, 1));
    assert_eq!(net.ends[A].metrics().refused_observations, 1);
    for observer in observers {
        let now = net.now;
        net.ends[B]
            .notify(now, observer, content("1"), false)
            .unwrap();
    }
    net.run(Duration::from_secs(1));
    let gone = |event: &Event| {
        matches!(
            event,
            Event::ObserverGone {
                reason: ObserverGone::Reset,
                ..
            }
        )
    };
    assert_eq!(net.events[B].iter().filter(|event| gone(event)).count(), 1);
}
