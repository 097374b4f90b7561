use super::*;
use crate::crypto::rustcrypto::RustCrypto;
use alloc::vec;

const HEADERS: [&[u8]; 2] = [&[0, 1, 0, 0, 0, 0, 0, 5, 23, 0xfe, 0xfd], &[0xff; 27]];
const ORDERS: [MacOrder; 2] = [MacOrder::MacThenEncrypt, MacOrder::EncryptThenMac];

fn keys() -> CbcKeys {
    CbcKeys {
        mac: core::array::from_fn(|at| at as u8),
        key: core::array::from_fn(|at| 0x80 + at as u8),
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31) as u8).collect()
}

fn sealed(order: MacOrder, header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = vec![0xaa; 3];
    seal(
        &RustCrypto,
        &keys(),
        order,
        header,
        &[0x3c; IV_LEN],
        content,
        &mut out,
    );
    assert_eq!(out[..3], [0xaa; 3]);
    out.split_off(3)
}

/// MAC-then-encrypt from parts, with a padding of our choice in front of the byte that counts.
fn composed(header: &[u8], content: &[u8], padding: &[u8], counts: u8, mac_xor: u8) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    let mut mac = Hmac::new(&keys().mac).compute([header, &length, content]);
    mac[17] ^= mac_xor;
    let mut blocks = [content, &mac, padding, &[counts]].concat();
    let iv = [0x77; IV_LEN];
    RustCrypto.cbc_encrypt(&keys().key, &iv, &mut blocks);
    [&iv[..], &blocks].concat()
}

fn opened(order: MacOrder, header: &[u8], fragment: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut fragment = fragment.to_vec();
    open(&RustCrypto, &keys(), order, header, &mut fragment).map(|content| content.to_vec())
}

#[test]
fn what_is_sealed_opens() {
    for order in ORDERS {
        for header in HEADERS {
            for len in (0..=340).chain([1_024, 16_384]) {
                let content = content(len);
                let fragment = sealed(order, header, &content);
                assert_eq!(fragment.len(), sealed_len(order, len));
                assert_eq!(opened(order, header, &fragment), Ok(content));
            }
        }
    }
}

/// Composed with Python's `hmac` and `openssl enc -aes-128-cbc`: a plain record, and one with a Connection ID of four
/// bytes around a text with its type and three zeros.
#[test]
fn records_are_those_that_others_compose() {
    let plain = hex::decode("000100000000000517fefd").expect("hexadecimal");
    let cid =
        hex::decode("ffffffffffffffff190419fefd0001000000000005c1d2e3f4").expect("hexadecimal");
    let text = &b"</3/0>;ver=1.2"[..];
    let inner = [text, &[23, 0, 0, 0]].concat();
    let iv = core::array::from_fn(|at| 0x3c + at as u8);
    for (order, header, content, ciphertext) in [
        (
            MacOrder::MacThenEncrypt,
            &plain,
            text,
            "12bfc24123ecad3dd1620f58fe3be4cf3b1d3e607d4506ace351e640e5401f893921990b8b43dcc06ff7898f8bd1d975",
        ),
        (
            MacOrder::EncryptThenMac,
            &plain,
            text,
            "6384b582e2b39e90947424a51fdf48eaf5a7602c8a5f0cd209d03cae7eb45b9bd54e0c3c383c4e398f6528ec92d67828",
        ),
        (
            MacOrder::MacThenEncrypt,
            &cid,
            &inner,
            "219e351247ca9f5cf992c573d1b6e63d19c9dea04ddd5886ba44398c06d9c273f466bb28990167a1878622232edb4d90\
             ceb95dc5a8f809d20b47b8aea6ee4a81",
        ),
        (
            MacOrder::EncryptThenMac,
            &cid,
            &inner,
            "219e351247ca9f5cf992c573d1b6e63de3fa9a8146bb7dec31454f5b4edbf176610123379725c800c2e15a3c452ed177\
             87cc7813b4fcb110af31efae9327c559",
        ),
    ] {
        let mut out = Vec::new();
        seal(&RustCrypto, &keys(), order, header, &iv, content, &mut out);
        assert_eq!(out[..IV_LEN], iv);
        assert_eq!(hex::encode(&out[IV_LEN..]), ciphertext, "{order:?}");
        assert_eq!(opened(order, header, &out), Ok(content.to_vec()));
    }
}

#[test]
fn every_bit_of_record_and_header_counts() {
    for order in ORDERS {
        for len in [0, 1, 15, 16, 47, 100] {
            let fragment = sealed(order, HEADERS[0], &content(len));
            for at in 0..fragment.len() {
                for bit in 0..8 {
                    let mut wrong = fragment.clone();
                    wrong[at] ^= 1 << bit;
                    assert_eq!(
                        opened(order, HEADERS[0], &wrong),
                        Err(CryptoError::Invalid),
                        "{order:?}, {len} bytes, bit {bit} at {at}"
                    );
                }
            }
            for at in 0..HEADERS[0].len() {
                let mut header = HEADERS[0].to_vec();
                header[at] ^= 1;
                assert_eq!(opened(order, &header, &fragment), Err(CryptoError::Invalid));
            }
        }
    }
}

#[test]
fn other_lengths_are_refused() {
    for order in ORDERS {
        let fragment = sealed(order, HEADERS[0], &content(64));
        for len in 0..fragment.len() {
            assert_eq!(
                opened(order, HEADERS[0], &fragment[..len]),
                Err(CryptoError::Invalid),
                "{order:?} cut to {len}"
            );
        }
        let too_long = vec![0; sealed_len(order, 65_536)];
        assert_eq!(
            opened(order, HEADERS[0], &too_long),
            Err(CryptoError::Invalid)
        );
    }
}

#[test]
fn the_order_that_was_not_agreed_is_refused() {
    for len in [0, 15, 33, 64] {
        for (one, other) in [(ORDERS[0], ORDERS[1]), (ORDERS[1], ORDERS[0])] {
            assert_eq!(
                opened(other, HEADERS[0], &sealed(one, HEADERS[0], &content(len))),
                Err(CryptoError::Invalid)
            );
        }
    }
}

#[test]
fn any_padding_that_fills_the_blocks_is_taken() {
    let order = MacOrder::MacThenEncrypt;
    for len in [0, 3, 100] {
        let content = content(len);
        let rest = (len + HASH_LEN + 1) % 16;
        for counts in (0..=255_u8).filter(|n| (rest + usize::from(*n)).is_multiple_of(16)) {
            let padding = vec![counts; counts.into()];
            let right = composed(HEADERS[0], &content, &padding, counts, 0);
            assert_eq!(opened(order, HEADERS[0], &right), Ok(content.clone()));
            let wrong_mac = composed(HEADERS[0], &content, &padding, counts, 4);
            assert_eq!(
                opened(order, HEADERS[0], &wrong_mac),
                Err(CryptoError::Invalid)
            );
            for at in 0..padding.len() {
                let mut padding = padding.clone();
                padding[at] ^= 1;
                let wrong = composed(HEADERS[0], &content, &padding, counts, 0);
                assert_eq!(
                    opened(order, HEADERS[0], &wrong),
                    Err(CryptoError::Invalid),
                    "padding of {counts}, wrong at {at}"
                );
            }
        }
    }
}

#[test]
fn a_padding_that_counts_too_much_is_refused() {
    for counts in 16..=255 {
        // One block of MAC and padding less than the last byte says.
        let wrong = composed(HEADERS[0], &[], &[counts; 15], counts, 0);
        assert_eq!(
            opened(MacOrder::MacThenEncrypt, HEADERS[0], &wrong),
            Err(CryptoError::Invalid)
        );
    }
}

#[test]
fn behind_a_right_mac_the_padding_is_checked_too() {
    let composed = |blocks: &[u8]| {
        let iv = [0x77; IV_LEN];
        let mut blocks = blocks.to_vec();
        RustCrypto.cbc_encrypt(&keys().key, &iv, &mut blocks);
        let encrypted = [&iv[..], &blocks].concat();
        let length = (encrypted.len() as u16).to_be_bytes();
        let mac = Hmac::new(&keys().mac).compute([HEADERS[0], &length, &encrypted]);
        opened(
            MacOrder::EncryptThenMac,
            HEADERS[0],
            &[&encrypted[..], &mac].concat(),
        )
    };
    assert_eq!(composed(&[15; 16]), Ok(vec![]));
    assert_eq!(composed(&[31; 32]), Ok(vec![]));
    assert_eq!(composed(&[16; 16]), Err(CryptoError::Invalid));
    assert_eq!(composed(&[255; 16]), Err(CryptoError::Invalid));
    let mut wrong = [15; 16];
    wrong[0] = 14;
    assert_eq!(composed(&wrong), Err(CryptoError::Invalid));
}
