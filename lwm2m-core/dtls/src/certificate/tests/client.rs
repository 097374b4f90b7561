use super::{super::*, Authority, NOW, authority, der, end_entity, named, tlv};
use alloc::{format, vec::Vec};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest, Sha256};

fn trust(root: &Authority) -> ClientTrust {
    ClientTrust::new(&der(&[&root.der()])).unwrap()
}

/// What a server that trusts a root says of one certificate of it.
fn verdict(params: CertificateParams) -> Result<(), CertificateError> {
    let root = Authority::root("root");
    let certificate = root.issue(params);
    trust(&root).verify(&[&certificate], Some(NOW)).map(|_| ())
}

#[test]
fn a_client_is_who_its_certificate_says() {
    let root = Authority::root("root");
    let middle = root.below(authority("middle"));
    let certificate = middle.issue(named("urn:dev:1", &["one.example"]));
    let trust = trust(&root);
    let identity = trust
        .verify(&[&certificate, &middle.der()], Some(NOW))
        .unwrap();
    assert_eq!(identity.common_name.as_deref(), Some("urn:dev:1"));
    assert_eq!(identity.alternative_names, ["one.example"]);
    assert_eq!(identity.certificate, certificate);
    // With the root, which adds nothing.
    let with_root = [&certificate[..], &middle.der(), &root.der()];
    assert!(trust.verify(&with_root, Some(NOW)).is_ok());
    // The one in the middle may be trusted by itself.
    let middle = ClientTrust::new(&der(&[&middle.der()])).unwrap();
    assert!(middle.verify(&[&certificate], Some(NOW)).is_ok());
}

// proves: DTLS-28, SEC-25
#[test]
fn the_chain_must_lead_to_an_anchor() {
    let root = Authority::root("root");
    let stranger = Authority::root("stranger");
    let middle = stranger.below(authority("middle"));
    let certificate = middle.issue(end_entity());
    let trust = trust(&root);
    for chain in [
        &[&certificate[..]][..],
        &[&certificate, &middle.der()],
        &[&certificate, &middle.der(), &stranger.der()],
        // Certificates that do not belong together.
        &[&certificate, &root.der()],
    ] {
        let error = trust.verify(chain, Some(NOW)).unwrap_err();
        assert_eq!(error, CertificateError::UnknownIssuer);
        assert_eq!(error.alert(), 48);
    }
    // Of the same name, but not the same key.
    let impostor = Authority::root("root");
    let error = trust
        .verify(&[&impostor.issue(end_entity())], Some(NOW))
        .unwrap_err();
    assert_eq!(error, CertificateError::BadSignature);
    assert_eq!(error.alert(), 42);
    // Signed by itself.
    let key = KeyPair::generate().unwrap();
    let certificate = end_entity().self_signed(&key).unwrap();
    assert_eq!(
        trust.verify(&[certificate.der()], Some(NOW)),
        Err(CertificateError::UnknownIssuer)
    );
}

#[test]
fn any_of_several_anchors_will_do() {
    let roots = [Authority::root("one"), Authority::root("two")];
    let trust = ClientTrust::new(&der(&[&roots[0].der(), &roots[1].der()])).unwrap();
    for root in &roots {
        assert!(
            trust
                .verify(&[&root.issue(end_entity())], Some(NOW))
                .is_ok()
        );
    }
}

/// A small installation may do without an authority.
#[test]
fn a_certificate_signed_by_itself_may_be_an_anchor() {
    let key = KeyPair::generate().unwrap();
    let certificate = end_entity().self_signed(&key).unwrap();
    let trust = ClientTrust::new(&der(&[certificate.der()])).unwrap();
    assert!(trust.verify(&[certificate.der()], Some(NOW)).is_ok());
    let other = end_entity()
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap();
    assert_eq!(
        trust.verify(&[other.der()], Some(NOW)),
        Err(CertificateError::BadSignature)
    );
}

/// Without the version an authority cannot be told from an end entity.
#[test]
fn versions_before_the_third() {
    let root = Authority::root("root");
    let certificate = root.issue(end_entity());
    // The head of the certificate has 4 bytes; that of its body has one, another that says how many follow, and these.
    let version = [0xa0, 3, 2, 1, 2];
    let start = certificate.windows(5).position(|at| at == version).unwrap();
    let length = certificate[6..start]
        .iter()
        .fold(0, |length, byte| (length << 8) | usize::from(*byte));
    let (body, rest) = certificate[start..].split_at(length);
    let changed = tlv(0x30, &[&tlv(0x30, &body[5..]), rest].concat());
    let error = trust(&root).verify(&[&changed], Some(NOW)).unwrap_err();
    assert_eq!((error, error.alert()), (CertificateError::Version, 43));
}

#[test]
fn settings_that_cannot_work() {
    let root = Authority::root("root").der();
    assert_eq!(
        ClientTrust::new(&[]).unwrap_err(),
        CredentialError::NoTrustAnchors
    );
    let error = ClientTrust::new(&der(&[&root, &root[1..]])).unwrap_err();
    assert!(matches!(error, CredentialError::Anchor { index: 1, .. }));
    assert!(format!("{error}").starts_with("trust anchor 1 is unusable"));
}

#[test]
fn validity() {
    let root = Authority::root("root");
    let trust = trust(&root);
    let mut params = end_entity();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 2);
    let certificate = root.issue(params);
    let at = |time| trust.verify(&[&certificate], Some(time)).map(|_| ());
    assert_eq!(
        at(NOW - 1),
        Err(CertificateError::NotYetValid { not_before: NOW })
    );
    assert_eq!(at(NOW), Ok(()));
    let end = NOW + 86_400;
    assert_eq!(at(end), Ok(()));
    let error = at(end + 1).unwrap_err();
    assert_eq!(error, CertificateError::Expired { not_after: end });
    assert_eq!(error.alert(), 45);
    assert_eq!(
        CertificateError::NotYetValid { not_before: NOW }.alert(),
        45
    );
}

#[test]
fn validity_of_the_authorities() {
    let root = Authority::root("root");
    let mut params = authority("middle");
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 2);
    let middle = root.below(params);
    let certificate = middle.issue(end_entity());
    let trust = trust(&root);
    let at = |time| {
        trust
            .verify(&[&certificate, &middle.der()], Some(time))
            .map(|_| ())
    };
    assert_eq!(at(NOW), Ok(()));
    assert!(matches!(
        at(NOW + 2 * 86_400),
        Err(CertificateError::Expired { .. })
    ));
    assert!(matches!(
        at(NOW - 366 * 86_400),
        Err(CertificateError::NotYetValid { .. })
    ));
}

#[test]
fn without_a_clock() {
    let root = Authority::root("root");
    let trust = trust(&root);
    let of = |from: (i32, u8), to: (i32, u8), mut params: CertificateParams| {
        params.not_before = date_time_ymd(from.0, from.1, 1);
        params.not_after = date_time_ymd(to.0, to.1, 1);
        params
    };
    let middle = root.below(of((2020, 1), (2022, 1), authority("middle")));
    let verify = |params| {
        let certificate = middle.issue(params);
        trust
            .verify(&[&certificate, &middle.der()], None)
            .map(|_| ())
    };
    // Long over, but there was a time for it.
    assert_eq!(verify(of((2021, 1), (2021, 6), end_entity())), Ok(()));
    assert_eq!(verify(of((2019, 1), (2021, 1), end_entity())), Ok(()));
    // There never was.
    assert!(matches!(
        verify(of((2023, 1), (2024, 1), end_entity())),
        Err(CertificateError::Expired { .. })
    ));
    assert!(matches!(
        verify(of((2018, 1), (2019, 1), end_entity())),
        Err(CertificateError::Expired { .. })
    ));
    // After 2049 the year has four digits.
    let far = root.issue(of((2060, 1), (2070, 1), end_entity()));
    assert!(trust.verify(&[&far], None).is_ok());
}

#[test]
fn end_entities_and_authorities_keep_their_places() {
    assert_eq!(
        verdict(authority("authority")),
        Err(CertificateError::KeyUsage)
    );
    let mut params = end_entity();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let error = verdict(params).unwrap_err();
    assert_eq!(error, CertificateError::CaAsEndEntity);
    assert_eq!(error.alert(), 42);
    let mut params = end_entity();
    params.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(verdict(params), Ok(()));

    // Somebody with a certificate signs more of them.
    let root = Authority::root("root");
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let mut params = named("upstart", &[]);
        params.is_ca = is_ca;
        let upstart = root.below(params);
        let certificate = upstart.issue(end_entity());
        let error = trust(&root)
            .verify(&[&certificate, &upstart.der()], Some(NOW))
            .unwrap_err();
        assert_eq!(error, CertificateError::NotAnAuthority);
        assert_eq!(error.alert(), 48);
    }
}

#[test]
fn an_authority_needs_the_usage_to_certify() {
    let root = Authority::root("root");
    let middle = |usages: &[KeyUsagePurpose]| {
        let mut params = authority("middle");
        params.key_usages = usages.to_vec();
        let middle = root.below(params);
        let certificate = middle.issue(end_entity());
        trust(&root)
            .verify(&[&certificate, &middle.der()], Some(NOW))
            .map(|_| ())
    };
    assert_eq!(middle(&[]), Ok(()));
    assert_eq!(
        middle(&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]),
        Ok(())
    );
    assert_eq!(
        middle(&[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign]),
        Err(CertificateError::NotAnAuthority)
    );
}

#[test]
fn key_usage() {
    let with = |usages: &[KeyUsagePurpose]| {
        let mut params = end_entity();
        params.key_usages = usages.to_vec();
        verdict(params)
    };
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&[KeyUsagePurpose::DigitalSignature]), Ok(()));
    assert_eq!(
        with(&[
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyAgreement
        ]),
        Ok(())
    );
    let error = with(&[KeyUsagePurpose::KeyAgreement]).unwrap_err();
    assert_eq!(error, CertificateError::KeyUsage);
    assert_eq!(error.alert(), 43);
}

#[test]
fn extended_key_usage() {
    let with = |usages: &[ExtendedKeyUsagePurpose]| {
        let mut params = end_entity();
        params.extended_key_usages = usages.to_vec();
        verdict(params)
    };
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&[ExtendedKeyUsagePurpose::ClientAuth]), Ok(()));
    assert_eq!(
        with(&[
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth
        ]),
        Ok(())
    );
    let error = with(&[ExtendedKeyUsagePurpose::ServerAuth]).unwrap_err();
    assert_eq!(error, CertificateError::ExtendedKeyUsage);
    assert_eq!(error.alert(), 43);
}

#[test]
fn path_length() {
    let mut params = authority("root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = Authority::root_of(params);
    let mut params = authority("upper");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = root.below(params);
    let lower = upper.below(authority("lower"));
    let trust = trust(&root);
    let right = upper.issue(end_entity());
    assert!(trust.verify(&[&right, &upper.der()], Some(NOW)).is_ok());
    let wrong = lower.issue(end_entity());
    assert_eq!(
        trust.verify(&[&wrong, &lower.der(), &upper.der()], Some(NOW)),
        Err(CertificateError::PathLength)
    );
}

#[test]
fn unknown_extensions() {
    let with = |critical| {
        let mut params = end_entity();
        // Under 2.25 stand numbers of up to 128 bits.
        let oid = [2, 25, u64::MAX];
        let mut extension = CustomExtension::from_oid_content(&oid, Vec::from([5, 0]));
        extension.set_criticality(critical);
        params.custom_extensions.push(extension);
        verdict(params)
    };
    assert_eq!(with(false), Ok(()));
    let error = with(true).unwrap_err();
    assert_eq!(error, CertificateError::CriticalExtension);
    assert_eq!(error.alert(), 43);
}

#[test]
fn keys_and_signatures_of_other_kinds() {
    let root = Authority::root("root");
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = root.certify_key(end_entity(), &p384);
    assert_eq!(
        trust(&root).verify(&[certificate.der()], Some(NOW)),
        Err(CertificateError::UnsupportedKey)
    );

    let certificate = authority("p384").self_signed(&p384).unwrap();
    let root = Authority {
        certificate,
        key: p384,
    };
    let verdict = trust(&root).verify(&[&root.issue(end_entity())], Some(NOW));
    if cfg!(feature = "ring") {
        assert!(verdict.is_ok());
    } else {
        let error = verdict.unwrap_err();
        assert_eq!(error, CertificateError::UnsupportedSignature);
        assert_eq!(error.alert(), 43);
    }
}

#[test]
fn bounds() {
    let root = Authority::root("root");
    let middle = root.below(authority("middle"));
    let certificate = middle.issue(end_entity());
    let middle = middle.der();
    let limits = ChainLimits::default();
    let exactly = [&[&certificate[..]][..], &[&middle[..]; 4]].concat();
    assert_eq!(exactly.len(), limits.max_certificates);
    assert!(trust(&root).verify(&exactly, Some(NOW)).is_ok());
    let error = trust(&root)
        .verify(&[&exactly[..], &[&middle[..]]].concat(), Some(NOW))
        .unwrap_err();
    assert_eq!(
        error,
        CertificateError::ChainTooLong {
            length: 6,
            limit: 5
        }
    );
    assert_eq!(error.alert(), 42);
    let error = trust(&root).verify(&[], Some(NOW)).unwrap_err();
    assert_eq!((error, error.alert()), (CertificateError::Missing, 40));

    // The largest of the two.
    let longest = certificate.len().max(middle.len());
    for (limit, fits) in [(longest, true), (longest - 1, false)] {
        let limits = ChainLimits {
            max_certificate_bytes: limit,
            ..limits
        };
        let verdict = trust(&root)
            .limits(limits)
            .verify(&[&certificate, &middle], Some(NOW));
        if fits {
            assert!(verdict.is_ok());
        } else {
            let error = verdict.unwrap_err();
            let expected = CertificateError::TooLarge {
                length: longest,
                limit,
            };
            assert_eq!((error, error.alert()), (expected, 42));
        }
    }
}

#[test]
fn deny_list() {
    let root = Authority::root("root");
    let middle = root.below(authority("middle"));
    let denied = middle.issue(end_entity());
    let other = middle.issue(end_entity());
    let middle = middle.der();
    let verify = |list: &DenyList, certificate: &[u8]| {
        trust(&root)
            .deny(list.clone())
            .verify(&[certificate, &middle], Some(NOW))
            .map(|_| ())
    };
    assert_eq!(verify(&DenyList::new(), &denied), Ok(()));

    let mut by_fingerprint = DenyList::new();
    by_fingerprint.add_fingerprint(Sha256::digest(&denied).into());
    let mut by_certificate = DenyList::new();
    by_certificate.add_certificate(&denied).unwrap();
    for list in [&by_fingerprint, &by_certificate] {
        let error = verify(list, &denied).unwrap_err();
        assert_eq!((error, error.alert()), (CertificateError::Revoked, 44));
        assert_eq!(verify(list, &other), Ok(()));
    }

    // An authority takes all that it certified with it.
    let mut list = DenyList::new();
    list.add_certificate(&middle).unwrap();
    assert_eq!(verify(&list, &denied), Err(CertificateError::Revoked));
    assert_eq!(verify(&list, &other), Err(CertificateError::Revoked));

    assert!(DenyList::new().add_certificate(&denied[1..]).is_err());
    // While it serves.
    let mut trust = trust(&root);
    assert!(trust.verify(&[&denied, &middle], Some(NOW)).is_ok());
    trust.deny_list_mut().add_certificate(&denied).unwrap();
    assert_eq!(
        trust.verify(&[&denied, &middle], Some(NOW)),
        Err(CertificateError::Revoked)
    );
}

#[test]
fn deny_list_by_serial() {
    let root = Authority::root("root");
    let of_serial = |serial: &[u8]| {
        let mut params = end_entity();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(serial));
        root.issue(params)
    };
    // In the certificate it has a zero byte before it, since it would be negative.
    let denied = of_serial(&[0x80, 1]);
    let issuer = {
        let params = authority("root");
        assert_eq!(
            params.distinguished_name,
            root.certificate.params().distinguished_name
        );
        x509::Certificate::read(&denied).unwrap().issuer.to_vec()
    };
    let stranger = x509::Certificate::read(&Authority::root("other").issue(end_entity()))
        .unwrap()
        .issuer
        .to_vec();
    let verify = |issuer: &[u8], serial: &[u8], certificate: &[u8]| {
        let mut list = DenyList::new();
        list.add_serial(issuer, serial);
        trust(&root)
            .deny(list)
            .verify(&[certificate], Some(NOW))
            .map(|_| ())
    };
    let revoked = Err(CertificateError::Revoked);
    assert_eq!(verify(&issuer, &[0x80, 1], &denied), revoked);
    assert_eq!(verify(&issuer, &[0, 0, 0x80, 1], &denied), revoked);
    assert_eq!(verify(&issuer, &[0x80, 2], &denied), Ok(()));
    assert_eq!(verify(&stranger, &[0x80, 1], &denied), Ok(()));
    assert_eq!(verify(&issuer, &[0x80, 1], &of_serial(&[1])), Ok(()));
}
