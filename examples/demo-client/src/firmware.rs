//! Where a simulated device keeps a firmware image: a file, written block by block.

use crate::image::{Header, MAX_HEADER};
use lwm2m_client::firmware::{FirmwareError, FirmwareStorage, PackageInfo};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// The largest image that is taken, bytes.
const MAX_IMAGE: u64 = 64 * 1024 * 1024;

/// The flash of a simulated device.
pub(crate) struct FirmwareFile {
    path: PathBuf,
    incoming: Option<Incoming>,
}

struct Incoming {
    file: File,
    length: u64,
    /// The first line as far as it has come, until it is whole.
    line: Vec<u8>,
    header: Option<Header>,
    digest: Sha256,
}

impl FirmwareFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        FirmwareFile {
            path,
            incoming: None,
        }
    }
}

impl Incoming {
    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        self.length += data.len() as u64;
        if self.length > MAX_IMAGE {
            return Err(FirmwareError::NotEnoughStorage);
        }
        self.file.write_all(data).map_err(|error| refused(&error))?;
        if self.header.is_some() {
            self.digest.update(data);
            return Ok(());
        }
        self.line.extend_from_slice(data);
        match self.line.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let header = Header::parse(&self.line[..end]);
                self.header = Some(header.map_err(|_| FirmwareError::UnsupportedPackage)?);
                self.digest.update(&self.line[end + 1..]);
                self.line = Vec::new();
                Ok(())
            }
            None if self.line.len() > MAX_HEADER => Err(FirmwareError::UnsupportedPackage),
            None => Ok(()),
        }
    }
}

impl FirmwareStorage for FirmwareFile {
    fn begin(&mut self, size: Option<u64>) -> Result<(), FirmwareError> {
        self.discard();
        if size.is_some_and(|size| size > MAX_IMAGE) {
            return Err(FirmwareError::NotEnoughStorage);
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| refused(&error))?;
        }
        let file = File::create(&self.path).map_err(|error| refused(&error))?;
        self.incoming = Some(Incoming {
            file,
            length: 0,
            line: Vec::new(),
            header: None,
            digest: Sha256::new(),
        });
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        match &mut self.incoming {
            Some(incoming) => incoming.write(data),
            None => Err(FirmwareError::NotEnoughStorage),
        }
    }

    fn finish(&mut self) -> Result<PackageInfo, FirmwareError> {
        let incoming = self.incoming.take().ok_or(FirmwareError::Integrity)?;
        let header = incoming.header.ok_or(FirmwareError::UnsupportedPackage)?;
        if incoming.digest.finalize()[..] != header.checksum {
            return Err(FirmwareError::Integrity);
        }
        incoming.file.sync_all().map_err(|error| refused(&error))?;
        Ok(PackageInfo {
            name: Some("simulated-device".to_owned()),
            version: Some(header.version),
        })
    }

    fn discard(&mut self) {
        self.incoming = None;
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a firmware image cannot be removed");
        }
    }
}

fn refused(error: &io::Error) -> FirmwareError {
    tracing::warn!(%error, "a firmware image cannot be stored");
    FirmwareError::NotEnoughStorage
}

impl Drop for FirmwareFile {
    fn drop(&mut self) {
        self.discard();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image;

    fn storage(name: &str) -> FirmwareFile {
        let folder = std::env::temp_dir().join(format!("lwm2m-firmware-{}", std::process::id()));
        FirmwareFile::new(folder.join(name))
    }

    fn bring(
        storage: &mut FirmwareFile,
        image: &[u8],
        block: usize,
    ) -> Result<PackageInfo, FirmwareError> {
        storage.begin(Some(image.len() as u64))?;
        for block in image.chunks(block) {
            storage.write(block)?;
        }
        storage.finish()
    }

    #[test]
    fn an_image_comes_in_in_blocks_of_any_size() {
        let image = image::build("3.1.4", 10_000);
        for block in [1, 16, 100, 1024, 10_000] {
            let mut storage = storage(&format!("blocks-{block}"));
            let info = bring(&mut storage, &image, block).unwrap();
            assert_eq!(info.version.as_deref(), Some("3.1.4"));
            assert_eq!(fs::read(&storage.path).unwrap(), image);
        }
    }

    #[test]
    fn damage_and_strangers_are_refused() {
        let mut damaged = image::build("3.1.4", 10_000).to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let mut storage = storage("refused");
        assert_eq!(
            bring(&mut storage, &damaged, 1024),
            Err(FirmwareError::Integrity)
        );
        assert_eq!(
            bring(&mut storage, &[b'x'; 500], 100),
            Err(FirmwareError::UnsupportedPackage)
        );
        assert_eq!(
            bring(&mut storage, b"short", 100),
            Err(FirmwareError::UnsupportedPackage)
        );
        assert_eq!(
            storage.begin(Some(MAX_IMAGE + 1)),
            Err(FirmwareError::NotEnoughStorage)
        );
    }

    #[test]
    fn what_is_discarded_is_gone() {
        let mut storage = storage("discarded");
        bring(&mut storage, &image::build("1", 1000), 64).unwrap();
        storage.discard();
        assert!(!storage.path.exists());
        storage.discard();
    }
}
