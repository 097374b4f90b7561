//! The response codes of each operation (Transport 1.2.2, section 6.7). Beside them only codes of class 5 are valid,
//! which a client uses where no code of class 4 fits.

use super::{BootstrapPackRequest, BootstrapRequest, DeviceOperation, RegistrationOperation, Send};
use crate::coap::Code;

impl DeviceOperation {
    /// The codes that may answer it, that of success first (Transport 1.2.2, tables 6.7-3 and 6.7-4); for a bootstrap
    /// server see [`DeviceOperation::bootstrap_answers`].
    pub const fn answers(&self) -> &'static [Code] {
        match self {
            DeviceOperation::Read(_) | DeviceOperation::Observe(_) => &[
                Code::CONTENT,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
                Code::NOT_ACCEPTABLE,
            ],
            DeviceOperation::ReadComposite(_) | DeviceOperation::ObserveComposite(_) => &[
                Code::CONTENT,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
                Code::NOT_ACCEPTABLE,
                Code::UNSUPPORTED_CONTENT_FORMAT,
            ],
            DeviceOperation::Discover(_) => &[
                Code::CONTENT,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
            ],
            DeviceOperation::Write(_) | DeviceOperation::WriteComposite(_) => &[
                Code::CHANGED,
                Code::CONTINUE,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
                Code::NOT_ACCEPTABLE,
                Code::REQUEST_ENTITY_INCOMPLETE,
                Code::REQUEST_ENTITY_TOO_LARGE,
                Code::UNSUPPORTED_CONTENT_FORMAT,
            ],
            DeviceOperation::WriteAttributes(_) | DeviceOperation::Execute(_) => &[
                Code::CHANGED,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
            ],
            DeviceOperation::Create(_) => &[
                Code::CREATED,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
                Code::NOT_ACCEPTABLE,
                Code::UNSUPPORTED_CONTENT_FORMAT,
            ],
            DeviceOperation::Delete(_) => &[
                Code::DELETED,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::NOT_FOUND,
                Code::METHOD_NOT_ALLOWED,
            ],
            DeviceOperation::BootstrapFinish => {
                &[Code::CHANGED, Code::BAD_REQUEST, Code::NOT_ACCEPTABLE]
            }
        }
    }

    /// The codes that may answer it where a bootstrap server asks (Transport 1.2.2, table 6.7-1); those of
    /// [`DeviceOperation::answers`] for what bootstrap does not have.
    pub const fn bootstrap_answers(&self) -> &'static [Code] {
        match self {
            DeviceOperation::Write(_) => &[
                Code::CHANGED,
                Code::BAD_REQUEST,
                Code::UNSUPPORTED_CONTENT_FORMAT,
            ],
            DeviceOperation::Discover(_) => &[Code::CONTENT, Code::BAD_REQUEST, Code::NOT_FOUND],
            DeviceOperation::Delete(_) => &[Code::DELETED, Code::BAD_REQUEST],
            _ => self.answers(),
        }
    }
}

impl RegistrationOperation {
    /// The codes that may answer it, that of success first (Transport 1.2.2, table 6.7-2).
    pub const fn answers(&self) -> &'static [Code] {
        match self {
            RegistrationOperation::Register(_) => &[
                Code::CREATED,
                Code::BAD_REQUEST,
                Code::UNAUTHORIZED,
                Code::FORBIDDEN,
                Code::CONFLICT,
                Code::PRECONDITION_FAILED,
            ],
            RegistrationOperation::Update(_) => {
                &[Code::CHANGED, Code::BAD_REQUEST, Code::NOT_FOUND]
            }
            RegistrationOperation::Deregister(_) => {
                &[Code::DELETED, Code::BAD_REQUEST, Code::NOT_FOUND]
            }
        }
    }
}

impl BootstrapRequest {
    /// The codes that may answer it, that of success first (Transport 1.2.2, table 6.7-1).
    pub const ANSWERS: &'static [Code] = &[
        Code::CHANGED,
        Code::BAD_REQUEST,
        Code::UNSUPPORTED_CONTENT_FORMAT,
    ];
}

impl BootstrapPackRequest {
    /// The codes that may answer it, that of success first; a bootstrap server that has no packs answers 5.01, one
    /// that has but does not give them 4.05 (Transport 1.2.2, table 6.7-1).
    pub const ANSWERS: &'static [Code] = &[
        Code::CONTENT,
        Code::BAD_REQUEST,
        Code::UNAUTHORIZED,
        Code::NOT_FOUND,
        Code::METHOD_NOT_ALLOWED,
        Code::NOT_ACCEPTABLE,
        Code::NOT_IMPLEMENTED,
    ];
}

impl Send {
    /// The codes that may answer it, that of success first (Transport 1.2.2, table 6.7-4).
    pub const ANSWERS: &'static [Code] = &[Code::CHANGED, Code::BAD_REQUEST, Code::NOT_FOUND];
}
