//! Bootstrap sessions of the engine, in virtual time.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    coap::{Code, Request, Response},
    content::{self, ContentFormat},
    engine::{CloseReason, Engine, Inbound, Outbound},
    entry::Entry,
    path::Path,
    peer::PeerIdentity,
    secret::Secret,
    time::Instant,
    value::Value,
};
use lwm2m_objects::Definitions;
use lwm2m_server::{
    BootstrapEvent, BootstrapStore, Credential, RefusalReason, Role, SecurityStore, ServerEvent,
    bootstrap::{
        AccountSecurity, BootstrapConfig, BootstrapConfigError, BootstrapEngine,
        BootstrapEngineEvent, BootstrapServerConfig, ServerAccount,
    },
    engine::Policy,
};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Device, From, code, path_of};

fn account() -> ServerAccount {
    let security = AccountSecurity::Psk {
        identity: b"id".to_vec(),
        key: Secret::new(vec![9; 16]),
    };
    ServerAccount::new(101, "coaps://127.0.0.1:5684".parse().unwrap(), security)
        .lifetime(Duration::from_secs(60))
        .mute_send(false)
}

/// Path, format and body of each write.
type Written = Arc<Mutex<Vec<(String, u16, Vec<u8>)>>>;

/// One device in front of a bootstrap engine.
struct Bench {
    now: Instant,
    server: BootstrapEngine,
    from: From,
    device: Device,
    events: Vec<ServerEvent>,
    outbound: Vec<Outbound>,
    written: Written,
    security: SecurityStore,
}

impl Bench {
    fn new(config: BootstrapConfig, from: From) -> Self {
        let security = SecurityStore::new();
        security
            .add("a", Role::Bootstrap, Credential::psk("bs-a", vec![1; 16]))
            .unwrap();
        let configurations = BootstrapStore::new();
        configurations.set("a", config).unwrap();
        let store = security.clone();
        let policy = Policy::Inline(Box::new(move |request| store.authorize(request)));
        let server = BootstrapEngine::new(
            BootstrapServerConfig::default(),
            configurations,
            Arc::new(Definitions::built_in()),
            policy,
            &mut StdRng::seed_from_u64(3),
        );
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut device = Device::new(4);
        let writes = written.clone();
        device.handler = Box::new(move |request| match request.code {
            Code::DELETE => code(Code::DELETED),
            Code::PUT => {
                let format = request.options.content_format().unwrap();
                writes
                    .lock()
                    .unwrap()
                    .push((path_of(request), format, request.payload.to_vec()));
                code(Code::CHANGED)
            }
            _ => code(Code::CHANGED),
        });
        Bench {
            now: Instant::from_micros(1),
            server,
            from,
            device,
            events: Vec::new(),
            outbound: Vec::new(),
            written,
            security,
        }
    }

    fn ask(&mut self, query: &[&str]) -> Code {
        let request = Request::new(Code::POST).path_segment("bs");
        let request = query
            .iter()
            .fold(request, |request, query| request.query(query));
        self.device.send(self.now, request);
        self.settle();
        self.device.answers.last().unwrap().clone().unwrap().code
    }

    fn settle(&mut self) {
        loop {
            let mut idle = true;
            while let Some(event) = self.server.poll_event() {
                if let BootstrapEngineEvent::Server(event) = event {
                    self.events.push(event);
                }
            }
            while let Some(outbound) = self.server.poll_outbound() {
                idle = false;
                match outbound {
                    Outbound::Datagram { data, .. } => self.device.input(self.now, &data),
                    other => self.outbound.push(other),
                }
            }
            while let Some(data) = self.device.output() {
                idle = false;
                let (peer, address) = (self.from.peer, self.from.address);
                let inbound = Inbound::Datagram {
                    peer,
                    identity: &self.from.identity,
                    address,
                    data: &data,
                };
                self.server.handle(self.now, inbound);
            }
            if idle {
                break;
            }
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.server.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn progress(&self) -> Vec<BootstrapEvent> {
        let events = self.events.iter().filter_map(|event| match event {
            ServerEvent::Bootstrap { endpoint, event } => {
                assert_eq!(&**endpoint, "a");
                Some(event.clone())
            }
            _ => None,
        });
        events.collect()
    }

    fn failure(&self) -> String {
        match self.progress().last() {
            Some(BootstrapEvent::Failed { reason }) => reason.clone(),
            other => panic!("a failure expected: {other:?}"),
        }
    }
}

// proves: BS-01, BS-07, BS-27, BS-29, BS-40, BS-41, BS-60, GEN-22
#[test]
fn a_whole_session_in_each_format() {
    for (query, format) in [
        (None, ContentFormat::Tlv),
        (Some("pct=11542"), ContentFormat::Tlv),
        (Some("pct=110"), ContentFormat::SenmlJson),
        (Some("pct=112"), ContentFormat::SenmlCbor),
        (Some("pct=11544"), ContentFormat::LwM2mCbor),
    ] {
        let mut config = BootstrapConfig::with_account(account());
        config.extra = vec![Entry::new(Path::resource(3303, 0, 5603), 1.5)];
        let mut bench = Bench::new(config, From::psk(1, "bs-a"));
        let mut queries = vec!["ep=a"];
        queries.extend(query);
        assert_eq!(bench.ask(&queries), Code::CHANGED);
        assert_eq!(
            bench.progress(),
            [BootstrapEvent::Started, BootstrapEvent::Finished]
        );
        let asked: Vec<(Code, &str)> = bench
            .device
            .asked
            .iter()
            .map(|(code, path)| (*code, path.as_str()))
            .collect();
        assert_eq!(
            asked,
            [
                (Code::DELETE, "/0"),
                (Code::DELETE, "/1"),
                (Code::PUT, "/0/1"),
                (Code::PUT, "/1/0"),
                (Code::PUT, "/3303/0"),
                (Code::POST, "/bs"),
            ]
        );
        let written = bench.written.lock().unwrap().clone();
        let values = |index: usize| {
            let (path, number, body) = &written[index];
            assert_eq!(*number, format.number());
            let base = path.parse().unwrap();
            content::decode(format, body, &base, &Definitions::built_in()).unwrap()
        };
        let (security, server) = (values(0), values(1));
        let value = |entries: &[Entry], path: Path| {
            entries
                .iter()
                .find(|entry| entry.path == path)
                .map(|entry| entry.value.clone())
        };
        assert_eq!(
            value(&security, Path::resource(0, 1, 0)),
            Some(Value::String("coaps://127.0.0.1:5684".into()))
        );
        assert_eq!(
            value(&security, Path::resource(0, 1, 5)),
            Some(Value::Opaque(vec![9; 16]))
        );
        assert_eq!(
            value(&security, Path::resource(0, 1, 10)),
            Some(Value::Integer(101))
        );
        assert_eq!(
            value(&server, Path::resource(1, 0, 0)),
            Some(Value::Integer(101))
        );
        assert_eq!(
            value(&server, Path::resource(1, 0, 1)),
            Some(Value::Integer(60))
        );
        assert_eq!(
            value(&server, Path::resource(1, 0, 23)),
            Some(Value::Boolean(false))
        );
    }
}

// proves: BS-02, BS-03, SEC-13, SEC-15
#[test]
fn who_is_refused() {
    for (from, query, code, reason) in [
        (
            From::psk(1, "bs-a"),
            &["ep=b"][..],
            Code::BAD_REQUEST,
            RefusalReason::IdentityMismatch,
        ),
        (
            From::psk(1, "who"),
            &["ep=a"],
            Code::BAD_REQUEST,
            RefusalReason::IdentityMismatch,
        ),
        (
            From::psk(1, "who"),
            &[],
            Code::BAD_REQUEST,
            RefusalReason::NoEndpointName,
        ),
        (
            From::address(1),
            &["ep=a"],
            Code::FORBIDDEN,
            RefusalReason::Unsecured,
        ),
    ] {
        let mut bench = Bench::new(BootstrapConfig::with_account(account()), from);
        assert_eq!(bench.ask(query), code);
        assert!(bench.device.asked.is_empty());
        match &bench.events[..] {
            [ServerEvent::Refused { reason: given, .. }] => assert_eq!(*given, reason),
            other => panic!("{other:?}"),
        }
    }
    // The name may come from the identity, and there must be something to give.
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    assert_eq!(bench.ask(&[]), Code::CHANGED);
    bench
        .security
        .add("b", Role::Bootstrap, Credential::psk("bs-b", vec![1; 16]))
        .unwrap();
    bench.from = From::psk(2, "bs-b");
    assert_eq!(bench.ask(&["ep=b"]), Code::BAD_REQUEST);
    assert!(matches!(
        bench.events.last(),
        Some(ServerEvent::Refused {
            reason: RefusalReason::UnknownEndpoint,
            ..
        })
    ));
    assert_eq!(
        bench.ask(&["ep=b", "pct=0"]),
        Code::UNSUPPORTED_CONTENT_FORMAT
    );
}

#[test]
fn what_the_device_refuses_ends_the_session_with_the_reason() {
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    bench.device.handler = Box::new(|request| match path_of(request).as_str() {
        // Nothing to delete is no mistake.
        "/0" | "/1" => code(Code::NOT_FOUND),
        "/1/0" => Some(Response::new(Code::BAD_REQUEST).diagnostic("no such binding")),
        _ => code(Code::CHANGED),
    });
    bench.ask(&["ep=a"]);
    assert_eq!(
        bench.failure(),
        "writing /1/0 was answered 4.00 Bad Request: no such binding"
    );
    bench.device.handler = Box::new(|request| match path_of(request).as_str() {
        "/bs" => code(Code::NOT_ACCEPTABLE),
        _ => code(Code::CHANGED),
    });
    bench.ask(&["ep=a"]);
    assert_eq!(
        bench.failure(),
        "finishing was answered 4.06 Not Acceptable"
    );
    assert_eq!(bench.server.metrics().bootstrap_failed, 2);
}

#[test]
fn silence_loss_and_a_second_request_end_a_session() {
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    bench.device.handler = Box::new(|_| None);
    bench.ask(&["ep=a"]);
    bench.ask(&["ep=a"]);
    assert_eq!(bench.failure_count(), 1);
    let closed = Inbound::Closed {
        peer: bench.from.peer,
        reason: CloseReason::ByPeer,
    };
    bench.server.handle(bench.now, closed);
    bench.settle();
    assert_eq!(bench.failure(), "the connection ended: closed by the peer");
    bench.from = From::psk(2, "bs-a");
    bench.ask(&["ep=a"]);
    bench.pass(Duration::from_secs(300));
    assert_eq!(bench.failure_count(), 3);
    assert_eq!(bench.server.metrics().requests_pending, 0);
}

impl Bench {
    fn failure_count(&self) -> usize {
        self.progress()
            .iter()
            .filter(|event| matches!(event, BootstrapEvent::Failed { .. }))
            .count()
    }
}

#[test]
fn removed_credentials_end_a_session() {
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    bench.device.handler = Box::new(|_| None);
    bench.ask(&["ep=a"]);
    let removed = bench.security.credentials("a");
    bench.server.credentials_removed("a", &removed);
    bench.settle();
    assert_eq!(bench.failure(), "its credentials were removed");
    assert!(matches!(&bench.outbound[..], [Outbound::Forget { .. }]));
}

#[test]
fn a_session_outlives_the_removal_of_another_credential() {
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    let other = Credential::psk("bs-other", vec![9; 16]);
    bench.security.add("a", Role::Bootstrap, other).unwrap();
    bench.device.handler = Box::new(|_| None);
    bench.ask(&["ep=a"]);
    let (used, other): (Vec<_>, Vec<_>) = (bench.security.credentials("a").into_iter()).partition(
        |entry| matches!(&entry.credential, Credential::Psk { identity, .. } if identity == b"bs-a"),
    );
    bench.server.credentials_removed("a", &other);
    bench.settle();
    assert_eq!(bench.failure_count(), 0);
    assert!(matches!(
        &bench.outbound[..],
        [Outbound::Forget { identity: PeerIdentity::Psk(identity) }] if identity == b"bs-other"
    ));
    bench.server.credentials_removed("a", &used);
    bench.settle();
    assert_eq!(bench.failure(), "its credentials were removed");
}

#[test]
fn a_removed_raw_public_key_ends_a_session() {
    let public_key = rcgen::KeyPair::generate().unwrap().public_key_der();
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::raw_public_key(1, &public_key),
    );
    let credential = Credential::raw_public_key(public_key.clone());
    bench
        .security
        .add("a", Role::Bootstrap, credential)
        .unwrap();
    bench.device.handler = Box::new(|_| None);
    bench.ask(&["ep=a"]);
    let removed = bench.security.credentials("a");
    let removed: Vec<_> = (removed.into_iter())
        .filter(|entry| matches!(entry.credential, Credential::RawPublicKey { .. }))
        .collect();
    assert_eq!(removed.len(), 1);
    bench.server.credentials_removed("a", &removed);
    bench.settle();
    assert_eq!(bench.failure(), "its credentials were removed");
    assert!(matches!(
        &bench.outbound[..],
        [Outbound::Forget { identity: PeerIdentity::RawPublicKey(key) }] if *key == public_key
    ));
}

// proves: BS-31
#[test]
fn raw_public_keys_are_written_as_mode_1() {
    let pair = || rcgen::KeyPair::generate().unwrap();
    let (device, server) = (pair(), pair());
    let security =
        AccountSecurity::raw_public_key(device.serialize_der(), server.public_key_der()).unwrap();
    let mut account = account();
    account.security = security;
    let entries = account.security_entries();
    let value = |resource| {
        let path = Path::resource(0, 1, resource);
        let entry = entries.iter().find(|entry| entry.path == path);
        entry.map(|entry| entry.value.clone())
    };
    assert_eq!(value(2), Some(Value::Integer(1)));
    assert_eq!(value(3), Some(Value::Opaque(device.public_key_der())));
    assert_eq!(value(4), Some(Value::Opaque(server.public_key_der())));
    assert_eq!(value(5), Some(Value::Opaque(device.serialize_der())));
    assert_eq!(value(15), None);
    assert_eq!(
        BootstrapConfig::with_account(account.clone()).validate(),
        Ok(())
    );
    use BootstrapConfigError as Error;
    let with = |public_key: &[u8], private_key: &[u8], server_public_key: &[u8]| {
        let mut account = account.clone();
        account.security = AccountSecurity::RawPublicKey {
            public_key: public_key.to_vec(),
            private_key: Secret::new(private_key.to_vec()),
            server_public_key: server_public_key.to_vec(),
        };
        BootstrapConfig::with_account(account).validate()
    };
    let (ours, theirs) = (device.public_key_der(), server.public_key_der());
    let private = device.serialize_der();
    assert_eq!(with(&ours, &private, &theirs), Ok(()));
    assert_eq!(with(&theirs, &private, &ours), Err(Error::KeyMismatch));
    let foreign = pair().serialize_der();
    assert_eq!(with(&ours, &foreign, &theirs), Err(Error::KeyMismatch));
    for (private, server) in [(&[5; 32][..], &theirs[..]), (&private, &[])] {
        let refused = with(&ours, private, server);
        assert!(matches!(refused, Err(Error::RawPublicKey(_))));
    }
}

// proves: BS-34
#[test]
fn other_paths() {
    let mut bench = Bench::new(
        BootstrapConfig::with_account(account()),
        From::psk(1, "bs-a"),
    );
    for (segments, code) in [
        (&["bspack"][..], Code::NOT_IMPLEMENTED),
        (&["bs"], Code::METHOD_NOT_ALLOWED),
        (&["rd"], Code::NOT_FOUND),
        (&[".well-known", "core"], Code::CONTENT),
    ] {
        let request = segments
            .iter()
            .fold(Request::new(Code::GET), |request, segment| {
                request.path_segment(segment)
            });
        bench.device.send(bench.now, request);
        bench.settle();
        assert_eq!(
            bench.device.answers.last().unwrap().clone().unwrap().code,
            code,
            "{segments:?}"
        );
    }
}

// proves: BS-40, BS-41, GEN-31
#[test]
fn configurations_that_would_strand_a_device_are_refused() {
    use BootstrapConfigError as Error;
    let with = |change: &dyn Fn(&mut BootstrapConfig)| {
        let mut config = BootstrapConfig::with_account(account());
        change(&mut config);
        config.validate()
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(
        with(&|config| config.accounts.clear()),
        Err(Error::NoAccount)
    );
    assert_eq!(
        with(&|config| config.accounts[0].short_server_id = 0),
        Err(Error::ShortServerId(0))
    );
    assert_eq!(
        with(&|config| config.accounts.push(account().instances(2, 1))),
        Err(Error::RepeatedShortServerId(101))
    );
    let other = |instances: (u16, u16)| {
        let mut other = account().instances(instances.0, instances.1);
        other.short_server_id = 102;
        other
    };
    assert_eq!(
        with(&|config| config.accounts.push(other((1, 1)))),
        Err(Error::RepeatedInstance(Path::object_instance(0, 1)))
    );
    assert_eq!(
        with(&|config| config.accounts.push(other((2, 0)))),
        Err(Error::RepeatedInstance(Path::object_instance(1, 0)))
    );
    assert_eq!(with(&|config| config.accounts.push(other((2, 1)))), Ok(()));
    assert!(matches!(
        with(&|config| config.accounts[0].uri = "coap://h".parse().unwrap()),
        Err(Error::Scheme { .. })
    ));
    assert_eq!(
        with(&|config| config.accounts[0].lifetime = Duration::ZERO),
        Err(Error::Lifetime)
    );
    assert_eq!(
        with(&|config| config.accounts[0].binding = "UX".into()),
        Err(Error::Binding("UX".into()))
    );
    assert_eq!(
        with(&|config| {
            config.accounts[0].default_pmin = Some(9);
            config.accounts[0].default_pmax = Some(8);
        }),
        Err(Error::Periods)
    );
    let key = Path::resource(0, 5, 5);
    assert_eq!(
        with(&|config| config.extra.push(Entry::new(key, 1))),
        Err(Error::Extra(key))
    );
    let deep = Path::resource(3, 0, 1);
    assert_eq!(
        with(&|config| config.deletes.push(deep)),
        Err(Error::Delete(deep))
    );
}
