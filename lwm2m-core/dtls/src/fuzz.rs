//! The parsers, for the fuzz targets; no part of the interface.

use crate::wire::{
    alert::Alert,
    codec::Reader,
    extension::CertificateType,
    handshake::{Fragment, put_message},
    hello::{
        ClientHello, ServerHello, encode_hello_verify_request, encode_new_session_ticket,
        parse_hello_verify_request, parse_new_session_ticket,
    },
    key_exchange::{
        ServerKeyExchange, encode_certificate, encode_client_public_key, encode_psk_identity,
        parse_certificate, parse_certificate_request, parse_certificate_verify,
        parse_client_public_key, parse_psk_hint, parse_psk_identity, put_signature,
    },
    record::{MAX_SEQUENCE, next_record, put_header},
};
use alloc::vec::Vec;

/// Takes a datagram apart, and puts it together again: what was read is what was there.
pub fn records(bytes: &[u8], id_len: usize) {
    let mut copy = bytes.to_vec();
    let mut rest = &mut copy[..];
    let mut at = 0;
    while let Some(record) = next_record(&mut rest, id_len) {
        assert!(record.sequence <= MAX_SEQUENCE);
        let version = u16::from_be_bytes([record.header[1], record.header[2]]);
        let mut again = Vec::new();
        put_header(
            &mut again,
            record.content_type,
            version,
            record.epoch,
            record.sequence,
            record.connection_id(),
            record.body.len(),
        );
        again.extend_from_slice(record.body);
        assert_eq!(again, bytes[at..at + again.len()]);
        at += again.len();
    }
    assert!(at <= bytes.len());
    let _ = Alert::parse(bytes);
}

/// Reads the bytes as every kind of handshake message. What reads and can be written is the same when read again.
pub fn messages(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while let Ok(fragment) = Fragment::take(&mut reader) {
        assert!(fragment.offset as usize + fragment.body.len() <= fragment.length as usize);
        if fragment.offset == 0 && fragment.body.len() == fragment.length as usize {
            let mut again = Vec::new();
            put_message(
                &mut again,
                fragment.message_type,
                fragment.sequence,
                fragment.body,
            );
            assert_eq!(
                Fragment::take(&mut Reader::new(&again)).as_ref(),
                Ok(&fragment)
            );
        }
        message(fragment.body);
    }
    message(bytes);
}

fn message(body: &[u8]) {
    if let Ok(hello) = ClientHello::parse(body) {
        let version = hello.prefix.version;
        let again = hello.encode();
        let mut read = ClientHello::parse(&again).expect("what was written reads");
        // We write the one version that we speak, and no extension that we do not know.
        read.prefix.version = version;
        read.extensions.unknown = hello.extensions.unknown;
        assert_eq!(read, hello);
        assert!(
            !hello.extensions.unasked(&hello.extensions)
                || hello.extensions.unknown
                || hello.extensions.signature_algorithms.is_some()
        );
    }
    if let Ok(hello) = ServerHello::parse(body) {
        let again = hello.encode();
        let mut read = ServerHello::parse(&again).expect("what was written reads");
        read.extensions.unknown = hello.extensions.unknown;
        assert_eq!(read, hello);
    }
    if let Ok(cookie) = parse_hello_verify_request(body) {
        let again = encode_hello_verify_request(cookie);
        assert_eq!(parse_hello_verify_request(&again), Ok(cookie));
    }
    for kind in [CertificateType::X509, CertificateType::RawPublicKey] {
        if let Ok(chain) = parse_certificate(body, kind, 4) {
            assert!(chain.len() <= 4);
            assert_eq!(encode_certificate(chain.into_iter(), kind), body);
        }
    }
    if let Ok(exchange) = ServerKeyExchange::parse(body) {
        let mut again = ServerKeyExchange::encode_parameters(exchange.group, exchange.public_key);
        assert_eq!(again, exchange.parameters);
        put_signature(&mut again, exchange.signature);
        assert_eq!(again, body);
    }
    if let Ok(identity) = parse_psk_identity(body) {
        assert_eq!(encode_psk_identity(identity), body);
    }
    if let Ok(key) = parse_client_public_key(body) {
        assert_eq!(encode_client_public_key(key), body);
    }
    if let Ok((lifetime, ticket)) = parse_new_session_ticket(body) {
        assert_eq!(encode_new_session_ticket(lifetime, ticket), body);
    }
    let _ = parse_psk_hint(body);
    let _ = parse_certificate_request(body);
    let _ = parse_certificate_verify(body);
}
