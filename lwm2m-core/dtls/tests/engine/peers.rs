//! What other implementations have shown at our engine, each case as they meet it.

use crate::support::*;
use lwm2m_dtls::CipherSuite;
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(5);
/// Header of a record.
const RECORD: usize = 13;

/// Scandium, which has asked for records of 512 bytes, reads no more than that of a datagram.
#[test]
fn who_takes_short_records_gets_no_long_datagrams() {
    let pki = pki();
    for kind in KINDS {
        let mut setup = Setup::new(kind, &pki);
        setup.connection.max_fragment_length = Some(512);
        let mut net = setup.build();
        net.run(SECONDS);
        assert_eq!(net.hosts[CLIENT].connected().len(), 1, "{kind:?}");
        let longest = net.log.iter().map(|packet| packet.data.len()).max();
        assert!(longest.unwrap() <= 512 + RECORD, "{kind:?}: {longest:?}");
    }
}

/// OpenSSL, told to offer x25519 and nothing else, cannot verify signatures of secp256r1: certificates and raw public
/// keys are of no use to it.
// proves: SEC-32
#[test]
fn certificates_are_shown_only_to_who_knows_their_curve() {
    let offered = [0, 10, 0, 6, 0, 4, 0, 23, 0, 29];
    let pki = pki();
    for kind in [Kind::RawPublicKey, Kind::Certificate] {
        let setup = Setup::new(kind, &pki).suite(CipherSuite::EcdheEcdsaAes128Ccm8);
        let mut net = setup.build();
        net.tap = Some(Box::new(move |packet| {
            let mut packet = packet.clone();
            let hello = packet.data.windows(offered.len());
            if let Some(at) = hello.clone().position(|window| window == offered) {
                packet.data[at + 7] = 29;
            }
            Some(packet)
        }));
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].endpoint.metrics().handshakes_failed, 1);
        let closed = net.hosts[CLIENT].closed();
        assert!(
            closed[0].contains("handshake_failure"),
            "{kind:?}: {closed:?}"
        );
    }
}
