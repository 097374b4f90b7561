//! Extractors that refuse with a [`Problem`].

use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// Percent-decoded parts of the path.
pub(crate) struct ApiPath<T>(pub(crate) T);

/// Query arguments.
pub(crate) struct ApiQuery<T>(pub(crate) T);

/// A JSON body; its content type must say so, which a form of another web page cannot.
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await?;
        Ok(ApiPath(value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await?;
        Ok(ApiQuery(value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(value) = Json::from_request(request, state).await?;
        Ok(ApiJson(value))
    }
}

/// As [`ApiJson`], for bodies that hold keys: what is wrong is said without repeating what came, even where a key
/// stands in a wrong place. (Axum repeats it, in its answer and in its trace log.)
pub(crate) struct SecretJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for SecretJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if media_type(request.headers()) != "application/json" {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "the body is to be application/json",
            ));
        }
        let body = Bytes::from_request(request, state).await?;
        serde_json::from_slice(&body)
            .map(SecretJson)
            .map_err(|error| {
                let text = without_values(&error.to_string());
                Problem::new(StatusCode::BAD_REQUEST, "bad-json", text)
            })
    }
}

/// The part of an error of serde that comes from the types, not from the input.
fn without_values(error: &str) -> String {
    let safe = ["missing field", "a key is", "a private key is"];
    // The last one: what came may hold these words too.
    match error.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None if safe.iter().any(|start| error.starts_with(start)) => error.to_owned(),
        None => match error.rsplit_once(" at line ") {
            Some((_, place)) => format!("malformed at line {place}"),
            None => "malformed".to_owned(),
        },
    }
}

/// The media type of a body without its parameters, as it was written.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    text.split(';').next().unwrap_or("").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_serde_without_values() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            #[allow(dead_code)]
            role: Role,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Role {
            Server,
        }
        for (body, said) in [
            (r#"{"role": "5ec2e7"}"#, "expected `server` at line 1"),
            (r#"{"5ec2e7": 1}"#, "expected `role` at line 1"),
            (r#"["5ec2e7"]"#, "expected `server`"),
            (r#""5ec2e7""#, "expected struct Form"),
            (
                r#"{"role": "x, expected 5ec2e7"}"#,
                "expected `server` at line 1",
            ),
            (r#"{"role": 52727}"#, "malformed at line 1"),
            ("{}", "missing field `role`"),
            (
                r#"{"role": "server", "role": "server"}"#,
                "malformed at line 1",
            ),
            (r#"{"role": "#, "malformed at line 1"),
        ] {
            let error = serde_json::from_str::<Form>(body).unwrap_err().to_string();
            let text = without_values(&error);
            assert!(text.starts_with(said), "{text}");
            assert!(
                !text.contains("5ec2e7") && !text.contains("52727"),
                "{text}"
            );
        }
        assert!(matches!(
            serde_json::from_str(r#"{"role": "server"}"#),
            Ok(Form { role: Role::Server })
        ));
    }
}
