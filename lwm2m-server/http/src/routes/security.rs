//! The credentials of endpoints. Keys go in and never come out.

use crate::{
    HttpState,
    extract::{ApiPath, SecretJson},
    json::HexSecret,
    problem::Problem,
};
use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_server::{CertificateMatch, Credential, EndpointCredential, Role, SecurityError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The credentials of an endpoint, without keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credentials {
    /// Endpoint name.
    endpoint: String,
    /// What it may prove itself with.
    credentials: Vec<CredentialForm>,
}

/// For which server a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleForm {
    /// The LwM2M server.
    Server,
    /// The bootstrap server.
    Bootstrap,
}

/// The kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CredentialKind {
    /// A pre-shared key.
    Psk,
    /// A raw public key.
    RawPublicKey,
    /// A certificate.
    Certificate,
}

/// One credential.
///
/// `psk`: `identity` (or `identityHex` where it is no text) and `key`. `raw-public-key`: `publicKey`. `certificate`:
/// `name` that must be its common name or one of its alternative names, or `certificate`, or neither: then the endpoint
/// name is that name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CredentialForm {
    /// For which server.
    role: RoleForm,
    /// What it is.
    #[serde(rename = "type")]
    kind: CredentialKind,
    /// PSK identity, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "device-1")]
    identity: Option<String>,
    /// PSK identity, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_hex: Option<String>,
    /// The key, as hexadecimal digits. Never shown; without it, the key that is known for this identity stays.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    key: Option<HexSecret>,
    /// The raw public key: SubjectPublicKeyInfo (P-256), DER as padded Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Name in the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The certificate, DER as padded Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

/// Credentials to put in place of those an endpoint has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialsForm {
    /// All of them: what is not here is removed, and its sessions end.
    credentials: Vec<CredentialForm>,
}

impl From<RoleForm> for Role {
    fn from(role: RoleForm) -> Self {
        match role {
            RoleForm::Server => Role::Server,
            RoleForm::Bootstrap => Role::Bootstrap,
        }
    }
}

impl CredentialForm {
    fn shown(entry: &EndpointCredential) -> Option<Self> {
        let role = match entry.role {
            Role::Server => RoleForm::Server,
            Role::Bootstrap => RoleForm::Bootstrap,
        };
        let mut form = CredentialForm {
            role,
            kind: CredentialKind::Certificate,
            identity: None,
            identity_hex: None,
            key: None,
            public_key: None,
            name: None,
            certificate: None,
        };
        match &entry.credential {
            Credential::Psk { identity, .. } => {
                form.kind = CredentialKind::Psk;
                (form.identity, form.identity_hex) = shown_identity(identity);
            }
            Credential::RawPublicKey { public_key } => {
                form.kind = CredentialKind::RawPublicKey;
                form.public_key = Some(STANDARD.encode(public_key));
            }
            Credential::Certificate(CertificateMatch::EndpointName) => {}
            Credential::Certificate(CertificateMatch::Name(name)) => form.name = Some(name.clone()),
            Credential::Certificate(CertificateMatch::Pinned(der)) => {
                form.certificate = Some(STANDARD.encode(der));
            }
            _ => return None,
        }
        Some(form)
    }

    /// The credential; a key that is not said is taken from `known`.
    fn into_credential(self, known: &[EndpointCredential]) -> Result<EndpointCredential, Problem> {
        let role = self.role.into();
        let psk = self.identity.is_some() || self.identity_hex.is_some() || self.key.is_some();
        let raw_public_key = self.public_key.is_some();
        let certificate = self.name.is_some() || self.certificate.is_some();
        let credential = match self.kind {
            CredentialKind::Psk => {
                let identity = identity_bytes(self.identity, self.identity_hex)?;
                if raw_public_key || certificate {
                    return Err(Problem::bad_request(
                        "a psk has identity and key, no publicKey, name or certificate",
                    ));
                }
                let same = |entry: &EndpointCredential| match &entry.credential {
                    Credential::Psk {
                        identity: other,
                        key,
                    } if entry.role == role && *other == identity => Some(key.clone()),
                    _ => None,
                };
                let key = match self.key {
                    Some(HexSecret(key)) => Some(key),
                    None => known.iter().find_map(same),
                };
                let key = key.ok_or_else(|| {
                    Problem::bad_request("key: none is known for this identity, so one is needed")
                })?;
                Credential::Psk { identity, key }
            }
            CredentialKind::RawPublicKey => {
                let text = self.public_key.filter(|_| !psk && !certificate);
                let text = text.ok_or_else(|| {
                    Problem::bad_request("a raw-public-key has publicKey, and nothing else")
                })?;
                Credential::raw_public_key(der("publicKey", text)?)
            }
            CredentialKind::Certificate => {
                if psk || raw_public_key {
                    return Err(Problem::bad_request(
                        "a certificate has name or certificate, no identity, key or publicKey",
                    ));
                }
                Credential::Certificate(match (self.name, self.certificate) {
                    (None, None) => CertificateMatch::EndpointName,
                    (Some(name), None) => CertificateMatch::Name(name),
                    (None, Some(text)) => CertificateMatch::Pinned(der("certificate", text)?),
                    (Some(_), Some(_)) => {
                        return Err(Problem::bad_request(
                            "a certificate is known by name or by itself, not both",
                        ));
                    }
                })
            }
        };
        Ok(EndpointCredential { role, credential })
    }
}

/// What stands as padded Base64 in the field `name`.
pub(crate) fn der(name: &str, text: String) -> Result<Vec<u8>, Problem> {
    STANDARD
        .decode(text)
        .map_err(|error| Problem::bad_request(format!("{name}: no Base64: {error}")))
}

/// A PSK identity as text where it is text, else as hexadecimal digits.
pub(crate) fn shown_identity(identity: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(identity) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(hex::encode(identity))),
    }
}

/// A PSK identity from text or hexadecimal digits.
pub(crate) fn identity_bytes(
    text: Option<String>,
    digits: Option<String>,
) -> Result<Vec<u8>, Problem> {
    match (text, digits) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(digits)) => hex::decode(digits)
            .map_err(|error| Problem::bad_request(format!("identityHex: {error}"))),
        _ => Err(Problem::bad_request(
            "a psk has either identity or identityHex",
        )),
    }
}

/// The credentials of an endpoint, without keys.
#[utoipa::path(
    get, path = "/api/security/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    responses(
        (status = 200, body = Credentials),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It has none"),
    ),
)]
pub(crate) async fn read(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
) -> Result<Json<Credentials>, Problem> {
    let known = state.server().security().credentials(&endpoint);
    if known.is_empty() {
        return Err(no_credentials(&endpoint));
    }
    Ok(Json(Credentials {
        endpoint,
        credentials: known.iter().filter_map(CredentialForm::shown).collect(),
    }))
}

/// Puts credentials in place of all that an endpoint has. Sessions that rest on what is removed end at once.
#[utoipa::path(
    put, path = "/api/security/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = CredentialsForm,
    responses(
        (status = 204, description = "Set"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another credential has the same PSK identity, public key, name or certificate"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replace(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    SecretJson(form): SecretJson<CredentialsForm>,
) -> Result<StatusCode, Problem> {
    let store = state.server().security();
    let known = store.credentials(&endpoint);
    let credentials = (form.credentials.into_iter())
        .map(|form| form.into_credential(&known))
        .collect::<Result<Vec<_>, _>>()?;
    store.set(&endpoint, credentials).map_err(|error| {
        let status = match error {
            SecurityError::Taken => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, "bad-credentials", error.to_string())
    })?;
    tracing::info!(endpoint, "credentials set");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes all credentials of an endpoint and ends its sessions.
#[utoipa::path(
    delete, path = "/api/security/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It has none"),
    ),
)]
pub(crate) async fn remove(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    if !state.server().security().remove(&endpoint) {
        return Err(no_credentials(&endpoint));
    }
    tracing::info!(endpoint, "credentials removed");
    Ok(StatusCode::NO_CONTENT)
}

fn no_credentials(endpoint: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-credentials",
        format!("{endpoint} has no credentials"),
    )
}
