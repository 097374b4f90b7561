use super::{super::*, Authority, NOW, authority, der, end_entity, named};
use alloc::vec::Vec;
use lwm2m_core::engine::CertificateUsage::{
    self, CaConstraint, DomainIssuedCertificate, ServiceCertificateConstraint, TrustAnchorAssertion,
};
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};

const HOST: &str = "server.example";

/// A root, an authority below it, and a server.
struct World {
    root: Authority,
    middle: Authority,
    server: Vec<u8>,
    key: KeyPair,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("root");
        let middle = root.below(authority("middle"));
        let (server, key) = middle.certify(end_entity());
        World {
            root,
            middle,
            server: server.der().to_vec(),
            key,
        }
    }

    fn verify(&self, trust: &ServerTrust) -> Result<(), CertificateError> {
        trust
            .verify(&[&self.server, &self.middle.der()], Some(NOW))
            .map(|identity| assert_eq!(identity.certificate, self.server))
    }

    /// Another certificate of the server's key.
    fn renewed(&self) -> Vec<u8> {
        let certificate = self.middle.certify_key(end_entity(), &self.key);
        certificate.der().to_vec()
    }
}

fn trust(usage: CertificateUsage, expected: &[u8], anchors: &[&[u8]]) -> ServerTrust {
    ServerTrust::new(usage, expected, &der(anchors), HOST).unwrap()
}

// proves: SEC-27
#[test]
fn usage_0_constrains_the_authority() {
    let world = World::new();
    let (root, middle) = (world.root.der(), world.middle.der());
    let anchors = [&root[..]];
    // The authority may be in the middle or at the top.
    assert_eq!(
        world.verify(&trust(CaConstraint, &middle, &anchors)),
        Ok(())
    );
    assert_eq!(world.verify(&trust(CaConstraint, &root, &anchors)), Ok(()));

    // A valid chain, but not through that authority.
    let sister = world.root.below(authority("sister")).der();
    let error = world
        .verify(&trust(CaConstraint, &sister, &anchors))
        .unwrap_err();
    assert_eq!(error, CertificateError::AuthorityNotInPath);
    assert_eq!(error.alert(), 48);
    // Of the same name, but not the same key.
    let impostor = world.root.below(authority("middle")).der();
    assert_eq!(
        world.verify(&trust(CaConstraint, &impostor, &anchors)),
        Err(CertificateError::AuthorityNotInPath)
    );
    // Through that authority, but to no anchor of ours.
    let stranger = Authority::root("stranger").der();
    assert_eq!(
        world.verify(&trust(CaConstraint, &middle, &[&stranger])),
        Err(CertificateError::UnknownIssuer)
    );
}

// proves: SEC-27
#[test]
fn usage_1_constrains_the_end_entity() {
    let world = World::new();
    let root = world.root.der();
    let anchors = [&root[..]];
    let usage = ServiceCertificateConstraint;
    assert_eq!(world.verify(&trust(usage, &world.server, &anchors)), Ok(()));
    let spki = world.key.public_key_der();
    assert_eq!(world.verify(&trust(usage, &spki, &anchors)), Ok(()));

    // Another certificate of the same key is another certificate, but the same key.
    let renewed = world.renewed();
    let error = world.verify(&trust(usage, &renewed, &anchors)).unwrap_err();
    assert_eq!(error, CertificateError::NotExpected);
    assert_eq!(error.alert(), 46);
    let other = KeyPair::generate().unwrap().public_key_der();
    assert_eq!(
        world.verify(&trust(usage, &other, &anchors)),
        Err(CertificateError::NotExpected)
    );
    // The right one does not make up for the chain.
    let stranger = Authority::root("stranger").der();
    for expected in [&world.server, &spki] {
        assert_eq!(
            world.verify(&trust(usage, expected, &[&stranger])),
            Err(CertificateError::UnknownIssuer)
        );
    }
}

// proves: SEC-27
#[test]
fn usage_2_brings_the_anchor() {
    let world = World::new();
    let usage = TrustAnchorAssertion;
    for authority in [&world.root, &world.middle] {
        assert_eq!(world.verify(&trust(usage, &authority.der(), &[])), Ok(()));
    }
    // Our own anchors do not count.
    let stranger = Authority::root("stranger").der();
    let root = world.root.der();
    assert_eq!(
        world.verify(&trust(usage, &stranger, &[&root])),
        Err(CertificateError::UnknownIssuer)
    );
    let impostor = Authority::root("root").der();
    assert_eq!(
        world.verify(&trust(usage, &impostor, &[])),
        Err(CertificateError::BadSignature)
    );
}

// proves: SEC-27
#[test]
fn usage_3_is_the_end_entity_itself() {
    let world = World::new();
    let usage = DomainIssuedCertificate;
    let by_certificate = trust(usage, &world.server, &[]);
    let by_key = trust(usage, &world.key.public_key_der(), &[]);
    for trust in [&by_certificate, &by_key] {
        assert_eq!(world.verify(trust), Ok(()));
        // The rest of the chain may be missing or wrong.
        assert!(trust.verify(&[&world.server], None).is_ok());
        let stranger = Authority::root("stranger").der();
        assert!(trust.verify(&[&world.server, &stranger], None).is_ok());
        // It must be the end entity.
        assert_eq!(
            trust.verify(&[&world.middle.der(), &world.server], Some(NOW)),
            Err(CertificateError::NotExpected)
        );
        assert_eq!(trust.verify(&[], Some(NOW)), Err(CertificateError::Missing));
    }
    let renewed = world.renewed();
    assert!(by_key.verify(&[&renewed], Some(NOW)).is_ok());
    assert_eq!(
        by_certificate.verify(&[&renewed], Some(NOW)),
        Err(CertificateError::NotExpected)
    );

    // Signed by itself, expired, for other purposes and without a name: it is what it is.
    let mut params = named("box", &[]);
    params.not_after = date_time_ymd(1990, 1, 1);
    params.key_usages = [KeyUsagePurpose::KeyAgreement].to_vec();
    let certificate = params.self_signed(&world.key).unwrap();
    let trust = trust(usage, certificate.der(), &[]);
    let identity = trust.verify(&[certificate.der()], Some(NOW)).unwrap();
    assert_eq!(identity.common_name.as_deref(), Some("box"));
}

#[test]
fn settings_that_cannot_work() {
    let world = World::new();
    let anchors = der(&[&world.root.der()]);
    let new = |usage, expected: &[u8], anchors: &[Vec<u8>], host| {
        ServerTrust::new(usage, expected, anchors, host).unwrap_err()
    };
    let authority = world.middle.der();
    let spki = world.key.public_key_der();
    for usage in [CaConstraint, ServiceCertificateConstraint] {
        assert_eq!(
            new(usage, &authority, &[], HOST),
            CredentialError::NoTrustAnchors
        );
        assert!(matches!(
            new(usage, &authority, &der(&[b"anchor"]), HOST),
            CredentialError::Anchor { index: 0, .. }
        ));
    }
    for usage in [CaConstraint, TrustAnchorAssertion] {
        assert_eq!(
            new(usage, &spki, &anchors, HOST),
            CredentialError::KeyAsAuthority
        );
    }
    for usage in [
        CaConstraint,
        ServiceCertificateConstraint,
        TrustAnchorAssertion,
        DomainIssuedCertificate,
    ] {
        for expected in [&[][..], &authority[1..], &[0x30, 0]] {
            assert!(matches!(
                new(usage, expected, &anchors, HOST),
                CredentialError::Expected(CertificateError::Malformed(_))
            ));
        }
    }
    for host in ["", "*.example", "two words", "[::1]", "a..b"] {
        assert_eq!(
            new(TrustAnchorAssertion, &authority, &[], host),
            CredentialError::Host,
            "{host}"
        );
    }
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = world.root.certify_key(end_entity(), &p384);
    for expected in [&p384.public_key_der()[..], certificate.der()] {
        assert_eq!(
            new(DomainIssuedCertificate, expected, &[], HOST),
            CredentialError::Expected(CertificateError::UnsupportedKey)
        );
    }
}

/// What a client that wants to reach `host` says of a certificate of its anchor.
fn named_to(
    host: &str,
    params: CertificateParams,
    wildcards: bool,
) -> Result<(), CertificateError> {
    let root = Authority::root("root");
    ServerTrust::new(TrustAnchorAssertion, &root.der(), &[], host)
        .unwrap()
        .wildcards(wildcards)
        .verify(&[&root.issue(params)], Some(NOW))
        .map(|_| ())
}

fn with_uri(mut params: CertificateParams, uri: &str) -> CertificateParams {
    let uri = SanType::URI(uri.try_into().unwrap());
    params.subject_alt_names.push(uri);
    params
}

// proves: DTLS-28, SEC-28
#[test]
fn the_certificate_names_the_host() {
    let is = |host: &str, params: CertificateParams| named_to(host, params, false);
    let wrong = Err(CertificateError::WrongHost);
    let two = || named("name", &["one.example", "two.example"]);
    assert_eq!(is("one.example", two()), Ok(()));
    assert_eq!(is("Two.Example", two()), Ok(()));
    assert_eq!(is("two.example.", two()), Ok(()));
    assert_eq!(is("three.example", two()), wrong);
    assert_eq!(is("sub.one.example", two()), wrong);
    assert_eq!(is("example", two()), wrong);
    assert_eq!(CertificateError::WrongHost.alert(), 42);

    // Addresses are compared with addresses.
    let addresses = || named("name", &["192.0.2.1", "2001:db8::1"]);
    assert_eq!(is("192.0.2.1", addresses()), Ok(()));
    assert_eq!(is("2001:DB8:0::1", addresses()), Ok(()));
    assert_eq!(is("192.0.2.2", addresses()), wrong);
    assert_eq!(is("192.0.2.1", two()), wrong);
    assert_eq!(is("one.example", addresses()), wrong);

    // The authority of a CoAP URI.
    let uri = |uri| with_uri(named("name", &["other.example"]), uri);
    assert_eq!(is(HOST, uri("coaps://server.example")), Ok(()));
    assert_eq!(is(HOST, uri("coaps://server.example:5685")), Ok(()));
    assert_eq!(is("::1", uri("coaps://[::1]")), Ok(()));
    assert_eq!(is(HOST, uri("coap://server.example")), wrong);
    assert_eq!(is(HOST, uri("https://server.example")), wrong);
    assert_eq!(is(HOST, uri("coaps://server.example.org")), wrong);
    assert_eq!(is(HOST, uri("server.example")), wrong);
}

#[test]
fn the_common_name_counts_without_alternative_names() {
    let is = |host: &str, params: CertificateParams| named_to(host, params, true);
    let wrong = Err(CertificateError::WrongHost);
    assert_eq!(is(HOST, named("Server.Example", &[])), Ok(()));
    assert_eq!(is("192.0.2.1", named("192.0.2.1", &[])), Ok(()));
    assert_eq!(is("::1", named("0::1", &[])), Ok(()));
    assert_eq!(is(HOST, named("other.example", &[])), wrong);
    assert_eq!(is(HOST, named(HOST, &["other.example"])), wrong);
    assert_eq!(is(HOST, with_uri(named(HOST, &[]), "urn:dev:1")), wrong);
    // A wildcard never counts there.
    assert_eq!(is("server.example", named("*.example", &[])), wrong);
}

#[test]
fn wildcards_are_a_setting() {
    let host = "one.server.example";
    let any = || named("name", &["*.server.example"]);
    let wrong = Err(CertificateError::WrongHost);
    assert_eq!(named_to(host, any(), false), wrong);
    assert_eq!(named_to(host, any(), true), Ok(()));
    assert_eq!(named_to("two.one.server.example", any(), true), wrong);
    assert_eq!(named_to(HOST, any(), true), wrong);
    assert_eq!(named_to(HOST, named("name", &["*.example"]), true), wrong);
    assert_eq!(
        named_to(host, named("name", &["*.server.example", host]), false),
        Ok(())
    );
}

#[test]
fn name_constraints_reach_every_way_to_name_a_host() {
    let mut params = authority("bound");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: [GeneralSubtree::DnsName("own.example".into())].to_vec(),
        excluded_subtrees: Vec::new(),
    });
    let root = Authority::root("root");
    let anchor = Authority::root_of(params.clone());
    let bound = root.below(params);
    let verify = |host: &str, params: CertificateParams| {
        let of = |anchor: &Authority, issuer: &Authority, chain: &[Vec<u8>]| {
            let certificate = issuer.issue(params.clone());
            let mut whole = [&certificate[..]].to_vec();
            whole.extend(chain.iter().map(Vec::as_slice));
            ServerTrust::new(TrustAnchorAssertion, &anchor.der(), &[], host)
                .unwrap()
                .verify(&whole, Some(NOW))
                .map(|_| ())
        };
        let below = of(&root, &bound, &[bound.der()]);
        assert_eq!(of(&anchor, &anchor, &[]), below);
        below
    };
    assert_eq!(
        verify("a.own.example", named("name", &["a.own.example"])),
        Ok(())
    );
    let refused = Err(CertificateError::NameConstraint);
    assert_eq!(verify(HOST, named("name", &[HOST])), refused);
    assert_eq!(verify(HOST, named(HOST, &[])), refused);
    let uri = with_uri(named("name", &["a.own.example"]), "coaps://server.example");
    assert_eq!(verify(HOST, uri), refused);
    assert_eq!(CertificateError::NameConstraint.alert(), 48);
}

#[test]
fn chains_of_servers_are_judged_in_full() {
    let root = Authority::root("root");
    let trust = trust(TrustAnchorAssertion, &root.der(), &[]);
    let verdict = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = end_entity();
        change(&mut params);
        trust.verify(&[&root.issue(params)], Some(NOW)).map(|_| ())
    };
    assert_eq!(verdict(&|_| ()), Ok(()));
    let server_auth = [ExtendedKeyUsagePurpose::ServerAuth];
    let client_auth = [ExtendedKeyUsagePurpose::ClientAuth];
    assert_eq!(
        verdict(&|params| params.extended_key_usages = server_auth.to_vec()),
        Ok(())
    );
    assert_eq!(
        verdict(&|params| params.extended_key_usages = client_auth.to_vec()),
        Err(CertificateError::ExtendedKeyUsage)
    );
    assert_eq!(
        verdict(&|params| params.key_usages = [KeyUsagePurpose::KeyAgreement].to_vec()),
        Err(CertificateError::KeyUsage)
    );
    assert!(matches!(
        verdict(&|params| params.not_after = date_time_ymd(2025, 12, 31)),
        Err(CertificateError::Expired { .. })
    ));
    assert!(matches!(
        verdict(&|params| params.not_before = date_time_ymd(2026, 1, 2)),
        Err(CertificateError::NotYetValid { .. })
    ));
    let authority = root.below(authority(HOST));
    assert!(trust.verify(&[&authority.der()], Some(NOW)).is_err());
}

#[test]
fn bounds_hold_for_every_usage() {
    let world = World::new();
    let root = world.root.der();
    for (usage, expected) in [
        (CaConstraint, &root),
        (ServiceCertificateConstraint, &world.server),
        (TrustAnchorAssertion, &root),
        (DomainIssuedCertificate, &world.server),
    ] {
        let trust = trust(usage, expected, &[&root]);
        let chain = [&world.server[..]; 6];
        assert_eq!(
            trust.verify(&chain, Some(NOW)),
            Err(CertificateError::ChainTooLong {
                length: 6,
                limit: 5
            })
        );
        let limits = ChainLimits {
            max_certificates: 1,
            ..ChainLimits::default()
        };
        assert_eq!(
            world.verify(&trust.clone().limits(limits)),
            Err(CertificateError::ChainTooLong {
                length: 2,
                limit: 1
            })
        );
        let limits = ChainLimits {
            max_certificate_bytes: 100,
            ..ChainLimits::default()
        };
        assert!(matches!(
            world.verify(&trust.limits(limits)),
            Err(CertificateError::TooLarge { limit: 100, .. })
        ));
    }
}
