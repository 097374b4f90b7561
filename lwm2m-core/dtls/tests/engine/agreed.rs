//! What is told of a session: what was agreed on, and on demand its secret.

use crate::{net::*, support::*};
use lwm2m_core::peer::PeerIdentity;
use lwm2m_dtls::{CipherSuite, Export, KeyLog};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const SECONDS: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl KeyLog for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.into());
    }
}

#[test]
fn both_sides_log_the_same_secret_of_every_handshake() {
    let pki = pki();
    for kind in KINDS {
        let (of_client, of_server) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        let mut setup = Setup::new(kind, &pki);
        setup.client.danger_key_log = Some(of_client.clone());
        setup.server.danger_key_log = Some(of_server.clone());
        let mut net = setup.build();
        net.run(SECONDS);
        assert_eq!(net.hosts[CLIENT].connected().len(), 1, "{kind:?}");
        let lines = of_client.0.lock().unwrap();
        assert_eq!(*lines, *of_server.0.lock().unwrap(), "{kind:?}");
        let [line] = &lines[..] else {
            panic!("{kind:?}: {} lines", lines.len());
        };
        let words: Vec<_> = line.split(' ').collect();
        let [label, random, secret] = words[..] else {
            panic!("{kind:?}: {} words", words.len());
        };
        assert_eq!(label, "CLIENT_RANDOM");
        assert_eq!((random.len(), secret.len()), (64, 96), "{kind:?}");
        // The random is that of the hello, so that the line can be found.
        let hello = &net.log[0].data;
        assert_eq!(hex::encode(&hello[27..59]), random, "{kind:?}");
    }
}

#[test]
fn both_sides_tell_what_was_agreed_on_also_after_an_export() {
    let mut setup = Setup::psk().suite(CipherSuite::PskAes128CbcSha256);
    setup.client = with_ids(5);
    setup.server = with_ids(6);
    let mut net = setup.build();
    net.run(SECONDS);
    let connection = |net: &Net, host: usize| net.hosts[host].connected()[0];
    let agreed = |net: &Net, host: usize| {
        net.hosts[host]
            .endpoint
            .agreed(connection(net, host))
            .unwrap()
    };
    let (client, server) = (agreed(&net, CLIENT), agreed(&net, SERVER));
    assert_eq!(client.suite, CipherSuite::PskAes128CbcSha256);
    assert!(client.extended_master_secret && client.encrypt_then_mac);
    assert!(server.extended_master_secret && server.encrypt_then_mac);
    assert_eq!((client.own_id.len(), server.own_id.len()), (5, 6));
    assert_eq!(client.own_id, server.peer_id);
    assert_eq!(server.own_id, client.peer_id);

    let (now, old) = (net.now, connection(&net, SERVER));
    let endpoint = &mut net.hosts[SERVER].endpoint;
    let export = endpoint.take_export(old).unwrap();
    assert_eq!(endpoint.agreed(old), None, "it is gone");
    let identity = export.identity().unwrap();
    assert_eq!(*identity, PeerIdentity::Psk(IDENTITY.to_vec()));
    let cut = Export::from_bytes(export.expose_secret()[1..].to_vec());
    assert_eq!(cut.identity(), None);
    let new = endpoint.import(now, &export).unwrap();
    assert_eq!(endpoint.agreed(new), Some(server));
}
