//! The chip on which a device keeps its firmware.

use lwm2m_client::firmware::{FirmwareError, FirmwareStorage, PackageInfo};
use std::sync::{Arc, Mutex};

/// A chip that keeps a firmware image in memory, or fails to.
#[derive(Clone, Default)]
pub struct Flash {
    image: Arc<Mutex<Vec<u8>>>,
    /// Why it takes no image, if it does not: found out with the first block, or when it is whole.
    pub fault: Option<(Moment, FirmwareError)>,
}

/// When a [`Flash`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While the image comes in.
    Writing,
    /// When it is complete.
    Finishing,
}

impl Flash {
    /// What is stored.
    pub fn image(&self) -> Vec<u8> {
        self.image.lock().unwrap().clone()
    }

    fn fault_at(&self, moment: Moment) -> Result<(), FirmwareError> {
        match self.fault {
            Some((at, error)) if at == moment => Err(error),
            _ => Ok(()),
        }
    }
}

impl FirmwareStorage for Flash {
    fn begin(&mut self, _: Option<u64>) -> Result<(), FirmwareError> {
        self.discard();
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        self.fault_at(Moment::Writing)?;
        self.image.lock().unwrap().extend_from_slice(data);
        Ok(())
    }

    fn finish(&mut self) -> Result<PackageInfo, FirmwareError> {
        self.fault_at(Moment::Finishing)?;
        Ok(PackageInfo::default())
    }

    fn discard(&mut self) {
        self.image.lock().unwrap().clear();
    }
}
