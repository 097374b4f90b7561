//! Errors as problem documents (RFC 9457).

use axum::{
    Json,
    extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lwm2m_core::coap::Code;
use serde::Serialize;
use utoipa::ToSchema;

/// A problem document, `application/problem+json`.
///
/// `code` is for programs and stays stable, `detail` is for people and may change.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// Always `about:blank`: the title is the phrase of the HTTP status.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Phrase of the HTTP status.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// What happened, as a stable word for programs.
    #[schema(example = "device-refused")]
    code: &'static str,
    /// What happened, for a person.
    detail: String,
    /// The CoAP response code, where the device answered with an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "4.04")]
    coap_code: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            coap_code: None,
        }
    }

    /// The request is not what this route takes.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// The device answered with an error: the status is the one RFC 8075, section 7 maps the code to.
    pub(crate) fn device_refused(code: Code, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(status_of(code), "device-refused", detail);
        problem.coap_code = Some(format!("{}.{:02}", code.class(), code.detail()));
        problem
    }

    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

/// RFC 8075, section 7, table 2, and the codes that came after it.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BAD_REQUEST | Code::BAD_OPTION | Code::METHOD_NOT_ALLOWED => StatusCode::BAD_REQUEST,
        Code::UNAUTHORIZED | Code::FORBIDDEN => StatusCode::FORBIDDEN,
        Code::NOT_FOUND => StatusCode::NOT_FOUND,
        Code::NOT_ACCEPTABLE => StatusCode::NOT_ACCEPTABLE,
        Code::CONFLICT => StatusCode::CONFLICT,
        Code::PRECONDITION_FAILED => StatusCode::PRECONDITION_FAILED,
        Code::REQUEST_ENTITY_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UNSUPPORTED_CONTENT_FORMAT => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::UNPROCESSABLE_ENTITY => StatusCode::UNPROCESSABLE_ENTITY,
        Code::TOO_MANY_REQUESTS => StatusCode::TOO_MANY_REQUESTS,
        Code::INTERNAL_SERVER_ERROR => StatusCode::INTERNAL_SERVER_ERROR,
        Code::NOT_IMPLEMENTED => StatusCode::NOT_IMPLEMENTED,
        Code::SERVICE_UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        Code::GATEWAY_TIMEOUT => StatusCode::GATEWAY_TIMEOUT,
        other if other.class() == 4 => StatusCode::BAD_REQUEST,
        _ => StatusCode::BAD_GATEWAY,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

macro_rules! from_rejection {
    ($($rejection:ty, $code:literal;)*) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                // Axum answers well-formed JSON of another shape with 422; for this API it is one thing.
                let status = match rejection.status() {
                    StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                    status => status,
                };
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => "too-large",
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
                    _ => $code,
                };
                Problem::new(status, code, rejection.body_text())
            }
        }
    )*};
}

from_rejection! {
    JsonRejection, "bad-json";
    PathRejection, "bad-path";
    QueryRejection, "bad-query";
    BytesRejection, "bad-body";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_error_carries_both_codes() {
        for (code, status, text) in [
            (Code::NOT_FOUND, 404, "4.04"),
            (Code::METHOD_NOT_ALLOWED, 400, "4.05"),
            (Code::UNAUTHORIZED, 403, "4.01"),
            (Code::new(4, 30), 400, "4.30"),
            (Code::new(5, 9), 502, "5.09"),
        ] {
            let problem = Problem::device_refused(code, "no");
            assert_eq!(problem.status, status);
            assert_eq!(problem.coap_code.as_deref(), Some(text));
        }
    }

    #[test]
    fn it_is_a_problem_document() {
        let response = Problem::bad_request("because").into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
