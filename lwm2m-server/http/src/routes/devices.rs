//! Which devices there are.

use crate::{
    HttpState,
    events::{FirmwareForm, GoneForm},
    extract::{ApiPath, ApiQuery},
    json::{DeviceForm, RegistrationForm},
    problem::Problem,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// How many to leave out.
    #[serde(default)]
    offset: usize,
    /// How many to list at most; there is a maximum.
    limit: Option<usize>,
    /// Only endpoint names that contain this, upper and lower case alike.
    filter: Option<String>,
}

/// A part of the list of registered devices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DevicePage {
    /// How many there are (with a filter: how many match).
    total: usize,
    /// How many were left out.
    offset: usize,
    /// How many were to be listed at most.
    limit: usize,
    /// Whether the filter has not looked at all devices, because there are too many.
    truncated: bool,
    /// These devices.
    devices: Vec<RegistrationForm>,
    /// Devices that left lately, the last first; not with a filter.
    gone: Vec<GoneForm>,
}

/// Registered devices.
#[utoipa::path(
    get, path = "/api/devices", tag = "devices", params(ListQuery),
    responses((status = 200, body = DevicePage), (status = "4XX", body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    State(state): State<HttpState>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Json<DevicePage> {
    let config = state.config();
    let offset = query.offset;
    let limit = query.limit.unwrap_or(config.default_page);
    let limit = limit.clamp(1, config.max_page.max(1));
    let filter = query.filter.unwrap_or_default().to_lowercase();
    if filter.is_empty() {
        let (total, registrations) = state.server().registrations(offset, limit).await;
        let form = |registration: &std::sync::Arc<_>| RegistrationForm::from(&**registration);
        return Json(DevicePage {
            total,
            offset,
            limit,
            truncated: false,
            devices: registrations.iter().map(form).collect(),
            gone: state.gone().all(),
        });
    }
    let (all, registrations) = state.server().registrations(0, config.max_filtered).await;
    let mut total = 0;
    let mut devices = Vec::new();
    for registration in &registrations {
        if registration.endpoint.to_lowercase().contains(&filter) {
            if total >= offset && devices.len() < limit {
                devices.push(RegistrationForm::from(&**registration));
            }
            total += 1;
        }
    }
    Json(DevicePage {
        total,
        offset,
        limit,
        truncated: all > registrations.len(),
        devices,
        gone: Vec::new(),
    })
}

/// One registered device with its objects.
#[utoipa::path(
    get, path = "/api/devices/{endpoint}", tag = "devices",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    responses(
        (status = 200, body = DeviceForm),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Not registered"),
    ),
)]
pub(crate) async fn detail(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
) -> Result<Json<DeviceForm>, Problem> {
    let (device, registration) = state.device(&endpoint).await?;
    let observations = device.observations().await?;
    let observations = observations.iter().map(|info| info.paths.to_vec());
    let firmware = device.firmware_progress().await;
    Ok(Json(DeviceForm::new(
        &registration,
        &state.models(&registration),
        observations.collect(),
        firmware.as_ref().map(FirmwareForm::from),
    )))
}
