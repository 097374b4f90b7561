//! Firmware images for simulated devices: one line of text that says version and checksum, then the body.
//!
//! ```text
//! LWM2M-DEMO-FIRMWARE 2.0.0 9f86d081884c7d65...\n
//! <body, any bytes>
//! ```
//!
//! The checksum is the SHA-256 of the body in hexadecimal digits. It finds damage; it proves no origin.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// What every image begins with.
pub const MAGIC: &str = "LWM2M-DEMO-FIRMWARE";

/// The longest first line that is read, bytes, its end included.
pub const MAX_HEADER: usize = 160;

/// The longest version that is taken, bytes.
const MAX_VERSION: usize = 64;

/// The first line of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version of the firmware in the image.
    pub version: String,
    /// SHA-256 of the body.
    pub checksum: [u8; 32],
}

/// The bytes are no image for a simulated device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an image for a simulated device: the first line is malformed")]
pub struct NotAnImage;

impl Header {
    /// Reads the first line, without its end.
    ///
    /// # Errors
    /// Anything but magic, version and checksum with a space between.
    pub fn parse(line: &[u8]) -> Result<Self, NotAnImage> {
        let text = std::str::from_utf8(line).map_err(|_| NotAnImage)?;
        let mut words = text.split(' ');
        let (Some(MAGIC), Some(version), Some(checksum), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(NotAnImage);
        };
        if version.is_empty() || version.len() > MAX_VERSION {
            return Err(NotAnImage);
        }
        let mut header = Header {
            version: version.to_owned(),
            checksum: [0; 32],
        };
        hex::decode_to_slice(checksum, &mut header.checksum).map_err(|_| NotAnImage)?;
        Ok(header)
    }
}

/// Makes an image of `size` bytes in all (or of a first line alone, where `size` is smaller), with a body that does not
/// repeat.
pub fn build(version: &str, size: usize) -> Bytes {
    let first_line = |checksum: &str| format!("{MAGIC} {version} {checksum}\n");
    let first_line_length = first_line(&hex::encode([0; 32])).len();
    // A linear congruential generator: the same image for the same version and size, on every machine.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let body: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(size.saturating_sub(first_line_length))
    .collect();
    let mut image = first_line(&hex::encode(Sha256::digest(&body))).into_bytes();
    image.extend_from_slice(&body);
    image.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_image_has_a_true_header() {
        let image = build("2.0.0", 4096);
        assert_eq!(image.len(), 4096);
        let end = image.iter().position(|byte| *byte == b'\n').unwrap();
        let header = Header::parse(&image[..end]).unwrap();
        assert_eq!(header.version, "2.0.0");
        assert_eq!(header.checksum[..], Sha256::digest(&image[end + 1..])[..]);
        assert!(end < MAX_HEADER);
    }

    #[test]
    fn other_first_lines_are_refused() {
        let checksum = "0".repeat(64);
        for line in [
            String::new(),
            MAGIC.to_owned(),
            format!("{MAGIC} 1.0"),
            format!("{MAGIC}  {checksum}"),
            format!("{MAGIC} 1.0 {checksum} more"),
            format!("{MAGIC} 1.0 {}", &checksum[1..]),
            format!("{MAGIC} {} {checksum}", "1".repeat(65)),
            format!("OTHER 1.0 {checksum}"),
        ] {
            assert_eq!(Header::parse(line.as_bytes()), Err(NotAnImage), "{line}");
        }
        assert_eq!(Header::parse(&[0xFF, 0xFE]), Err(NotAnImage));
    }
}
