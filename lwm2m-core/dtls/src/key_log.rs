//! Secrets for those who look at traffic of their own: the key log that Wireshark reads.

use crate::crypto::prf::MasterSecret;
use alloc::string::String;
use core::fmt::{self, Write};
use zeroize::Zeroizing;

/// Hears the master secret of every handshake. Whoever reads it can read and forge every record of the session, and of
/// every session that takes it up again.
pub trait KeyLog: fmt::Debug + Send + Sync {
    /// One line of a key log in the form of NSS, `CLIENT_RANDOM <random> <master secret>`, without its end.
    fn line(&self, line: &str);
}

/// The line of a handshake, wiped when dropped.
pub(crate) fn line(client_random: &[u8; 32], master: &MasterSecret) -> Zeroizing<String> {
    // All at once: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(String::with_capacity(192));
    line.push_str("CLIENT_RANDOM ");
    put_hex(&mut line, client_random);
    line.push(' ');
    put_hex(&mut line, master.expose_secret());
    line
}

fn put_hex(to: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(to, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_random_and_secret_in_hexadecimal_digits() {
        let line = line(&[0xa1; 32], &MasterSecret::from_bytes([0x0f; 48]));
        let expected = ["CLIENT_RANDOM ", &"a1".repeat(32), " ", &"0f".repeat(48)].concat();
        assert_eq!(**line, expected);
        assert!(line.capacity() <= 192, "it has not grown");
    }
}
