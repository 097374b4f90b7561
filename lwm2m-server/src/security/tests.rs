use super::*;

fn psk(identity: &str) -> Credential {
    Credential::psk(identity, vec![7; 16])
}

// proves: SEC-36, SEC-53
#[test]
fn roles_and_owners_are_kept_apart() {
    let store = SecurityStore::new();
    store.add("a", Role::Server, psk("id")).unwrap();
    store.add("a", Role::Bootstrap, psk("id")).unwrap();
    assert_eq!(
        store.add("b", Role::Server, psk("id")),
        Err(SecurityError::Taken)
    );
    assert_eq!(
        store.add("a", Role::Server, psk("id")),
        Err(SecurityError::Taken)
    );
    let identity = PeerIdentity::Psk(b"id".to_vec());
    assert!(store.belongs(Role::Server, "a", &identity));
    assert!(!store.belongs(Role::Server, "b", &identity));
    assert!(store.for_role(Role::Server).psk(b"id").is_some());
    assert!(store.for_role(Role::Server).psk(b"other").is_none());
    assert!(store.remove("a"));
    assert!(store.for_role(Role::Server).psk(b"id").is_none());
    store.add("b", Role::Server, psk("id")).unwrap();
}

// proves: SEC-26
#[test]
fn certificates_by_name_and_by_bytes() {
    let store = SecurityStore::new();
    store
        .add(
            "cn",
            Role::Server,
            Credential::Certificate(CertificateMatch::EndpointName),
        )
        .unwrap();
    let pinned = CertificateMatch::Pinned(vec![1, 2, 3]);
    store
        .add("pin", Role::Server, Credential::Certificate(pinned))
        .unwrap();
    let named = PeerIdentity::from(CertificateIdentity::new(Some("cn".into()), vec![], vec![9]));
    let alternative =
        PeerIdentity::from(CertificateIdentity::new(None, vec!["cn".into()], vec![9]));
    let pinned = PeerIdentity::from(CertificateIdentity::new(
        Some("x".into()),
        vec![],
        vec![1, 2, 3],
    ));
    assert_eq!(
        store.endpoint_of(Role::Server, &named).as_deref(),
        Some("cn")
    );
    assert_eq!(
        store.endpoint_of(Role::Server, &alternative).as_deref(),
        Some("cn")
    );
    assert_eq!(
        store.endpoint_of(Role::Server, &pinned).as_deref(),
        Some("pin")
    );
    assert_eq!(store.endpoint_of(Role::Bootstrap, &pinned), None);
}

#[test]
fn raw_public_keys_by_their_bytes() {
    let store = SecurityStore::new();
    let public_key = || rcgen::KeyPair::generate().unwrap().public_key_der();
    let (ours, other) = (public_key(), public_key());
    let credential = || Credential::raw_public_key(ours.clone());
    store.add("a", Role::Server, credential()).unwrap();
    store.add("b", Role::Bootstrap, credential()).unwrap();
    for (endpoint, role) in [("b", Role::Server), ("a", Role::Server)] {
        assert_eq!(
            store.add(endpoint, role, credential()),
            Err(SecurityError::Taken)
        );
    }
    let identity = PeerIdentity::RawPublicKey(ours.clone());
    assert!(store.belongs(Role::Server, "a", &identity));
    assert!(!store.belongs(Role::Server, "b", &identity));
    let owner =
        |role, key: &[u8]| store.endpoint_of(role, &PeerIdentity::RawPublicKey(key.to_vec()));
    assert_eq!(owner(Role::Bootstrap, &ours).as_deref(), Some("b"));
    assert_eq!(owner(Role::Bootstrap, &other), None);
    // What proves another kind of key proves nothing here, whatever its bytes.
    assert!(!store.belongs(Role::Server, "a", &PeerIdentity::Psk(ours.clone())));
    let servers = store.for_role(Role::Server);
    assert!(servers.raw_public_key_allowed(&ours));
    assert!(!servers.raw_public_key_allowed(&other));
    store.remove("a");
    assert!(!servers.raw_public_key_allowed(&ours));
    assert!(
        store
            .for_role(Role::Bootstrap)
            .raw_public_key_allowed(&ours)
    );
}

#[test]
fn a_public_key_that_nobody_could_prove_is_refused() {
    let store = SecurityStore::new();
    let mut off_curve = rcgen::KeyPair::generate().unwrap().public_key_der();
    off_curve[60] ^= 1;
    for public_key in [vec![], vec![0x30; 91], off_curve] {
        let credential = Credential::raw_public_key(public_key);
        let error = store.add("a", Role::Server, credential).unwrap_err();
        assert!(matches!(error, SecurityError::PublicKey(_)), "{error}");
    }
    assert!(store.credentials("a").is_empty());
}

#[test]
fn lengths() {
    let store = SecurityStore::new();
    for (identity, key, error) in [
        (0, 16, SecurityError::IdentityLength),
        (129, 16, SecurityError::IdentityLength),
        (1, 0, SecurityError::KeyLength),
        (1, 65, SecurityError::KeyLength),
    ] {
        let credential = Credential::psk(vec![b'i'; identity], vec![0; key]);
        assert_eq!(store.add("a", Role::Server, credential), Err(error));
    }
    assert_eq!(
        store.add("", Role::Server, psk("i")),
        Err(SecurityError::EndpointName)
    );
}

#[test]
fn what_is_taken_away_is_announced() {
    let store = SecurityStore::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    store.on_change(move |change| {
        sink.lock()
            .unwrap()
            .push((change.endpoint.clone(), change.removed.len()))
    });
    store.add("a", Role::Server, psk("1")).unwrap();
    store.add("a", Role::Server, psk("2")).unwrap();
    store
        .set(
            "a",
            vec![EndpointCredential {
                role: Role::Server,
                credential: psk("2"),
            }],
        )
        .unwrap();
    store.remove("a");
    let seen: Vec<usize> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|(_, removed)| *removed)
        .collect();
    assert_eq!(seen, [0, 0, 1, 1]);
}

// proves: SEC-15
#[test]
fn without_security_only_where_allowed_and_never_for_who_has_credentials() {
    let store = SecurityStore::new();
    store.add("a", Role::Bootstrap, psk("1")).unwrap();
    let request = |endpoint: Option<&str>, identity| AuthorizationRequest {
        endpoint: endpoint.map(str::to_owned),
        identity,
        address: "127.0.0.1:1".parse().unwrap(),
        interface: Interface::Bootstrap,
    };
    let refused = |reason| Authorization::Refuse(reason);
    let accepted = |name: &str| Authorization::Accept {
        endpoint: name.into(),
    };
    let unsecured = |endpoint| request(endpoint, PeerIdentity::None);
    let secured = |endpoint| request(endpoint, PeerIdentity::Psk(b"1".to_vec()));
    for (request, allowed, answer) in [
        (
            unsecured(Some("b")),
            false,
            refused(RefusalReason::Unsecured),
        ),
        (unsecured(Some("b")), true, accepted("b")),
        (
            unsecured(Some("a")),
            true,
            refused(RefusalReason::Unsecured),
        ),
        (
            unsecured(None),
            true,
            refused(RefusalReason::NoEndpointName),
        ),
        (secured(Some("a")), false, accepted("a")),
        (secured(None), false, accepted("a")),
        (
            secured(Some("b")),
            true,
            refused(RefusalReason::IdentityMismatch),
        ),
    ] {
        assert_eq!(store.decide(&request, allowed), answer);
    }
}

#[test]
fn changes_at_once_are_neither_lost_nor_announced_out_of_order() {
    let store = SecurityStore::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    store.on_change(move |change| told.lock().unwrap().push(change.roles.len()));
    std::thread::scope(|scope| {
        for thread in 0..SecurityStore::MAX_CREDENTIALS / 2 {
            let store = &store;
            scope.spawn(move || {
                for one in 0..2 {
                    let identity = format!("{thread}-{one}");
                    store.add("a", Role::Server, psk(&identity)).unwrap();
                }
            });
        }
    });
    let expected: Vec<usize> = (1..=SecurityStore::MAX_CREDENTIALS).collect();
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!(store.credentials("a").len(), SecurityStore::MAX_CREDENTIALS);
}
