//! The clock that certificates are judged by, which may be set while an endpoint runs.

use crate::{net::*, support::*};
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, ServerConfig,
    certificate::{ClientTrust, LocalCertificate},
    crypto::{Provider, rustcrypto::RustCrypto},
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(5);
const YEAR: u64 = 365 * 24 * 3600;
/// The first second of 2024.
const FROM: u64 = 1_704_067_200;

/// A device whose certificate is good in 2024 and 2025, and its server, whose clock says 1970.
fn setup() -> Setup {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["device-1.example".to_string()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2026, 1, 1));
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let signer = RustCrypto
        .signer(&Secret::new(key.serialize_der()))
        .unwrap();
    let pki = pki();
    let mut setup = Setup::new(Kind::Certificate, &pki);
    let ClientCredentials::Certificate { local, .. } = &mut setup.connection.credentials else {
        unreachable!("a pair with certificates");
    };
    *local = LocalCertificate::new(vec![certificate.clone()], signer).unwrap();
    let trust = ClientTrust::new(&[certificate]).unwrap();
    setup.serves = ServerConfig::new().certificate(pki.server.0.clone(), trust);
    setup.server.unix_at_zero = Some(0);
    setup
}

/// How many sessions there are after another handshake.
fn after_another(net: &mut Net, connection: &ClientConfig) -> usize {
    let now = net.now;
    let client = &mut net.hosts[CLIENT].endpoint;
    for connection in client.sessions() {
        client.close(now, connection);
    }
    net.run(SECONDS);
    let now = net.now;
    let client = &mut net.hosts[CLIENT].endpoint;
    client
        .connect(now, server_address(), connection.clone())
        .unwrap();
    net.run(SECONDS);
    net.hosts[SERVER].endpoint.session_count()
}

#[test]
fn certificates_are_judged_by_the_clock_as_it_is_now() {
    let setup = setup();
    let connection = setup.connection.clone();
    let mut net = setup.build();
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0, "in 1970");
    for (unix, sessions) in [
        (Some(FROM + YEAR), 1),
        (Some(FROM + 3 * YEAR), 0),
        (Some(FROM - YEAR), 0),
        (Some(FROM + YEAR), 1),
        // Before the endpoint began, which is where a clock stands that has lost its battery.
        (Some(0), 0),
        // Who has no clock does not notice.
        (None, 1),
    ] {
        let now = net.now;
        net.hosts[SERVER].endpoint.set_unix_time(now, unix);
        assert_eq!(after_another(&mut net, &connection), sessions, "{unix:?}");
    }
}

#[test]
fn a_clock_goes_on_from_where_it_was_set() {
    let setup = setup();
    let connection = setup.connection.clone();
    let mut net = setup.build();
    net.run(SECONDS);
    // An hour before the first second of the certificate.
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    server.set_unix_time(now, Some(FROM - 3600));
    assert_eq!(after_another(&mut net, &connection), 0);
    net.now = Instant::from_micros(net.now.as_micros() + 3_600_000_000);
    assert_eq!(after_another(&mut net, &connection), 1);
}

#[test]
fn rounding_does_not_move_the_clock() {
    let mut endpoint = endpoint(config(), None, 1);
    let zero = config().unix_at_zero.unwrap();
    // Whoever reads two clocks finds them apart by parts of a second; a ticket must not grow younger for it.
    for (micros, unix) in [
        (1_999_999, zero + 1),
        (2_000_000, zero + 3),
        (2_100_000, zero + 1),
    ] {
        endpoint.set_unix_time(Instant::from_micros(micros), Some(unix));
        assert_eq!(
            endpoint.unix_time(),
            Some(zero + micros / 1_000_000),
            "{micros}"
        );
    }
    endpoint.set_unix_time(Instant::from_micros(2_200_000), Some(zero + 9));
    assert_eq!(endpoint.unix_time(), Some(zero + 9));
    endpoint.set_unix_time(Instant::from_micros(2_300_000), None);
    assert_eq!(endpoint.unix_time(), None);
}
