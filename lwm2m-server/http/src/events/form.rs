//! The JSON form of events.

use super::{Body, Record};
use crate::{
    HttpState,
    json::{EntryForm, RegistrationForm, seconds},
};
use lwm2m_core::{entry::Entry, model::Models};
use lwm2m_server::{BootstrapEvent, DeregistrationReason, FirmwareProgress, ServerEvent};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// An event as streams carry it.
#[derive(Serialize)]
struct EventForm<'a> {
    id: u64,
    kind: &'a str,
    time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    data: &'a Json,
}

impl Record {
    /// What the event is, as its JSON names it.
    pub(crate) fn kind(&self) -> &str {
        match &self.body {
            Body::Published { kind, .. } => kind,
            Body::Server(event) => match event {
                ServerEvent::Registered { .. } => "registered",
                ServerEvent::Updated { .. } => "updated",
                ServerEvent::Deregistered { .. } => "deregistered",
                ServerEvent::Expired { .. } => "expired",
                ServerEvent::Refused { .. } => "refused",
                ServerEvent::Awake { .. } => "awake",
                ServerEvent::Asleep { .. } => "asleep",
                ServerEvent::ObservationEstablished { .. } => "observed",
                ServerEvent::Notification(_) => "notification",
                ServerEvent::ObservationCancelled { .. } => "cancelled",
                ServerEvent::Sent { .. } => "sent",
                ServerEvent::Firmware { .. } => "firmware",
                ServerEvent::Bootstrap { .. } => "bootstrap",
                ServerEvent::Lagged { .. } => "lag",
                _ => "other",
            },
        }
    }

    /// The device it is about.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        match &self.body {
            Body::Published { data, .. } => data.get("endpoint")?.as_str(),
            Body::Server(event) => event.endpoint().map(|endpoint| &**endpoint),
        }
    }
}

/// The event as JSON, made once for all streams.
pub(crate) async fn rendered(record: &Record, state: &HttpState) -> Arc<str> {
    let render = || async {
        let of_server;
        let data = match &record.body {
            Body::Published { data, .. } => data,
            Body::Server(event) => {
                of_server = data_of(event, state).await;
                &of_server
            }
        };
        let form = EventForm {
            id: record.id,
            kind: record.kind(),
            time: seconds(record.time),
            endpoint: record.endpoint(),
            data,
        };
        // Strings, numbers and maps with string keys: nothing in it can fail to be JSON.
        serde_json::to_string(&form).unwrap_or_default().into()
    };
    record.json.get_or_init(render).await.clone()
}

/// That events were lost to this stream.
pub(crate) fn lag(missed: u64) -> String {
    let time = seconds(std::time::SystemTime::now());
    json!({"kind": "lag", "time": time, "data": {"missed": missed}}).to_string()
}

/// That the backlog ends here.
pub(crate) fn live() -> String {
    let time = seconds(std::time::SystemTime::now());
    json!({"kind": "live", "time": time, "data": {}}).to_string()
}

async fn data_of(event: &ServerEvent, state: &HttpState) -> Json {
    match event {
        ServerEvent::Registered {
            registration,
            replaced,
        } => with(
            RegistrationForm::from(&**registration),
            "replaced",
            *replaced,
        ),
        ServerEvent::Updated {
            registration,
            changed,
        } => with(RegistrationForm::from(&**registration), "changed", *changed),
        ServerEvent::Deregistered { reason, .. } => json!({"reason": match reason {
            DeregistrationReason::ByDevice => "by-device",
            DeregistrationReason::CredentialsRemoved => "credentials-removed",
            DeregistrationReason::CredentialsAdded => "credentials-added",
            _ => "other",
        }}),
        ServerEvent::Refused {
            address,
            identity,
            reason,
            code,
            ..
        } => json!({
            "address": address.to_string(),
            "identity": identity.to_string(),
            "reason": reason.to_string(),
            "coapCode": format!("{}.{:02}", code.class(), code.detail()),
        }),
        ServerEvent::ObservationEstablished {
            observation, paths, ..
        } => json!({"observation": observation, "paths": &paths[..]}),
        ServerEvent::ObservationCancelled {
            observation,
            paths,
            code,
            ..
        } => json!({
            "observation": observation,
            "paths": &paths[..],
            "coapCode": code.map(|code| format!("{}.{:02}", code.class(), code.detail())),
        }),
        ServerEvent::Notification(notification) => json!({
            "observation": notification.observation,
            "paths": &notification.paths[..],
            "sequence": notification.sequence,
            "entries": entries(&notification.endpoint, &notification.entries, state).await,
        }),
        ServerEvent::Sent {
            endpoint,
            entries: sent,
            ..
        } => json!({"entries": entries(endpoint, sent, state).await}),
        ServerEvent::Firmware { progress, .. } => json!(FirmwareForm::from(progress)),
        ServerEvent::Bootstrap { event, .. } => match event {
            BootstrapEvent::Started => json!({"phase": "started", "text": "bootstrap has begun"}),
            BootstrapEvent::Finished => json!({"phase": "finished", "text": "bootstrap is done"}),
            BootstrapEvent::Failed { reason } => {
                json!({"phase": "failed", "text": format!("bootstrap failed: {reason}")})
            }
            _ => json!({}),
        },
        ServerEvent::Lagged { missed } => json!({"missed": missed}),
        _ => json!({}),
    }
}

/// Values with the names that the device's definitions give them.
async fn entries(endpoint: &str, entries: &[Entry], state: &HttpState) -> Vec<EntryForm> {
    let registration = state.server().registration(endpoint).await;
    let view = registration
        .as_deref()
        .map(|registration| state.models(registration));
    let models: &dyn Models = match &view {
        Some(models) => models,
        None => &**state.definitions(),
    };
    EntryForm::all(entries, models)
}

fn with(form: impl Serialize, name: &str, value: bool) -> Json {
    let mut json = json!(form);
    json[name] = value.into();
    json
}

/// How far a firmware update is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirmwareForm {
    /// `preparing`, `uploading`, `uploaded`, `downloaded`, `updating`, `verifying`, `finished` or `failed`.
    phase: &'static str,
    /// The same for a person.
    text: String,
    /// Bytes that have arrived, while uploading.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<usize>,
    /// Bytes of the image, while uploading.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    /// What the device says its version is, when finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl From<&FirmwareProgress> for FirmwareForm {
    fn from(progress: &FirmwareProgress) -> Self {
        let form = |phase, text: &str| FirmwareForm {
            phase,
            text: text.into(),
            sent: None,
            total: None,
            version: None,
        };
        match progress {
            FirmwareProgress::Preparing => form("preparing", "Preparing the device"),
            FirmwareProgress::Uploading { sent, total } => FirmwareForm {
                sent: Some(*sent),
                total: Some(*total),
                ..form("uploading", "Sending the image")
            },
            FirmwareProgress::Uploaded => form("uploaded", "Sent; the device checks the image"),
            FirmwareProgress::Downloaded => form("downloaded", "The device has the image"),
            FirmwareProgress::Updating => form("updating", "The device installs the image"),
            FirmwareProgress::Verifying => form("verifying", "Checking the result"),
            FirmwareProgress::Finished(outcome) => FirmwareForm {
                version: outcome.version.clone(),
                ..match &outcome.version {
                    Some(version) => form("finished", &format!("Updated to version {version}")),
                    None => form("finished", "Updated"),
                }
            },
            FirmwareProgress::Failed(error) => form("failed", &format!("Update failed: {error}")),
            _ => form("other", "Under way"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_server::FirmwareError;

    #[test]
    fn progress() {
        let json = |progress| serde_json::to_value(FirmwareForm::from(&progress)).unwrap();
        assert_eq!(
            json(FirmwareProgress::Uploading {
                sent: 1024,
                total: 4096
            }),
            json!({"phase": "uploading", "text": "Sending the image", "sent": 1024, "total": 4096})
        );
        assert_eq!(
            json(FirmwareProgress::Failed(FirmwareError::EmptyImage)),
            json!({"phase": "failed", "text": "Update failed: the image is empty"})
        );
    }
}
