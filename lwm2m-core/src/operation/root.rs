//! Alternate paths: the object tree of a client may stand below a root other than `/` (Transport 1.2.2, section
//! 6.4.1), and below a prefix where a gateway speaks for a device (Gateway 1.1.1, section 10).

use crate::coap::{OptionNumber, Request, option};

/// The same request with these segments before its path: what a server sends to a client whose registration has a
/// root. Requests of a bootstrap server are never changed so.
#[must_use]
pub fn below_root(mut request: Request, root: &[impl AsRef<str>]) -> Request {
    let path = take(&mut request, option::URI_PATH);
    for segment in root {
        let segment = segment.as_ref().as_bytes();
        request.options.push(option::URI_PATH, segment);
    }
    for segment in path {
        request.options.push(option::URI_PATH, &segment);
    }
    request
}

/// The same request without these segments before its path: what a client with a root reads. `None` where the path
/// does not lie below the root.
#[must_use]
pub fn strip_root(mut request: Request, root: &[impl AsRef<str>]) -> Option<Request> {
    let mut path = take(&mut request, option::URI_PATH).into_iter();
    for segment in root {
        if path.next()? != segment.as_ref().as_bytes() {
            return None;
        }
    }
    for segment in path {
        request.options.push(option::URI_PATH, &segment);
    }
    Some(request)
}

fn take(request: &mut Request, number: OptionNumber) -> alloc::vec::Vec<alloc::vec::Vec<u8>> {
    let values = request.options.all(number).map(<[u8]>::to_vec).collect();
    request.options.remove(number);
    values
}
