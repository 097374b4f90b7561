//! Observations and composite operations.

use super::management::Values;
use crate::{
    HttpState,
    extract::{ApiJson, ApiPath},
    json::{EntryForm, WriteForm, attribute_change},
    problem::Problem,
};
use axum::{Json, extract::State, http::StatusCode};
use lwm2m_core::path::Path;
use lwm2m_server::{Device, DeviceError, Observation, Registration};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::future::Future;
use utoipa::ToSchema;

/// What to observe.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObserveForm {
    /// An object, object instance, resource or resource instance.
    #[schema(value_type = String, example = "/3303/0/5700")]
    path: Path,
    /// Attributes that govern this observation; see `attributes`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"pmin": 1, "pmax": 60}))]
    attributes: Map<String, Value>,
}

/// An observation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Observed {
    /// Its number, which its events carry.
    observation: u64,
    /// What is observed.
    #[schema(value_type = Vec<String>)]
    paths: Vec<Path>,
    /// The values as they are; none where it was observed already.
    entries: Vec<EntryForm>,
}

/// Observes a place: its values come as events of kind `notification` until it is cancelled.
///
/// The observation outlives this request, and is renewed when the device registers again.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/observe", tag = "reporting",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = ObserveForm,
    responses(
        (status = 200, body = Observed),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn observe(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<ObserveForm>,
) -> Result<Json<Observed>, Problem> {
    let change = attribute_change(&form.attributes)?;
    let (device, registration) = state.device(&endpoint).await?;
    let paths = vec![form.path];
    let observation = async {
        match form.attributes.is_empty() {
            true => device.observe(form.path).await,
            false => device.observe_with(form.path, change.set).await,
        }
    };
    observed(&state, &device, &registration, paths, observation).await
}

/// What to observe or read as one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathsForm {
    /// Places.
    #[schema(value_type = Vec<String>, example = json!(["/3/0/9", "/3303/0/5700"]))]
    paths: Vec<Path>,
}

/// Observes several places as one (1.1): events of kind `notification` carry all their values.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/observe-composite", tag = "reporting",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = PathsForm,
    responses(
        (status = 200, body = Observed),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn observe_composite(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<PathsForm>,
) -> Result<Json<Observed>, Problem> {
    let (device, registration) = state.device(&endpoint).await?;
    let paths = form.paths.clone();
    let observation = device.observe_composite(&form.paths);
    observed(&state, &device, &registration, paths, observation).await
}

/// Waits for the values that establish an observation; the observation itself goes on when the stream is dropped.
async fn observed(
    state: &HttpState,
    device: &Device,
    registration: &Registration,
    paths: Vec<Path>,
    observation: impl Future<Output = Result<Observation, DeviceError>>,
) -> Result<Json<Observed>, Problem> {
    let before = device.observations().await?;
    let established = before
        .iter()
        .any(|info| info.established && *info.paths == *paths);
    let answer = async {
        let mut observation = observation.await?;
        let first = match established {
            true => None,
            false => observation.next().await,
        };
        Ok((observation.id(), first))
    };
    let (observation, first) = state.answer(answer).await?;
    let models = state.models(registration);
    Ok(Json(Observed {
        observation,
        paths,
        entries: first.map_or_else(Vec::new, |first| EntryForm::all(&first.entries, &models)),
    }))
}

/// Which observation: `path`, or `paths` of a composite one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelForm {
    /// What is observed.
    #[schema(value_type = Option<String>, example = "/3303/0/5700")]
    path: Option<Path>,
    /// What is observed as one.
    #[schema(value_type = Option<Vec<String>>)]
    paths: Option<Vec<Path>>,
}

/// Ends an observation.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/cancel", tag = "reporting",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = CancelForm,
    responses(
        (status = 204, description = "Ended"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It is not observed"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<CancelForm>,
) -> Result<StatusCode, Problem> {
    let paths = match (form.path, form.paths) {
        (Some(path), None) => vec![path],
        (None, Some(paths)) => paths,
        _ => {
            return Err(Problem::bad_request(
                "the body has either `path` or `paths`",
            ));
        }
    };
    let (device, _) = state.device(&endpoint).await?;
    match state.answer(device.cancel_observation(&paths)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not-observed",
            "this is not observed",
        )),
    }
}

/// Reads several places as one (1.1); what cannot be read is left out.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/read-composite", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = PathsForm,
    responses(
        (status = 200, body = Values),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_composite(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<PathsForm>,
) -> Result<Json<Values>, Problem> {
    let (device, registration) = state.device(&endpoint).await?;
    let entries = state.answer(device.read_composite(&form.paths)).await?;
    Ok(Json(Values {
        path: Path::ROOT,
        entries: EntryForm::all(&entries, &state.models(&registration)),
    }))
}

/// Writes at several places, all or none (1.1).
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/write-composite", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = WriteForm,
    responses(
        (status = 204, description = "Written"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn write_composite(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<WriteForm>,
) -> Result<StatusCode, Problem> {
    let (device, registration) = state.device(&endpoint).await?;
    let entries = form.into_entries(&Path::ROOT, &state.models(&registration))?;
    state.answer(device.write_composite(entries)).await?;
    Ok(StatusCode::NO_CONTENT)
}
