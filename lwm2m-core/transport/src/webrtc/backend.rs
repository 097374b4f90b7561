//! Configurations of the backend, and its handshake with panics contained.

use super::{
    record::MIN_FRAGMENT,
    verify::Judge,
    wire::{Shared, Wire},
};
use futures_util::FutureExt;
use lwm2m_core::secret::Secret;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use webrtc_dtls::{
    Error,
    cipher_suite::CipherSuiteId,
    config::{ClientAuthType, Config, ExtendedMasterSecretType},
    conn::DTLSConn,
    crypto::Certificate,
};

/// Headers of record and handshake message, which the backend does not count when it cuts messages into fragments.
const FRAGMENT_HEADERS: usize = 13 + 12;

/// How flights are sent, on either side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flights {
    pub(crate) retransmit_interval: Duration,
    /// The longest datagram of a handshake.
    pub(crate) max_datagram: usize,
}

/// How a client asks for a key; errors end the handshake.
pub(crate) type PskLookup = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync>;

fn common(flights: Flights) -> Config {
    Config {
        extended_master_secret: ExtendedMasterSecretType::Request,
        flight_interval: flights.retransmit_interval,
        mtu: flights
            .max_datagram
            .saturating_sub(FRAGMENT_HEADERS)
            .max(MIN_FRAGMENT),
        ..Config::default()
    }
}

fn psk(flights: Flights, lookup: PskLookup) -> Config {
    Config {
        cipher_suites: vec![
            // What LwM2M asks for comes first.
            CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8,
            CipherSuiteId::Tls_Psk_With_Aes_128_Ccm,
            CipherSuiteId::Tls_Psk_With_Aes_128_Gcm_Sha256,
        ],
        psk: Some(lookup),
        ..common(flights)
    }
}

fn certificate(flights: Flights, own: Certificate, judge: Judge) -> Config {
    Config {
        cipher_suites: vec![
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8,
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm,
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
        ],
        certificates: vec![own],
        verify_peer_certificate: Some(judge),
        ..common(flights)
    }
}

pub(crate) fn psk_server(flights: Flights, lookup: PskLookup) -> Config {
    psk(flights, lookup)
}

pub(crate) fn certificate_server(
    flights: Flights,
    own: Certificate,
    client_anchors: rustls::RootCertStore,
    judge: Judge,
) -> Config {
    Config {
        client_auth: ClientAuthType::RequireAndVerifyClientCert,
        client_cas: client_anchors,
        ..certificate(flights, own, judge)
    }
}

pub(crate) fn psk_client(flights: Flights, identity: Vec<u8>, key: Secret, host: &str) -> Config {
    Config {
        psk_identity_hint: Some(identity),
        server_name: host.into(),
        ..psk(
            flights,
            Arc::new(move |_hint| Ok(key.expose_secret().to_vec())),
        )
    }
}

pub(crate) fn certificate_client(
    flights: Flights,
    own: Certificate,
    judge: Judge,
    host: &str,
) -> Config {
    Config {
        // The judge verifies all; the backend's own verification knows nothing of certificate usages.
        insecure_skip_verify: true,
        server_name: host.into(),
        ..certificate(flights, own, judge)
    }
}

/// Why a handshake did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    Timeout,
    Panicked,
    /// What the backend says. It names no secret.
    Error(Error),
}

/// Runs a whole handshake.
pub(crate) async fn handshake(
    wire: Wire,
    config: Config,
    is_client: bool,
    timeout: Duration,
) -> Result<DTLSConn, Failure> {
    let handshake = DTLSConn::new(Arc::new(wire), config, is_client, None);
    // Whatever state a panic leaves behind is dropped with the future.
    let contained = AssertUnwindSafe(handshake).catch_unwind();
    match tokio::time::timeout(timeout, contained).await {
        Err(_) => Err(Failure::Timeout),
        Ok(Err(_panic)) => Err(Failure::Panicked),
        Ok(Ok(Err(error))) => Err(Failure::Error(error)),
        Ok(Ok(Ok(connection))) => Ok(connection),
    }
}

/// What the peer's last unprotected alert means, in words (RFC 5246, section 7.2.2; RFC 4279).
pub(crate) fn alert_text(shared: &Shared) -> Option<String> {
    let description = shared.alert()?;
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        115 => "unknown_psk_identity",
        _ => "other",
    };
    Some(format!("the peer sent alert {description} ({name})"))
}
