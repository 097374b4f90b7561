//! Documents that requests read and change.
//!
//! | method | does | success |
//! |---|---|---|
//! | GET | reads the document | 2.05, or 2.03 where the ETag is known |
//! | FETCH | reads the bytes that the body names, as `FROM-TO`, the last included | 2.05 |
//! | PUT | replaces the document, or makes it | 2.04, 2.01 |
//! | POST | appends to the document, or makes it | 2.04, 2.01 |
//! | iPATCH | replaces the beginning of the document by the body | 2.04 |
//! | DELETE | removes the document | 2.02 |

use bytes::Bytes;
use lwm2m_core::coap::{Code, Request, Response, option};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
};

/// A document.
#[derive(Debug, Clone, Default, PartialEq)]
struct Document {
    format: Option<u16>,
    body: Bytes,
}

impl Document {
    fn entity_tag(&self) -> [u8; 8] {
        let mut hasher = DefaultHasher::new();
        hasher.write_u32(self.format.map_or(u32::MAX, u32::from));
        hasher.write(&self.body);
        hasher.finish().to_be_bytes()
    }

    fn content(&self, body: Bytes) -> Response {
        let mut response = Response::new(Code::CONTENT);
        if let Some(format) = self.format {
            response = response.body(format, Bytes::new());
        }
        response.payload = body;
        response
    }
}

/// Documents by name.
pub(crate) struct Store {
    documents: BTreeMap<String, Document>,
    /// How many there may be; one more is answered 5.03.
    max_documents: usize,
    /// How large one may be, bytes; a larger one is answered 4.13.
    max_size: usize,
}

/// The answer to a request, and whether the document has changed by it.
pub(crate) struct Handled {
    pub(crate) response: Response,
    pub(crate) changed: bool,
}

impl Store {
    /// No documents yet.
    pub(crate) fn new(max_documents: usize, max_size: usize) -> Self {
        Store {
            documents: BTreeMap::new(),
            max_documents,
            max_size,
        }
    }

    /// Names of all documents.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// Carries out a request on one document.
    pub(crate) fn handle(&mut self, name: &str, request: &Request) -> Handled {
        let done = match request.code {
            Code::GET => self.get(name, request),
            Code::FETCH => self.fetch(name, request),
            _ => {
                let changed = self.change(name, request);
                return match changed {
                    Ok(code) => Handled {
                        response: Response::new(code),
                        changed: true,
                    },
                    Err(response) => Handled {
                        response,
                        changed: false,
                    },
                };
            }
        };
        Handled {
            response: done.unwrap_or_else(|refusal| refusal),
            changed: false,
        }
    }

    /// The document as a notification shows it; 4.04 where it is gone.
    pub(crate) fn representation(&self, name: &str) -> Response {
        match self.documents.get(name) {
            Some(document) => with_tag(document, document.content(document.body.clone())),
            None => Response::new(Code::NOT_FOUND),
        }
    }

    fn get(&self, name: &str, request: &Request) -> Result<Response, Response> {
        let document = self.acceptable(name, request)?;
        let tag = document.entity_tag();
        if request.options.all(option::ETAG).any(|known| known == tag) {
            return Ok(with_tag(document, Response::new(Code::VALID)));
        }
        Ok(self.representation(name))
    }

    fn fetch(&self, name: &str, request: &Request) -> Result<Response, Response> {
        let document = self.acceptable(name, request)?;
        if request.options.content_format().is_some_and(|it| it != 0) {
            return Err(Response::new(Code::UNSUPPORTED_CONTENT_FORMAT));
        }
        let range = range(&request.payload).ok_or_else(|| {
            Response::new(Code::BAD_REQUEST).diagnostic("the body says FROM-TO, in bytes")
        })?;
        // Like a file: what lies behind the end is not there.
        let end = document.body.len();
        let range = range.0.min(end)..range.1.saturating_add(1).min(end);
        Ok(document.content(document.body.slice(range)))
    }

    fn acceptable(&self, name: &str, request: &Request) -> Result<&Document, Response> {
        let document = self.documents.get(name);
        let document = document.ok_or(Response::new(Code::NOT_FOUND))?;
        let accepted = request.options.accept();
        match accepted.is_none_or(|accepted| document.format == Some(accepted)) {
            true => Ok(document),
            false => Err(Response::new(Code::NOT_ACCEPTABLE)),
        }
    }

    fn change(&mut self, name: &str, request: &Request) -> Result<Code, Response> {
        let (code, options) = (request.code, &request.options);
        let known = self.documents.get(name);
        if ![Code::PUT, Code::POST, Code::IPATCH, Code::DELETE].contains(&code) {
            return Err(Response::new(Code::METHOD_NOT_ALLOWED));
        }
        // RFC 7252, section 5.10.8.
        let matches = |tag: &[u8]| known.is_some_and(|it| tag.is_empty() || tag == it.entity_tag());
        let wanted =
            !options.contains(option::IF_MATCH) || options.all(option::IF_MATCH).any(matches);
        if !wanted || options.contains(option::IF_NONE_MATCH) && known.is_some() {
            return Err(Response::new(Code::PRECONDITION_FAILED));
        }
        if code == Code::DELETE {
            // What is not there has been deleted already (RFC 7252, section 5.8.4).
            self.documents.remove(name);
            return Ok(Code::DELETED);
        }
        let old = known.map_or(&[][..], |document| &document.body);
        let body = match (code, known) {
            (Code::PUT, _) => request.payload.clone(),
            (Code::IPATCH, None) => return Err(Response::new(Code::NOT_FOUND)),
            (Code::IPATCH, _) => {
                let rest = old.get(request.payload.len()..).unwrap_or_default();
                [&request.payload, rest].concat().into()
            }
            _ => [old, &request.payload].concat().into(),
        };
        if body.len() > self.max_size {
            return Err(Response::new(Code::REQUEST_ENTITY_TOO_LARGE));
        }
        let created = known.is_none();
        if created && self.documents.len() >= self.max_documents {
            return Err(Response::new(Code::SERVICE_UNAVAILABLE));
        }
        let format = match (code, known) {
            (Code::PUT, _) | (_, None) => options.content_format(),
            (_, Some(document)) => document.format,
        };
        self.documents
            .insert(name.to_owned(), Document { format, body });
        Ok(match created {
            true => Code::CREATED,
            false => Code::CHANGED,
        })
    }
}

fn with_tag(document: &Document, mut response: Response) -> Response {
    response.options.set(option::ETAG, &document.entity_tag());
    response
}

/// First and last byte.
fn range(text: &[u8]) -> Option<(usize, usize)> {
    let (from, to) = str::from_utf8(text).ok()?.split_once('-')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(store: &mut Store, code: Code, body: &str) -> (Code, Vec<u8>) {
        let request = Request::new(code).body(0, body.to_owned());
        let response = store.handle("a", &request).response;
        (response.code, response.payload.to_vec())
    }

    #[test]
    fn every_method() {
        let mut store = Store::new(1, 10);
        let mut check = |code, body, answer, content: &str| {
            let expected = (answer, content.as_bytes().to_vec());
            assert_eq!(ask(&mut store, code, body), expected, "{code:?} {body}");
        };
        check(Code::GET, "", Code::NOT_FOUND, "");
        check(Code::IPATCH, "x", Code::NOT_FOUND, "");
        check(Code::PUT, "hello", Code::CREATED, "");
        check(Code::POST, " you", Code::CHANGED, "");
        check(Code::GET, "", Code::CONTENT, "hello you");
        check(Code::IPATCH, "HE", Code::CHANGED, "");
        check(Code::IPATCH, "HE", Code::CHANGED, "");
        check(Code::FETCH, "0-3", Code::CONTENT, "HEll");
        check(Code::FETCH, "5-99", Code::CONTENT, " you");
        check(Code::FETCH, "90-99", Code::CONTENT, "");
        for wrong in ["", "3", "3-2", "a-b"] {
            let request = Request::new(Code::FETCH).body(0, wrong);
            assert_eq!(
                store_code(&mut store_with("hello"), &request),
                Code::BAD_REQUEST
            );
        }
        check(Code::POST, "too much", Code::REQUEST_ENTITY_TOO_LARGE, "");
        check(Code::PATCH, "x", Code::METHOD_NOT_ALLOWED, "");
        check(Code::PUT, "new", Code::CHANGED, "");
        check(Code::DELETE, "", Code::DELETED, "");
        check(Code::DELETE, "", Code::DELETED, "");
        check(Code::GET, "", Code::NOT_FOUND, "");
    }

    fn store_with(body: &'static str) -> Store {
        let mut store = Store::new(1, 10);
        store.handle("a", &Request::new(Code::PUT).body(0, body));
        store
    }

    fn store_code(store: &mut Store, request: &Request) -> Code {
        store.handle("a", request).response.code
    }

    #[test]
    fn conditions_and_formats() {
        let mut store = store_with("hello");
        let get = Request::new(Code::GET);
        let tag = store
            .representation("a")
            .options
            .first(option::ETAG)
            .unwrap()
            .to_vec();
        let mut known = get.clone();
        known.options.push(option::ETAG, &tag);
        assert_eq!(store_code(&mut store, &known), Code::VALID);
        let accepts = |format| get.clone().uint_option(option::ACCEPT, format);
        assert_eq!(store_code(&mut store, &accepts(0)), Code::CONTENT);
        assert_eq!(store_code(&mut store, &accepts(60)), Code::NOT_ACCEPTABLE);
        let put = |number, value: &[u8]| {
            let mut put = Request::new(Code::PUT).body(0, "other");
            put.options.push(number, value);
            put
        };
        let failed = Code::PRECONDITION_FAILED;
        assert_eq!(
            store_code(&mut store, &put(option::IF_NONE_MATCH, b"")),
            failed
        );
        assert_eq!(store_code(&mut store, &put(option::IF_MATCH, b"x")), failed);
        assert_eq!(
            store_code(&mut store, &put(option::IF_MATCH, &tag)),
            Code::CHANGED
        );
        assert_eq!(store_code(&mut store, &put(option::IF_MATCH, &tag)), failed);
        let other = Request::new(Code::PUT);
        let full = store.handle("b", &other).response.code;
        assert_eq!(full, Code::SERVICE_UNAVAILABLE);
    }
}
