//! DTLS 1.2 by the book, for one handshake: what RFC 5246, 6347, 7627, 7366 and 9146 say a peer computes and sends, made
//! of hashes and ciphers directly. Nothing here comes from the engine, so that both being wrong alike is unlikely.

use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ccm::{
    Ccm, KeyInit,
    consts::{U8, U12, U16},
};
use hmac::Mac;
use lwm2m_dtls::CipherSuite;
use sha2::{Digest, Sha256};

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;
pub(crate) const WITH_ID: u8 = 25;

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = <hmac::Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// RFC 5246, section 5: A(i) = HMAC(secret, A(i-1)), output HMAC(secret, A(i) + seed), cut to length.
pub(crate) fn prf(secret: &[u8], label: &str, seed: &[u8], length: usize) -> Vec<u8> {
    let seed = [label.as_bytes(), seed].concat();
    let (mut a, mut output) = (seed.clone(), Vec::new());
    while output.len() < length {
        a = hmac(secret, &a).to_vec();
        output.extend(hmac(secret, &[&a[..], &seed].concat()));
    }
    output.truncate(length);
    output
}

/// RFC 4279, section 2.
pub(crate) fn psk_premaster(key: &[u8]) -> Vec<u8> {
    let length = (key.len() as u16).to_be_bytes();
    [&length[..], &vec![0; key.len()], &length, key].concat()
}

/// A length of so many bytes, and the bytes.
pub(crate) fn vector(length: usize, bytes: &[u8]) -> Vec<u8> {
    let mut vector = (bytes.len() as u64).to_be_bytes()[8 - length..].to_vec();
    vector.extend(bytes);
    vector
}

pub(crate) fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, sequence, body.len(), 0, body)
}

pub(crate) fn fragment(kind: u8, sequence: u16, length: usize, at: usize, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&(length as u32).to_be_bytes()[1..]);
    message.extend(sequence.to_be_bytes());
    message.extend(&(at as u32).to_be_bytes()[1..]);
    message.extend(vector(3, body));
    message
}

/// A record as it travels, protected or not.
pub(crate) fn record(kind: u8, epoch: u16, sequence: u64, id: &[u8], body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(number(epoch, sequence));
    record.extend(id);
    record.extend(vector(2, body));
    record
}

pub(crate) fn number(epoch: u16, sequence: u64) -> [u8; 8] {
    ((u64::from(epoch) << 48) | sequence).to_be_bytes()
}

/// Keys of one direction.
#[derive(Clone, Default)]
pub(crate) struct Half {
    pub(crate) mac: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
}

/// What protects records once both sides have their keys.
#[derive(Clone)]
pub(crate) struct Cipher {
    pub(crate) suite: CipherSuite,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) client: Half,
    pub(crate) server: Half,
}

pub(crate) fn is_cbc(suite: CipherSuite) -> bool {
    format!("{suite:?}").contains("Cbc")
}

impl Cipher {
    /// RFC 5246, section 6.3: client MAC, server MAC, client key, server key, client IV, server IV; the seed is the
    /// server's random and then the client's.
    pub(crate) fn new(
        suite: CipherSuite,
        encrypt_then_mac: bool,
        master: &[u8],
        client_random: &[u8],
        server_random: &[u8],
    ) -> Self {
        let (mac, iv) = if is_cbc(suite) { (32, 0) } else { (0, 4) };
        let seed = [server_random, client_random].concat();
        let block = prf(master, "key expansion", &seed, 2 * (mac + 16 + iv));
        let mut rest = &block[..];
        let mut cut = |length| {
            let (taken, behind) = rest.split_at(length);
            rest = behind;
            taken.to_vec()
        };
        let (mut client, mut server) = (Half::default(), Half::default());
        (client.mac, server.mac) = (cut(mac), cut(mac));
        (client.key, server.key) = (cut(16), cut(16));
        (client.iv, server.iv) = (cut(iv), cut(iv));
        Cipher {
            suite,
            encrypt_then_mac,
            client,
            server,
        }
    }

    /// What is authenticated beside the text: RFC 5246, section 6.2.3.3, and RFC 9146, section 5.3, both without the
    /// length.
    fn header(kind: u8, epoch: u16, sequence: u64, id: &[u8]) -> Vec<u8> {
        if kind == WITH_ID {
            let mut header = vec![0xff; 8];
            header.extend([WITH_ID, id.len() as u8, WITH_ID, 0xfe, 0xfd]);
            header.extend(number(epoch, sequence));
            header.extend(id);
            return header;
        }
        let mut header = number(epoch, sequence).to_vec();
        header.extend([kind, 0xfe, 0xfd]);
        header
    }

    /// A protected record; `iv` means something to CBC.
    pub(crate) fn seal(
        &self,
        half: &Half,
        kind: u8,
        (epoch, sequence): (u16, u64),
        id: &[u8],
        text: &[u8],
        iv: [u8; 16],
    ) -> Vec<u8> {
        let mut inner = text.to_vec();
        let mut outer = kind;
        if !id.is_empty() {
            inner.push(kind);
            outer = WITH_ID;
        }
        let header = Self::header(outer, epoch, sequence, id);
        let body = if is_cbc(self.suite) {
            self.seal_cbc(half, &header, inner, iv)
        } else {
            let explicit = number(epoch, sequence);
            let nonce = [&half.iv[..], &explicit].concat();
            let additional = [&header[..], &(inner.len() as u16).to_be_bytes()].concat();
            let sealed = seal_aead(self.suite, &half.key, &nonce, &additional, inner);
            [&explicit[..], &sealed].concat()
        };
        record(outer, epoch, sequence, id, &body)
    }

    fn seal_cbc(&self, half: &Half, header: &[u8], mut inner: Vec<u8>, iv: [u8; 16]) -> Vec<u8> {
        let maced = |length: usize, text: &[u8]| {
            let length = (length as u16).to_be_bytes();
            hmac(&half.mac, &[header, &length, text].concat())
        };
        if !self.encrypt_then_mac {
            inner.extend(maced(inner.len(), &inner));
        }
        let padding = 15 - inner.len() % 16;
        inner.resize(inner.len() + padding + 1, padding as u8);
        cbc::Encryptor::<aes::Aes128>::new_from_slices(&half.key, &iv)
            .unwrap()
            .encrypt_blocks(Array::slice_as_chunks_mut(&mut inner).0);
        let mut body = [&iv[..], &inner].concat();
        if self.encrypt_then_mac {
            let mac = maced(body.len(), &body);
            body.extend(mac);
        }
        body
    }

    /// The type and text of a protected record; `None` where it does not verify.
    pub(crate) fn open(&self, half: &Half, record: &[u8], id_len: usize) -> Option<(u8, Vec<u8>)> {
        let kind = record[0];
        let id_len = if kind == WITH_ID { id_len } else { 0 };
        let id = &record[11..11 + id_len];
        let epoch = u16::from_be_bytes([record[3], record[4]]);
        let mut sequence = [0; 8];
        sequence[2..].copy_from_slice(&record[5..11]);
        let header = Self::header(kind, epoch, u64::from_be_bytes(sequence), id);
        let body = &record[13 + id_len..];
        let mut text = if is_cbc(self.suite) {
            self.open_cbc(half, &header, body)?
        } else {
            let (explicit, sealed) = body.split_at(8);
            assert_eq!(
                explicit,
                &record[3..11],
                "the nonce is epoch and sequence number"
            );
            let nonce = [&half.iv[..], explicit].concat();
            open_aead(self.suite, &half.key, &nonce, &header, sealed)?
        };
        if kind != WITH_ID {
            return Some((kind, text));
        }
        while text.last() == Some(&0) {
            text.pop();
        }
        Some((text.pop()?, text))
    }

    fn open_cbc(&self, half: &Half, header: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let mut body = body.to_vec();
        let maced = |length: usize, text: &[u8]| {
            let length = (length as u16).to_be_bytes();
            hmac(&half.mac, &[header, &length, text].concat()).to_vec()
        };
        if self.encrypt_then_mac {
            let mac = body.split_off(body.len() - 32);
            (maced(body.len(), &body) == mac).then_some(())?;
        }
        let mut text = body.split_off(16);
        cbc::Decryptor::<aes::Aes128>::new_from_slices(&half.key, &body)
            .unwrap()
            .decrypt_blocks(Array::slice_as_chunks_mut(&mut text).0);
        let padding = *text.last().unwrap();
        for _ in 0..=padding {
            (text.pop()? == padding).then_some(())?;
        }
        if !self.encrypt_then_mac {
            let mac = text.split_off(text.len().checked_sub(32)?);
            (maced(text.len(), &text) == mac).then_some(())?;
        }
        Some(text)
    }
}

type Ccm8 = Ccm<aes::Aes128, U8, U12>;
type Ccm16 = Ccm<aes::Aes128, U16, U12>;

fn seal_aead(
    suite: CipherSuite,
    key: &[u8],
    nonce: &[u8],
    additional: &[u8],
    mut text: Vec<u8>,
) -> Vec<u8> {
    macro_rules! seal {
        ($cipher:ty) => {
            <$cipher>::new_from_slice(key)
                .unwrap()
                .encrypt_inout_detached(
                    nonce.try_into().unwrap(),
                    additional,
                    text.as_mut_slice().into(),
                )
                .unwrap()
                .to_vec()
        };
    }
    let name = format!("{suite:?}");
    let tag = match () {
        () if name.ends_with("Ccm8") => seal!(Ccm8),
        () if name.ends_with("Ccm") => seal!(Ccm16),
        () => seal!(Aes128Gcm),
    };
    text.extend(tag);
    text
}

fn open_aead(
    suite: CipherSuite,
    key: &[u8],
    nonce: &[u8],
    header: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    macro_rules! open {
        ($cipher:ty, $tag:literal) => {{
            let (text, tag) = sealed.split_at(sealed.len() - $tag);
            let additional = [header, &(text.len() as u16).to_be_bytes()].concat();
            let mut text = text.to_vec();
            <$cipher>::new_from_slice(key)
                .unwrap()
                .decrypt_inout_detached(
                    nonce.try_into().unwrap(),
                    &additional,
                    text.as_mut_slice().into(),
                    tag.try_into().unwrap(),
                )
                .ok()?;
            Some(text)
        }};
    }
    let name = format!("{suite:?}");
    match () {
        () if name.ends_with("Ccm8") => open!(Ccm8, 8),
        () if name.ends_with("Ccm") => open!(Ccm16, 16),
        () => open!(Aes128Gcm, 16),
    }
}
