//! Our definitions, by area.

pub(crate) mod connectivity;
pub(crate) mod core;
pub(crate) mod ipso_control;
pub(crate) mod ipso_io;
pub(crate) mod ipso_motion;
pub(crate) mod ipso_quantity;
pub(crate) mod management;
pub(crate) mod security;

use crate::{
    access_control, apn_connection_profile, battery, bearer_selection, binary_app_data_container,
    cellular_connectivity, connectivity_monitoring, connectivity_statistics, cose, device,
    device_capability_management, event_log, firmware_update, gateway, gateway_routing, ipso,
    location, lock_and_wipe, mqtt_server, oscore, portfolio, server, software_management,
    system_log, virtual_observe_notify, wlan_connectivity,
};
use lwm2m_core::model::ObjectModel;

/// All objects, ordered by identifier, each with its versions, lowest first.
pub(crate) static BUILT_IN: &[&[&ObjectModel]] = &[
    crate::security::VERSIONS,
    server::VERSIONS,
    access_control::VERSIONS,
    device::VERSIONS,
    connectivity_monitoring::VERSIONS,
    firmware_update::VERSIONS,
    location::VERSIONS,
    connectivity_statistics::VERSIONS,
    lock_and_wipe::VERSIONS,
    software_management::VERSIONS,
    cellular_connectivity::VERSIONS,
    apn_connection_profile::VERSIONS,
    wlan_connectivity::VERSIONS,
    bearer_selection::VERSIONS,
    device_capability_management::VERSIONS,
    portfolio::VERSIONS,
    binary_app_data_container::VERSIONS,
    event_log::VERSIONS,
    oscore::VERSIONS,
    virtual_observe_notify::VERSIONS,
    cose::VERSIONS,
    mqtt_server::VERSIONS,
    gateway::VERSIONS,
    gateway_routing::VERSIONS,
    ipso::digital_input::VERSIONS,
    ipso::digital_output::VERSIONS,
    ipso::analog_input::VERSIONS,
    ipso::analog_output::VERSIONS,
    ipso::generic_sensor::VERSIONS,
    ipso::illuminance::VERSIONS,
    ipso::presence::VERSIONS,
    ipso::temperature::VERSIONS,
    ipso::humidity::VERSIONS,
    ipso::power_measurement::VERSIONS,
    ipso::actuation::VERSIONS,
    ipso::set_point::VERSIONS,
    ipso::load_control::VERSIONS,
    ipso::light_control::VERSIONS,
    ipso::power_control::VERSIONS,
    ipso::accelerometer::VERSIONS,
    ipso::magnetometer::VERSIONS,
    ipso::barometer::VERSIONS,
    ipso::voltage::VERSIONS,
    ipso::current::VERSIONS,
    ipso::frequency::VERSIONS,
    ipso::depth::VERSIONS,
    ipso::percentage::VERSIONS,
    ipso::altitude::VERSIONS,
    ipso::load::VERSIONS,
    ipso::pressure::VERSIONS,
    ipso::loudness::VERSIONS,
    ipso::concentration::VERSIONS,
    ipso::acidity::VERSIONS,
    ipso::conductivity::VERSIONS,
    ipso::power::VERSIONS,
    ipso::power_factor::VERSIONS,
    ipso::distance::VERSIONS,
    ipso::energy::VERSIONS,
    ipso::direction::VERSIONS,
    ipso::time::VERSIONS,
    ipso::gyrometer::VERSIONS,
    ipso::colour::VERSIONS,
    ipso::location::VERSIONS,
    ipso::positioner::VERSIONS,
    ipso::buzzer::VERSIONS,
    ipso::audio_clip::VERSIONS,
    ipso::timer::VERSIONS,
    ipso::addressable_text_display::VERSIONS,
    ipso::on_off_switch::VERSIONS,
    ipso::dimmer::VERSIONS,
    ipso::up_down_control::VERSIONS,
    ipso::multiple_axis_joystick::VERSIONS,
    ipso::rate::VERSIONS,
    ipso::push_button::VERSIONS,
    ipso::multi_state_selector::VERSIONS,
    ipso::bitmap::VERSIONS,
    ipso::stopwatch::VERSIONS,
    battery::VERSIONS,
    system_log::VERSIONS,
];

/// The versions of an object that are built in, lowest first.
pub(crate) fn built_in(object: u16) -> &'static [&'static ObjectModel] {
    let place = PLACES[usize::from(object) % PLACES.len()];
    match BUILT_IN[usize::from(place)] {
        versions @ [first, ..] if first.id == object => versions,
        _ => &[],
    }
}

/// The places in [`BUILT_IN`], by the rest of the identifiers: a look-up takes a division instead of a search. A rest
/// that no object has points at the first, which is not the one.
static PLACES: [u8; rests_without_collision()] = {
    let mut places = [0; rests_without_collision()];
    let mut index = 0;
    while index < BUILT_IN.len() {
        places[BUILT_IN[index][0].id as usize % places.len()] = index as u8;
        index += 1;
    }
    places
};

/// The lowest divisor with which no two objects leave the same rest.
const fn rests_without_collision() -> usize {
    let mut divisor = BUILT_IN.len();
    loop {
        let mut taken = [false; 4096];
        let mut index = 0;
        while index < BUILT_IN.len() && !taken[BUILT_IN[index][0].id as usize % divisor] {
            taken[BUILT_IN[index][0].id as usize % divisor] = true;
            index += 1;
        }
        if index == BUILT_IN.len() {
            return divisor;
        }
        divisor += 1;
    }
}
