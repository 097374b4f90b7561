//! Alternate paths: the object tree of a client may stand below a root other than `/` (Transport 1.2.2, section
//! 6.4.1), and below a prefix where a gateway speaks for a device (Gateway 1.1.1, section 10).

use super::DeviceOperation;
use crate::{
    coap::{Request, option},
    link::root_segments,
};
use alloc::vec::Vec;
use bytes::Bytes;

/// The same request with these segments before its path: what a server sends to a client whose registration has a root
/// (Transport 1.2.2, section 6.4.1). Requests of a bootstrap server are never changed so.
#[must_use]
pub fn below_root(mut request: Request, root: &[impl AsRef<str>]) -> Request {
    let segments = root.iter().map(|segment| segment.as_ref().as_bytes());
    let path: Vec<Bytes> = segments
        .map(Bytes::copy_from_slice)
        .chain(request.options.all_shared(option::URI_PATH).cloned())
        .collect();
    request.options.set_all(option::URI_PATH, path);
    request
}

/// The same request without these segments before its path: what a client with a root reads (Transport 1.2.2, section
/// 6.4.1). `None` where the path does not lie below the root.
#[must_use]
pub fn strip_root(mut request: Request, root: &[impl AsRef<str>]) -> Option<Request> {
    let mut path = request.options.all_shared(option::URI_PATH);
    for segment in root {
        if path.next()? != segment.as_ref().as_bytes() {
            return None;
        }
    }
    let path: Vec<Bytes> = path.cloned().collect();
    request.options.set_all(option::URI_PATH, path);
    Some(request)
}

impl DeviceOperation {
    /// As CoAP, to a client whose object tree stands below `root` (`/lwm2m`, as
    /// [`SupportedObjects::root`](crate::link::SupportedObjects::root) gives it): before the path, and before the
    /// paths of a composite request. Values have to be encoded so by who encodes them
    /// ([`Codec::below`](crate::content::Codec::below)). A bootstrap server uses
    /// [`DeviceOperation::to_request`], whatever the root.
    pub fn to_request_below(&self, root: &str) -> Request {
        let request = match self {
            DeviceOperation::BootstrapFinish => return self.to_request(),
            DeviceOperation::ReadComposite(read) => read.request_with_names_below(root),
            DeviceOperation::ObserveComposite(observe) => observe.request_with_names_below(root),
            _ => self.to_request(),
        };
        below_root(request, &root_segments(root))
    }
}
