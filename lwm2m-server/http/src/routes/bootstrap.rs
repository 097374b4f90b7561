//! What endpoints are given by the bootstrap server. Keys, and all values beside the accounts, go in and never come
//! out.

use super::security::{der, identity_bytes, shown_identity};
use crate::{
    HttpState,
    extract::{ApiPath, SecretJson},
    json::{Base64Secret, EntryInput, HexSecret, WriteForm, json_value},
    problem::Problem,
};
use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{engine::CertificateUsage, path::Path, uri::ServerUri};
use lwm2m_server::bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use utoipa::ToSchema;

/// What an endpoint is given, without keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BootstrapShown {
    /// Endpoint name.
    endpoint: String,
    /// What is deleted before anything is written.
    #[schema(value_type = Vec<String>)]
    deletes: Vec<Path>,
    /// The accounts, without keys.
    accounts: Vec<AccountForm>,
    /// Where further values are written; the values themselves may be secrets and are not shown.
    #[schema(value_type = Vec<String>)]
    extra: Vec<Path>,
}

/// What an endpoint shall be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BootstrapForm {
    /// What is deleted before anything is written; without, `/0` and `/1`.
    #[schema(value_type = Option<Vec<String>>)]
    deletes: Option<Vec<Path>>,
    /// The accounts.
    accounts: Vec<AccountForm>,
    /// Values of other objects.
    #[serde(default)]
    extra: Vec<EntryInput>,
}

/// An account at a server: an instance of /0 and one of /1.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountForm {
    /// The server's number at the device, 1 to 65534.
    #[schema(example = 1)]
    short_server_id: u16,
    /// Instance of /0. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_instance: Option<u16>,
    /// Instance of /1. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_instance: Option<u16>,
    /// Address of the server.
    #[schema(example = "coaps://127.0.0.1:5684")]
    uri: String,
    /// How the device proves itself.
    security: AccountSecurityForm,
    /// Lifetime of the registration, seconds. Default: 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<u64>,
    /// Transports. Default: `U`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
    /// Whether notifications are kept while the server is out of reach. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notification_storing: Option<bool>,
    /// Default minimum period, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_pmin: Option<u32>,
    /// Default maximum period, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_pmax: Option<u32>,
    /// How long the device stays away after Disable, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disable_timeout: Option<u32>,
    /// Whether Send is muted; a device takes absence for true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mute_send: Option<bool>,
    /// Further resources of the instance of /1, by identifier.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    server_resources: Map<String, Value>,
}

/// The mode of an account's security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecurityMode {
    /// No security.
    None,
    /// Pre-shared key.
    Psk,
    /// Raw public key.
    RawPublicKey,
    /// Certificate.
    Certificate,
}

/// How a device proves itself to the server of an account.
///
/// `psk`: `identity` (or `identityHex`) and `key`. `raw-public-key`: `publicKey`, `privateKey` and `serverPublicKey`.
/// `certificate`: `certificate`, `privateKey`, `serverCertificate` and, from 1.1, `usage`. A key that is not said stays
/// as it is known for the same server number and identity, public key or certificate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountSecurityForm {
    /// What it is.
    mode: SecurityMode,
    /// PSK identity, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// PSK identity, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_hex: Option<String>,
    /// The key, as hexadecimal digits. Never shown.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    key: Option<HexSecret>,
    /// The device's raw public key: SubjectPublicKeyInfo (P-256), DER as padded Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// The server's raw public key, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_public_key: Option<String>,
    /// The device's certificate, DER as padded Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// The private key of the device's certificate or public key, PKCS#8 DER as padded Base64. Never shown.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    private_key: Option<Base64Secret>,
    /// The server's certificate or trust anchor, DER as padded Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_certificate: Option<String>,
    /// How `serverCertificate` is matched (/0/x/15), 0 to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<u8>,
}

impl AccountSecurityForm {
    fn shown(security: &AccountSecurity) -> Self {
        let mut form = AccountSecurityForm {
            mode: SecurityMode::None,
            identity: None,
            identity_hex: None,
            key: None,
            public_key: None,
            server_public_key: None,
            certificate: None,
            private_key: None,
            server_certificate: None,
            usage: None,
        };
        match security {
            AccountSecurity::Psk { identity, .. } => {
                form.mode = SecurityMode::Psk;
                (form.identity, form.identity_hex) = shown_identity(identity);
            }
            AccountSecurity::RawPublicKey {
                public_key,
                server_public_key,
                ..
            } => {
                form.mode = SecurityMode::RawPublicKey;
                form.public_key = Some(STANDARD.encode(public_key));
                form.server_public_key = Some(STANDARD.encode(server_public_key));
            }
            AccountSecurity::Certificate {
                certificate,
                server_certificate,
                usage,
                ..
            } => {
                form.mode = SecurityMode::Certificate;
                form.certificate = Some(STANDARD.encode(certificate));
                form.server_certificate = Some(STANDARD.encode(server_certificate));
                form.usage = usage.map(|usage| match usage {
                    CertificateUsage::CaConstraint => 0,
                    CertificateUsage::ServiceCertificateConstraint => 1,
                    CertificateUsage::TrustAnchorAssertion => 2,
                    CertificateUsage::DomainIssuedCertificate => 3,
                });
            }
            _ => {}
        }
        form
    }

    /// The security; a key that is not said is taken from what was `known` for the same server.
    fn into_security(self, known: Option<&AccountSecurity>) -> Result<AccountSecurity, Problem> {
        let needed = |what: &str| Problem::bad_request(format!("security: {what} is needed"));
        let decoded =
            |name: &str, text: Option<String>| der(name, text.ok_or_else(|| needed(name))?);
        let psk = self.identity.is_some() || self.identity_hex.is_some() || self.key.is_some();
        let public_keys = self.public_key.is_some() || self.server_public_key.is_some();
        let certificate =
            self.certificate.is_some() || self.server_certificate.is_some() || self.usage.is_some();
        let asymmetric = matches!(
            self.mode,
            SecurityMode::RawPublicKey | SecurityMode::Certificate
        );
        if psk && self.mode != SecurityMode::Psk
            || public_keys && self.mode != SecurityMode::RawPublicKey
            || certificate && self.mode != SecurityMode::Certificate
            || self.private_key.is_some() && !asymmetric
        {
            return Err(Problem::bad_request(
                "security: identity and key are for mode psk, public keys for mode raw-public-key, certificates for mode certificate",
            ));
        }
        match self.mode {
            SecurityMode::None => Ok(AccountSecurity::None),
            SecurityMode::Psk => {
                let identity = identity_bytes(self.identity, self.identity_hex)?;
                let key = match (self.key, known) {
                    (Some(HexSecret(key)), _) => key,
                    (
                        None,
                        Some(AccountSecurity::Psk {
                            identity: same,
                            key,
                        }),
                    ) if *same == identity => key.clone(),
                    _ => return Err(needed("key")),
                };
                Ok(AccountSecurity::Psk { identity, key })
            }
            SecurityMode::RawPublicKey => {
                let public_key = decoded("publicKey", self.public_key)?;
                let private_key = match (self.private_key, known) {
                    (Some(Base64Secret(key)), _) => key,
                    (
                        None,
                        Some(AccountSecurity::RawPublicKey {
                            public_key: same,
                            private_key,
                            ..
                        }),
                    ) if *same == public_key => private_key.clone(),
                    _ => return Err(needed("privateKey")),
                };
                Ok(AccountSecurity::RawPublicKey {
                    public_key,
                    private_key,
                    server_public_key: decoded("serverPublicKey", self.server_public_key)?,
                })
            }
            SecurityMode::Certificate => {
                let certificate = decoded("certificate", self.certificate)?;
                let private_key = match (self.private_key, known) {
                    (Some(Base64Secret(key)), _) => key,
                    (
                        None,
                        Some(AccountSecurity::Certificate {
                            certificate: same,
                            private_key,
                            ..
                        }),
                    ) if *same == certificate => private_key.clone(),
                    _ => return Err(needed("privateKey")),
                };
                let usage = match self.usage {
                    None => None,
                    Some(0) => Some(CertificateUsage::CaConstraint),
                    Some(1) => Some(CertificateUsage::ServiceCertificateConstraint),
                    Some(2) => Some(CertificateUsage::TrustAnchorAssertion),
                    Some(3) => Some(CertificateUsage::DomainIssuedCertificate),
                    Some(other) => {
                        return Err(Problem::bad_request(format!(
                            "usage: {other} is none of 0 to 3"
                        )));
                    }
                };
                Ok(AccountSecurity::Certificate {
                    certificate,
                    private_key,
                    server_certificate: decoded("serverCertificate", self.server_certificate)?,
                    usage,
                })
            }
        }
    }
}

impl AccountForm {
    fn shown(account: &ServerAccount) -> Self {
        AccountForm {
            short_server_id: account.short_server_id,
            security_instance: Some(account.security_instance),
            server_instance: Some(account.server_instance),
            uri: account.uri.to_string(),
            security: AccountSecurityForm::shown(&account.security),
            lifetime: Some(account.lifetime.as_secs()),
            binding: Some(account.binding.clone()),
            notification_storing: Some(account.notification_storing),
            default_pmin: account.default_pmin,
            default_pmax: account.default_pmax,
            disable_timeout: account.disable_timeout,
            mute_send: account.mute_send,
            server_resources: (account.server_resources.iter())
                .map(|(id, value)| (id.to_string(), json_value(value)))
                .collect(),
        }
    }

    fn into_account(
        self,
        state: &HttpState,
        known: Option<&BootstrapConfig>,
    ) -> Result<ServerAccount, Problem> {
        let known = known.and_then(|config| {
            let same = |account: &&ServerAccount| account.short_server_id == self.short_server_id;
            config.accounts.iter().find(same)
        });
        let uri: ServerUri =
            (self.uri.parse()).map_err(|error| Problem::bad_request(format!("uri: {error}")))?;
        let security = self
            .security
            .into_security(known.map(|account| &account.security))?;
        let mut account = ServerAccount::new(self.short_server_id, uri, security);
        account.security_instance = self.security_instance.unwrap_or(account.security_instance);
        account.server_instance = self.server_instance.unwrap_or(account.server_instance);
        account.lifetime = self.lifetime.map_or(account.lifetime, Duration::from_secs);
        account.binding = self.binding.unwrap_or(account.binding);
        account.notification_storing = self
            .notification_storing
            .unwrap_or(account.notification_storing);
        account.default_pmin = self.default_pmin;
        account.default_pmax = self.default_pmax;
        account.disable_timeout = self.disable_timeout;
        account.mute_send = self.mute_send;
        let resources = WriteForm::from(Value::Object(self.server_resources));
        let base = Path::try_from_ids(&[1, account.server_instance])
            .map_err(|error| Problem::bad_request(format!("serverInstance: {error}")))?;
        let entries = resources.into_entries(&base, &**state.definitions())?;
        for entry in entries {
            let (Some(id), None) = (entry.path.resource_id(), entry.path.resource_instance_id())
            else {
                return Err(Problem::bad_request(
                    "serverResources: a single value for each resource",
                ));
            };
            account.server_resources.push((id, entry.value));
        }
        Ok(account)
    }
}

/// What an endpoint is given, without keys.
#[utoipa::path(
    get, path = "/api/bootstrap/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    responses(
        (status = 200, body = BootstrapShown),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Nothing is configured"),
    ),
)]
pub(crate) async fn read(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
) -> Result<Json<BootstrapShown>, Problem> {
    let config = state.bootstrap()?.configurations().config(&endpoint);
    let config = config.ok_or_else(|| nothing(&endpoint))?;
    Ok(Json(BootstrapShown {
        endpoint,
        deletes: config.deletes.clone(),
        accounts: config.accounts.iter().map(AccountForm::shown).collect(),
        extra: config.extra.iter().map(|entry| entry.path).collect(),
    }))
}

/// Puts what an endpoint is given in place of what it was given before. It counts from its next bootstrap session on;
/// the keys that it names must also be among the credentials of the servers it leads to.
#[utoipa::path(
    put, path = "/api/bootstrap/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = BootstrapForm,
    responses(
        (status = 204, description = "Set"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replace(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    SecretJson(form): SecretJson<BootstrapForm>,
) -> Result<StatusCode, Problem> {
    let store = state.bootstrap()?.configurations();
    if endpoint.is_empty() || endpoint.len() > 1024 {
        return Err(Problem::bad_request("an endpoint name has 1 to 1024 bytes"));
    }
    let known = store.config(&endpoint);
    let mut config = BootstrapConfig::default();
    config.deletes = form.deletes.unwrap_or(config.deletes);
    for account in form.accounts {
        let account = account.into_account(&state, known.as_deref())?;
        config.accounts.push(account);
    }
    let extra = WriteForm::from(form.extra);
    config.extra = extra.into_entries(&Path::ROOT, &**state.definitions())?;
    store.set(&endpoint, config).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-bootstrap-configuration",
            error.to_string(),
        )
    })?;
    tracing::info!(endpoint, "bootstrap configuration set");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes what an endpoint is given: its next bootstrap request is refused.
#[utoipa::path(
    delete, path = "/api/bootstrap/{endpoint}", tag = "security",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Nothing is configured"),
    ),
)]
pub(crate) async fn remove(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    if !state.bootstrap()?.configurations().remove(&endpoint) {
        return Err(nothing(&endpoint));
    }
    tracing::info!(endpoint, "bootstrap configuration removed");
    Ok(StatusCode::NO_CONTENT)
}

fn nothing(endpoint: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-bootstrap-configuration",
        format!("nothing is configured for {endpoint}"),
    )
}
