//! AES-128 in the modes CCM and GCM, by the crates `aes`, `ccm`, and `aes-gcm`.
//!
//! The crates of the modes ask the cipher for one block at a time, and on processors with wide registers `aes` spreads
//! all its round keys over them each time it is asked: half the time of a short record. So a record is sealed or
//! opened from within one question to the cipher, where the modes find it ready.

use super::{Aead, CryptoError};
use aes::Aes128Enc;
use aes_gcm::AesGcm;
use ccm::{
    Ccm,
    aead::{AeadInOut, KeyInit},
    consts::{U8, U12, U16},
};
use cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};
use core::marker::PhantomData;

pub(super) fn seal(
    aead: Aead,
    key: &[u8; 16],
    nonce: &[u8; 12],
    additional: &[u8],
    text: &mut [u8],
    tag: &mut [u8],
) {
    work(aead, key, nonce, additional, text, Tag::Make(tag));
}

pub(super) fn open(
    aead: Aead,
    key: &[u8; 16],
    nonce: &[u8; 12],
    additional: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let mut result = Err(CryptoError::Invalid);
    let tag = Tag::Check(tag, &mut result);
    work(aead, key, nonce, additional, text, tag);
    result
}

fn work(
    aead: Aead,
    key: &[u8; 16],
    nonce: &[u8; 12],
    additional: &[u8],
    text: &mut [u8],
    tag: Tag<'_>,
) {
    let record = Record {
        nonce,
        additional,
        text,
        tag,
    };
    let cipher = Aes128Enc::new(key.into());
    match aead {
        Aead::Aes128Ccm8 => cipher.encrypt_with_backend(Question::<Ccm8>::of(record)),
        Aead::Aes128Ccm => cipher.encrypt_with_backend(Question::<Ccm16>::of(record)),
        Aead::Aes128Gcm => cipher.encrypt_with_backend(Question::<Gcm>::of(record)),
    }
}

/// A mode over any cipher.
trait Mode {
    type Over<C: BlockCipherEncrypt<BlockSize = U16>>: From<C> + AeadInOut<NonceSize = U12>;
}

struct Ccm8;
struct Ccm16;
struct Gcm;

impl Mode for Ccm8 {
    type Over<C: BlockCipherEncrypt<BlockSize = U16>> = Ccm<C, U8, U12>;
}

impl Mode for Ccm16 {
    type Over<C: BlockCipherEncrypt<BlockSize = U16>> = Ccm<C, U16, U12>;
}

impl Mode for Gcm {
    type Over<C: BlockCipherEncrypt<BlockSize = U16>> = AesGcm<C, U12>;
}

struct Record<'a> {
    nonce: &'a [u8; 12],
    additional: &'a [u8],
    text: &'a mut [u8],
    tag: Tag<'a>,
}

enum Tag<'a> {
    /// The text is to be sealed, and the tag put here.
    Make(&'a mut [u8]),
    /// The text is to be opened, and whether this is its tag said there.
    Check(&'a [u8], &'a mut Result<(), CryptoError>),
}

/// What is asked of the cipher for one record.
struct Question<'a, M> {
    record: Record<'a>,
    mode: PhantomData<M>,
}

impl<'a, M> Question<'a, M> {
    fn of(record: Record<'a>) -> Self {
        Question {
            record,
            mode: PhantomData,
        }
    }
}

impl<M> BlockSizeUser for Question<'_, M> {
    type BlockSize = U16;
}

impl<M: Mode> BlockCipherEncClosure for Question<'_, M> {
    #[inline(always)] // so that it is compiled for the processor's features, as the cipher around it
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Record {
            nonce,
            additional,
            text,
            tag,
        } = self.record;
        let aead = M::Over::from(Ready(backend));
        match tag {
            Tag::Make(tag) => {
                let sealed = aead
                    .encrypt_inout_detached(nonce.into(), additional, text.into())
                    .expect(
                        "a record is far below the 16 MiB that CCM can encrypt with this nonce",
                    );
                tag.copy_from_slice(&sealed);
            }
            Tag::Check(tag, result) => {
                // One that is not of the mode's length was not made by it.
                if let Ok(tag) = tag.try_into() {
                    *result = aead
                        .decrypt_inout_detached(nonce.into(), additional, text.into(), tag)
                        .map_err(|_| CryptoError::Invalid);
                }
            }
        }
    }
}

/// A cipher that is within a question already.
struct Ready<'a, B>(&'a B);

impl<B> BlockSizeUser for Ready<'_, B> {
    type BlockSize = U16;
}

impl<B: BlockCipherEncBackend<BlockSize = U16>> BlockCipherEncrypt for Ready<'_, B> {
    #[inline(always)] // as above
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::ZeroizeOnDrop;

    /// That they do hangs on features of the crates, which nothing else would miss.
    #[test]
    fn what_holds_a_key_wipes_itself() {
        fn wipes<T: ZeroizeOnDrop>() {}
        wipes::<Aes128Enc>();
        wipes::<AesGcm<Aes128Enc, U12>>();
    }
}
