use super::{super::*, Authority, named, tlv};
use alloc::{string::ToString, vec::Vec};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, SanType};

fn issue(params: CertificateParams) -> Vec<u8> {
    Authority::root("root").issue(params)
}

fn with_subject(values: Vec<DnValue>) -> CertificateParams {
    let mut params = named("", &[]);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "organization");
    for value in values {
        // rcgen keeps one value for each type, so that several need types that differ for rcgen alone.
        let kind = match params.distinguished_name.get(&DnType::CommonName) {
            None => DnType::CommonName,
            Some(_) => DnType::CustomDnType([2, 5, 4, 3].to_vec()),
        };
        params.distinguished_name.push(kind, value);
    }
    params
}

fn with_alternative_names(content: Vec<u8>) -> CertificateParams {
    let mut params = named("name", &[]);
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], content);
    params.custom_extensions.push(extension);
    params
}

#[test]
fn common_name_dns_names_and_uris() {
    let mut params = named("urn:dev:1", &["a.example", "192.0.2.1", "B.example"]);
    let uri = "coaps://c.example:5684".try_into().unwrap();
    params.subject_alt_names.push(SanType::URI(uri));
    let mail = "d@example.com".try_into().unwrap();
    params.subject_alt_names.push(SanType::Rfc822Name(mail));
    let der = issue(params);
    let identity = identity_of_certificate(&der).unwrap();
    assert_eq!(identity.common_name.as_deref(), Some("urn:dev:1"));
    assert_eq!(
        identity.alternative_names,
        ["a.example", "B.example", "coaps://c.example:5684"]
    );
    assert_eq!(identity.certificate, der);
}

#[test]
fn kinds_of_common_names() {
    let name = |values| {
        identity_of_certificate(&issue(with_subject(values)))
            .unwrap()
            .common_name
    };
    let text = |text: &str| DnValue::Utf8String(text.to_string());
    assert_eq!(name([].to_vec()), None);
    assert_eq!(name([text("Gerät")].to_vec()).as_deref(), Some("Gerät"));
    let printable = DnValue::PrintableString("p".try_into().unwrap());
    assert_eq!(name([printable].to_vec()).as_deref(), Some("p"));
    let ia5 = DnValue::Ia5String("i".try_into().unwrap());
    assert_eq!(name([ia5].to_vec()).as_deref(), Some("i"));
    let teletex = DnValue::TeletexString("t".try_into().unwrap());
    assert_eq!(name([teletex].to_vec()), None);
    // Which of the two would it be?
    assert_eq!(name([text("one"), text("two")].to_vec()), None);
}

#[test]
fn malformed_names_are_refused() {
    let dns = |name: &[u8]| tlv(0x82, name);
    assert!(identity_of_certificate(&issue(with_alternative_names(tlv(0x30, &dns(b"a"))))).is_ok());

    let not_ascii = tlv(0x30, &dns("ä".as_bytes()));
    let overrun = tlv(0x30, &[0x82, 5, b'a']);
    let no_sequence = dns(b"a");
    let trailing = [tlv(0x30, &dns(b"a")), Vec::from([0])].concat();
    for content in [not_ascii, overrun, no_sequence, trailing] {
        let der = issue(with_alternative_names(content.clone()));
        assert!(
            matches!(
                identity_of_certificate(&der),
                Err(CertificateError::Malformed(_))
            ),
            "{content:02x?}"
        );
    }

    // Twice the same extension: which one counts?
    let mut params = with_alternative_names(tlv(0x30, &dns(b"a")));
    let second = params.custom_extensions[0].clone();
    params.custom_extensions.push(second);
    assert!(matches!(
        identity_of_certificate(&issue(params)),
        Err(CertificateError::Malformed(_))
    ));
}

#[test]
fn a_certificate_stands_alone() {
    let der = issue(named("name", &["a.example"]));
    for length in 0..der.len() {
        assert!(identity_of_certificate(&der[..length]).is_err(), "{length}");
    }
    assert!(identity_of_certificate(&[&der[..], &[0]].concat()).is_err());
}
