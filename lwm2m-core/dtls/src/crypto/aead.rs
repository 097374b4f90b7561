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
    let record = Record {
        nonce,
        additional,
        text,
    };
    match aead {
        Aead::Aes128Ccm8 => Seal::<Ccm8>::run(key, record, tag),
        Aead::Aes128Ccm => Seal::<Ccm16>::run(key, record, tag),
        Aead::Aes128Gcm => Seal::<Gcm>::run(key, record, tag),
    }
}

pub(super) fn open(
    aead: Aead,
    key: &[u8; 16],
    nonce: &[u8; 12],
    additional: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let record = Record {
        nonce,
        additional,
        text,
    };
    match aead {
        Aead::Aes128Ccm8 => Open::<Ccm8>::run(key, record, tag),
        Aead::Aes128Ccm => Open::<Ccm16>::run(key, record, tag),
        Aead::Aes128Gcm => Open::<Gcm>::run(key, record, tag),
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
}

struct Seal<'a, M> {
    record: Record<'a>,
    tag: &'a mut [u8],
    mode: PhantomData<M>,
}

impl<'a, M: Mode> Seal<'a, M> {
    fn run(key: &[u8; 16], record: Record<'a>, tag: &'a mut [u8]) {
        Aes128Enc::new(key.into()).encrypt_with_backend(Seal::<M> {
            record,
            tag,
            mode: PhantomData,
        });
    }
}

impl<M> BlockSizeUser for Seal<'_, M> {
    type BlockSize = U16;
}

impl<M: Mode> BlockCipherEncClosure for Seal<'_, M> {
    #[inline(always)] // so that it is compiled for the processor's features, as the cipher around it
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Record {
            nonce,
            additional,
            text,
        } = self.record;
        let sealed = M::Over::from(Ready(backend))
            .encrypt_inout_detached(nonce.into(), additional, text.into())
            .expect("a record is far below the 16 MiB that CCM can encrypt with this nonce");
        self.tag.copy_from_slice(&sealed);
    }
}

struct Open<'a, M> {
    record: Record<'a>,
    tag: &'a [u8],
    result: &'a mut Result<(), CryptoError>,
    mode: PhantomData<M>,
}

impl<'a, M: Mode> Open<'a, M> {
    fn run(key: &[u8; 16], record: Record<'a>, tag: &'a [u8]) -> Result<(), CryptoError> {
        let mut result = Err(CryptoError::Invalid);
        Aes128Enc::new(key.into()).encrypt_with_backend(Open::<M> {
            record,
            tag,
            result: &mut result,
            mode: PhantomData,
        });
        result
    }
}

impl<M> BlockSizeUser for Open<'_, M> {
    type BlockSize = U16;
}

impl<M: Mode> BlockCipherEncClosure for Open<'_, M> {
    #[inline(always)] // as above
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Record {
            nonce,
            additional,
            text,
        } = self.record;
        let Ok(tag) = self.tag.try_into() else {
            return; // not of the mode's length, so not made by it
        };
        *self.result = M::Over::from(Ready(backend))
            .decrypt_inout_detached(nonce.into(), additional, text.into(), tag)
            .map_err(|_| CryptoError::Invalid);
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
