use core::fmt;

/// A message code, `class.detail` (RFC 7252, section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $class:literal, $detail:literal, $text:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code::new($class, $detail);)*

            /// The name of the code in its RFC; empty where this crate knows none.
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
    /// 0.00
    EMPTY = 0, 0, "Empty";
    /// 0.01
    GET = 0, 1, "GET";
    /// 0.02
    POST = 0, 2, "POST";
    /// 0.03
    PUT = 0, 3, "PUT";
    /// 0.04
    DELETE = 0, 4, "DELETE";
    /// 0.05 (RFC 8132)
    FETCH = 0, 5, "FETCH";
    /// 0.06 (RFC 8132)
    PATCH = 0, 6, "PATCH";
    /// 0.07 (RFC 8132)
    IPATCH = 0, 7, "iPATCH";
    /// 2.01
    CREATED = 2, 1, "Created";
    /// 2.02
    DELETED = 2, 2, "Deleted";
    /// 2.03
    VALID = 2, 3, "Valid";
    /// 2.04
    CHANGED = 2, 4, "Changed";
    /// 2.05
    CONTENT = 2, 5, "Content";
    /// 2.31 (RFC 7959)
    CONTINUE = 2, 31, "Continue";
    /// 4.00
    BAD_REQUEST = 4, 0, "Bad Request";
    /// 4.01
    UNAUTHORIZED = 4, 1, "Unauthorized";
    /// 4.02
    BAD_OPTION = 4, 2, "Bad Option";
    /// 4.03
    FORBIDDEN = 4, 3, "Forbidden";
    /// 4.04
    NOT_FOUND = 4, 4, "Not Found";
    /// 4.05
    METHOD_NOT_ALLOWED = 4, 5, "Method Not Allowed";
    /// 4.06
    NOT_ACCEPTABLE = 4, 6, "Not Acceptable";
    /// 4.08 (RFC 7959)
    REQUEST_ENTITY_INCOMPLETE = 4, 8, "Request Entity Incomplete";
    /// 4.09 (RFC 8132)
    CONFLICT = 4, 9, "Conflict";
    /// 4.12
    PRECONDITION_FAILED = 4, 12, "Precondition Failed";
    /// 4.13
    REQUEST_ENTITY_TOO_LARGE = 4, 13, "Request Entity Too Large";
    /// 4.15
    UNSUPPORTED_CONTENT_FORMAT = 4, 15, "Unsupported Content-Format";
    /// 4.22 (RFC 8132)
    UNPROCESSABLE_ENTITY = 4, 22, "Unprocessable Entity";
    /// 4.29 (RFC 8516)
    TOO_MANY_REQUESTS = 4, 29, "Too Many Requests";
    /// 5.00
    INTERNAL_SERVER_ERROR = 5, 0, "Internal Server Error";
    /// 5.01
    NOT_IMPLEMENTED = 5, 1, "Not Implemented";
    /// 5.02
    BAD_GATEWAY = 5, 2, "Bad Gateway";
    /// 5.03
    SERVICE_UNAVAILABLE = 5, 3, "Service Unavailable";
    /// 5.04
    GATEWAY_TIMEOUT = 5, 4, "Gateway Timeout";
    /// 5.05
    PROXYING_NOT_SUPPORTED = 5, 5, "Proxying Not Supported";
    /// 5.08 (RFC 8768)
    HOP_LIMIT_REACHED = 5, 8, "Hop Limit Reached";
    /// 7.01 (RFC 8323), over reliable transports only like all of class 7
    CSM = 7, 1, "CSM";
    /// 7.02 (RFC 8323)
    PING = 7, 2, "Ping";
    /// 7.03 (RFC 8323)
    PONG = 7, 3, "Pong";
    /// 7.04 (RFC 8323)
    RELEASE = 7, 4, "Release";
    /// 7.05 (RFC 8323)
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
