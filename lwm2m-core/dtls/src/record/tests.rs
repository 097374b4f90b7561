use super::*;
use crate::{crypto::rustcrypto::RustCrypto, wire::record::next_record};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const ID: [u8; 4] = [1, 2, 3, 4];
const TEXT: &[u8] = b"a text that nobody else may read";

/// The keys of both sides.
fn keys(suite: CipherSuite) -> [Keys; 2] {
    let master = MasterSecret::from_bytes([9; 48]);
    [Side::Client, Side::Server]
        .map(|side| Keys::derive(suite, true, &master, &[1; 32], &[2; 32], side))
}

// proves: DTLS-26
#[test]
fn the_connection_id_is_protected() {
    for suite in CipherSuite::ALL {
        let [client, server] = keys(suite);
        let place = Place {
            epoch: 1,
            sequence: 5,
            connection_id: &ID,
        };
        let mut sealed = Vec::new();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let data = ContentType::ApplicationData;
        client.seal(&RustCrypto, &mut random, place, data, TEXT, &mut sealed);
        let open = |mut datagram: Vec<u8>| {
            let record = next_record(&mut &mut datagram[..], ID.len()).unwrap();
            let opened = server.open(&RustCrypto, record);
            opened.map(|(content_type, text)| (content_type, text.to_vec()))
        };
        assert_eq!(open(sealed.clone()), Ok((data, TEXT.to_vec())), "{suite:?}");
        for at in 11..11 + ID.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(open(other).is_err(), "{suite:?}: byte {at}");
        }
    }
}
