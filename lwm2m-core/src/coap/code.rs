use core::fmt;

/// A message code, `class.detail` (RFC 7252, section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $class:literal, $detail:literal, $text:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code::new($class, $detail);)*

            /// The name of the code in its RFC (RFC 7252, section 12.1); empty where this crate knows none.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                    _ => "",
                }
            }
        }
    };
}

codes! {
    /// 0.00: no code, of messages without content (RFC 7252, section 4.1).
    EMPTY = 0, 0, "Empty";
    /// 0.01: asks for a representation (RFC 7252, section 5.8.1).
    GET = 0, 1, "GET";
    /// 0.02: asks for the enclosed to be processed (RFC 7252, section 5.8.2).
    POST = 0, 2, "POST";
    /// 0.03: asks for a resource to become the enclosed (RFC 7252, section 5.8.3).
    PUT = 0, 3, "PUT";
    /// 0.04: asks for a resource to be removed (RFC 7252, section 5.8.4).
    DELETE = 0, 4, "DELETE";
    /// 0.05: asks for the parts of a representation that the body names (RFC 8132, section 2).
    FETCH = 0, 5, "FETCH";
    /// 0.06: asks for changes that need not bear repetition (RFC 8132, section 3).
    PATCH = 0, 6, "PATCH";
    /// 0.07: asks for changes that bear repetition (RFC 8132, section 3).
    IPATCH = 0, 7, "iPATCH";
    /// 2.01: a resource was made (RFC 7252, section 5.9.1.1).
    CREATED = 2, 1, "Created";
    /// 2.02: a resource is gone (RFC 7252, section 5.9.1.2).
    DELETED = 2, 2, "Deleted";
    /// 2.03: the representation that the ETag names is still right (RFC 7252, section 5.9.1.3).
    VALID = 2, 3, "Valid";
    /// 2.04: a POST, PUT or iPATCH was carried out (RFC 7252, section 5.9.1.4).
    CHANGED = 2, 4, "Changed";
    /// 2.05: a representation (RFC 7252, section 5.9.1.5).
    CONTENT = 2, 5, "Content";
    /// 2.31: a block has come, the next may (RFC 7959, section 2.9.1).
    CONTINUE = 2, 31, "Continue";
    /// 4.00: the request is malformed (RFC 7252, section 5.9.2.1).
    BAD_REQUEST = 4, 0, "Bad Request";
    /// 4.01: the sender may not do this (RFC 7252, section 5.9.2.2).
    UNAUTHORIZED = 4, 1, "Unauthorized";
    /// 4.02: a critical option is not understood (RFC 7252, section 5.9.2.3).
    BAD_OPTION = 4, 2, "Bad Option";
    /// 4.03: the server refuses to do this (RFC 7252, section 5.9.2.4).
    FORBIDDEN = 4, 3, "Forbidden";
    /// 4.04: there is no such resource (RFC 7252, section 5.9.2.5).
    NOT_FOUND = 4, 4, "Not Found";
    /// 4.05: the resource does not take this method (RFC 7252, section 5.9.2.6).
    METHOD_NOT_ALLOWED = 4, 5, "Method Not Allowed";
    /// 4.06: no representation of the format that is asked for (RFC 7252, section 5.9.2.7).
    NOT_ACCEPTABLE = 4, 6, "Not Acceptable";
    /// 4.08: blocks are missing (RFC 7959, section 2.9.2).
    REQUEST_ENTITY_INCOMPLETE = 4, 8, "Request Entity Incomplete";
    /// 4.09: the state of the resource does not bear the request (RFC 8132, section 3.4).
    CONFLICT = 4, 9, "Conflict";
    /// 4.12: a condition of the request is not met (RFC 7252, section 5.9.2.8).
    PRECONDITION_FAILED = 4, 12, "Precondition Failed";
    /// 4.13: the body is too large (RFC 7252, section 5.9.2.9; RFC 7959, section 2.9.3).
    REQUEST_ENTITY_TOO_LARGE = 4, 13, "Request Entity Too Large";
    /// 4.15: the body has a format that is not taken (RFC 7252, section 5.9.2.10).
    UNSUPPORTED_CONTENT_FORMAT = 4, 15, "Unsupported Content-Format";
    /// 4.22: the body is well-formed and cannot be carried out (RFC 8132, section 3.4).
    UNPROCESSABLE_ENTITY = 4, 22, "Unprocessable Entity";
    /// 4.29: to be asked again later (RFC 8516, section 3).
    TOO_MANY_REQUESTS = 4, 29, "Too Many Requests";
    /// 5.00: the server failed (RFC 7252, section 5.9.3.1).
    INTERNAL_SERVER_ERROR = 5, 0, "Internal Server Error";
    /// 5.01: the server does not have this (RFC 7252, section 5.9.3.2).
    NOT_IMPLEMENTED = 5, 1, "Not Implemented";
    /// 5.02: a proxy got an answer that is no good (RFC 7252, section 5.9.3.3).
    BAD_GATEWAY = 5, 2, "Bad Gateway";
    /// 5.03: to be asked again after Max-Age (RFC 7252, section 5.9.3.4).
    SERVICE_UNAVAILABLE = 5, 3, "Service Unavailable";
    /// 5.04: a proxy got no answer in time (RFC 7252, section 5.9.3.5).
    GATEWAY_TIMEOUT = 5, 4, "Gateway Timeout";
    /// 5.05: no proxy for this address (RFC 7252, section 5.9.3.6).
    PROXYING_NOT_SUPPORTED = 5, 5, "Proxying Not Supported";
    /// 5.08: passed on as often as may be (RFC 8768, section 3).
    HOP_LIMIT_REACHED = 5, 8, "Hop Limit Reached";
    /// 7.01: capabilities and settings, over reliable transports only like all of class 7 (RFC 8323, section 5.3).
    CSM = 7, 1, "CSM";
    /// 7.02: asks for a Pong (RFC 8323, section 5.4).
    PING = 7, 2, "Ping";
    /// 7.03: answers a Ping (RFC 8323, section 5.4).
    PONG = 7, 3, "Pong";
    /// 7.04: the connection is to be closed in good order (RFC 8323, section 5.5).
    RELEASE = 7, 4, "Release";
    /// 7.05: the connection is closed for a fault (RFC 8323, section 5.6).
    ABORT = 7, 5, "Abort";
}

impl Code {
    /// `class.detail`; class 0 to 7, detail 0 to 31, higher bits are cut off.
    pub const fn new(class: u8, detail: u8) -> Self {
        Code((class & 0b111) << 5 | (detail & 0b1_1111))
    }

    /// The code of this byte.
    pub const fn from_byte(byte: u8) -> Self {
        Code(byte)
    }

    /// As it stands in a message.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// 0 request or empty, 2 success, 4 client error, 5 server error, 7 signalling (RFC 8323).
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The part behind the dot.
    pub const fn detail(self) -> u8 {
        self.0 & 0b1_1111
    }

    /// 0.01 to 0.31
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.detail() != 0
    }

    /// 2.xx, 4.xx or 5.xx
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2 | 4 | 5)
    }

    /// 7.xx: about the connection, over reliable transports (RFC 8323, section 5).
    pub const fn is_signal(self) -> bool {
        self.class() == 7
    }

    /// 2.xx
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// 4.xx or 5.xx
    pub const fn is_error(self) -> bool {
        matches!(self.class(), 4 | 5)
    }
}

impl fmt::Display for Code {
    /// `4.04 Not Found`, or `4.30` where the name is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())?;
        match self.name() {
            "" => Ok(()),
            name => write!(f, " {name}"),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
