//! The name of a host in the hello (RFC 6066, section 3), and what a server shows for it.

use crate::{net::*, support::*};
use lwm2m_core::engine::CertificateUsage;
use lwm2m_dtls::{ClientCredentials, certificate::ServerTrust};
use std::{sync::Arc, time::Duration};

/// Whether the answer to the hello says that the name was of use: an empty extension 0.
fn says_so(net: &Net) -> bool {
    let server = net.hosts[SERVER].address;
    let from_server = net.log.iter().filter(|packet| packet.from == server);
    let hello = from_server.map(|packet| &packet.data).find(|data| {
        // A handshake record that begins with a ServerHello.
        data[0] == 22 && data[13] == 2
    });
    let hello = hello.expect("a ServerHello");
    let length = usize::from(u16::from_be_bytes([hello[23], hello[24]]));
    // Version, random, session id, suite, compression, and the length of all extensions.
    let body = &hello[25..25 + length];
    let mut rest = &body[2 + 32 + 1 + usize::from(body[34]) + 2 + 1 + 2..];
    while let [a, b, c, d, tail @ ..] = rest {
        let (number, size) = (
            u16::from_be_bytes([*a, *b]),
            usize::from(u16::from_be_bytes([*c, *d])),
        );
        if number == 0 {
            assert_eq!(size, 0);
            return true;
        }
        rest = &tail[size..];
    }
    false
}

// proves: SEC-38
#[test]
fn a_server_shows_the_certificate_of_the_host_that_was_asked_for() {
    let (default, named) = (pki(), pki());
    for (asked, shown) in [
        (None, &default),
        (Some("two.example"), &named),
        (Some("TWO.Example."), &named),
        (Some("two.example.org"), &default),
        (Some("one.example"), &default),
    ] {
        // Each certificate has an authority of its own, and the client trusts one of them.
        for trusted in [&default, &named] {
            let mut setup = Setup::new(Kind::Certificate, &default);
            setup.serves = setup
                .serves
                .certificate_for("two.example", named.server.0.clone());
            let usage = CertificateUsage::TrustAnchorAssertion;
            let trust = ServerTrust::new(usage, &trusted.authority, &[], "server.example").unwrap();
            setup.connection = lwm2m_dtls::ClientConfig::new(ClientCredentials::Certificate {
                local: default.client.0.clone(),
                trust: Arc::new(trust),
            });
            setup.connection.server_name = asked.map(Into::into);
            let mut net = setup.build();
            net.run(Duration::from_secs(5));
            let good = std::ptr::eq(shown, trusted);
            assert_eq!(
                net.hosts[CLIENT].connected().len(),
                usize::from(good),
                "{asked:?}"
            );
            assert_eq!(says_so(&net), std::ptr::eq(shown, &named), "{asked:?}");
        }
    }
}

#[test]
fn a_name_says_nothing_to_a_server_without_certificates() {
    for name in [None, Some("two.example".to_string())] {
        let mut setup = Setup::psk();
        setup.serves = setup.serves.certificate_for("two.example", pki().server.0);
        setup.connection.server_name = name;
        let mut net = setup.build();
        net.run(Duration::from_secs(5));
        assert_eq!(net.hosts[CLIENT].connected().len(), 1);
        assert!(!says_so(&net));
    }
}
