//! Observation, both sides.

mod bodies;
mod ending;
mod entering;
mod notifying;
mod renewal;

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

/// Hands A a message that B has sent before.
fn deliver(net: &mut Net, message: &Message) {
    let data = message.encode().unwrap();
    net.ends[A].handle_datagram(net.now, Net::peer(B), &data);
    net.drain();
}
