//! Who is let in, and who is put out again.

use super::{ask, enter, storing::Memory, until};
use crate::support::{From, Wire, WireDevice};
use lwm2m_core::coap::{Code, Response};
use lwm2m_server::{
    Authorization, AuthorizationRequest, Authorizer, Credential, DeregistrationReason, Events,
    RefusalReason, Role, SecurityStore, Server, ServerEvent, store::Collection,
};
use std::time::Duration;

const A: [&str; 3] = ["ep=a", "lt=60", "lwm2m=1.1"];

fn key(identity: &str) -> Credential {
    Credential::psk(identity, vec![3; 16])
}

/// The registration of `a` ends at once, for this reason, and it cannot register any more.
async fn is_put_out(end: &WireDevice, events: &mut Events, expected: DeregistrationReason) {
    let event = events.next().await;
    let reason = match &event {
        Some(ServerEvent::Deregistered { reason, .. }) => Some(*reason),
        _ => None,
    };
    assert_eq!(reason, Some(expected), "{event:?}");
    ask(end, &A);
    let refused = |event: &ServerEvent| matches!(event, ServerEvent::Refused { .. });
    until(events, refused).await;
}

/// Lets `a` in, keeps `slow` waiting for ever, and turns all others away.
struct OnlyA;

#[async_trait::async_trait]
impl Authorizer for OnlyA {
    async fn authorize(&self, request: AuthorizationRequest) -> Authorization {
        match request.endpoint.as_deref() {
            Some("a") => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Authorization::Accept {
                    endpoint: "a".into(),
                }
            }
            Some("slow") => std::future::pending().await,
            _ => Authorization::Refuse(RefusalReason::NotAuthorized("only a".into())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_of_ones_own() {
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .authorizer(OnlyA)
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    for name in ["ep=slow", "ep=b", "ep=a"] {
        ask(&end, &[name, "lt=60", "lwm2m=1.1"]);
        let of_interest = |event: &ServerEvent| {
            matches!(
                event,
                ServerEvent::Registered { .. } | ServerEvent::Refused { .. }
            )
        };
        match (
            name,
            tokio::time::timeout(Duration::from_secs(20), until(&mut events, of_interest)).await,
        ) {
            ("ep=slow", Err(_)) => {
                let answers = end.act(|device, _| device.answers.clone());
                assert!(
                    matches!(
                        answers[..],
                        [Ok(Response {
                            code: Code::SERVICE_UNAVAILABLE,
                            ..
                        })]
                    ),
                    "{answers:?}"
                );
            }
            (
                "ep=b",
                Ok(ServerEvent::Refused {
                    code: Code::FORBIDDEN,
                    ..
                }),
            ) => {}
            ("ep=a", Ok(ServerEvent::Registered { registration, .. })) => {
                assert_eq!(&*registration.endpoint, "a")
            }
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn removing_credentials_ends_the_registration_at_once() {
    let (wire, end) = Wire::new(From::psk(1, "id-a"));
    let security = SecurityStore::new();
    security.add("a", Role::Server, key("id-a")).unwrap();
    let server = Server::builder()
        .security(security.clone())
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    enter(&end, &mut events, &A).await;
    // Another credential beside it changes nothing.
    security.add("a", Role::Server, key("id-b")).unwrap();
    security.remove("a");
    is_put_out(&end, &mut events, DeregistrationReason::CredentialsRemoved).await;
}

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn adding_credentials_ends_the_registration_without_security() {
    let (wire, end) = Wire::new(From::address(1));
    let security = SecurityStore::new();
    let server = Server::builder()
        .security(security.clone())
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    enter(&end, &mut events, &A).await;
    // Those for the other role are none of ours.
    security.add("a", Role::Bootstrap, key("id-a")).unwrap();
    assert!(server.device("a").await.is_ok());
    security.add("a", Role::Server, key("id-a")).unwrap();
    is_put_out(&end, &mut events, DeregistrationReason::CredentialsAdded).await;
}

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn a_registration_that_would_be_refused_by_now_does_not_come_back() {
    let store = Memory::default();
    let kept = || store.keys(Collection::Registrations);
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    for name in ["ep=a", "ep=b"] {
        enter(&end, &mut events, &[name, "lt=86400", "lwm2m=1.1"]).await;
    }
    server.stop().await;
    assert_eq!(kept(), ["a", "b"]);

    // One has credentials now; those for the other role are none of ours.
    let security = SecurityStore::new();
    security.add("a", Role::Server, key("id-a")).unwrap();
    security.add("b", Role::Bootstrap, key("id-b")).unwrap();
    let (wire, _end) = Wire::new(From::address(1));
    let server = Server::builder()
        .security(security)
        .danger_accept_unsecured()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.device("a").await.is_err());
    assert!(server.device("b").await.is_ok());
    server.stop().await;
    assert_eq!(kept(), ["b"]);

    // And nobody comes in without security any more.
    let (wire, _end) = Wire::new(From::address(1));
    let server = Server::builder()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.device("b").await.is_err());
    server.stop().await;
    assert!(kept().is_empty());
}
