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

/// Lists what each object's module has.
macro_rules! built_in {
    ($($($module:ident)::+),+ $(,)?) => {
        /// All objects, ordered by identifier, each with its versions, lowest first.
        pub(crate) static BUILT_IN: &[&[&ObjectModel]] = &[$($($module)::+::VERSIONS),+];

        /// The typed handles of all objects, as data.
        #[cfg(test)]
        pub(crate) fn handles() -> crate::table::Handles {
            [$($($module)::+::typed::described()),+].concat()
        }
    };
}

built_in![
    crate::security,
    server,
    access_control,
    device,
    connectivity_monitoring,
    firmware_update,
    location,
    connectivity_statistics,
    lock_and_wipe,
    software_management,
    cellular_connectivity,
    apn_connection_profile,
    wlan_connectivity,
    bearer_selection,
    device_capability_management,
    portfolio,
    binary_app_data_container,
    event_log,
    oscore,
    virtual_observe_notify,
    cose,
    mqtt_server,
    gateway,
    gateway_routing,
    ipso::digital_input,
    ipso::digital_output,
    ipso::analog_input,
    ipso::analog_output,
    ipso::generic_sensor,
    ipso::illuminance,
    ipso::presence,
    ipso::temperature,
    ipso::humidity,
    ipso::power_measurement,
    ipso::actuation,
    ipso::set_point,
    ipso::load_control,
    ipso::light_control,
    ipso::power_control,
    ipso::accelerometer,
    ipso::magnetometer,
    ipso::barometer,
    ipso::voltage,
    ipso::current,
    ipso::frequency,
    ipso::depth,
    ipso::percentage,
    ipso::altitude,
    ipso::load,
    ipso::pressure,
    ipso::loudness,
    ipso::concentration,
    ipso::acidity,
    ipso::conductivity,
    ipso::power,
    ipso::power_factor,
    ipso::distance,
    ipso::energy,
    ipso::direction,
    ipso::time,
    ipso::gyrometer,
    ipso::colour,
    ipso::location,
    ipso::positioner,
    ipso::buzzer,
    ipso::audio_clip,
    ipso::timer,
    ipso::addressable_text_display,
    ipso::on_off_switch,
    ipso::dimmer,
    ipso::up_down_control,
    ipso::multiple_axis_joystick,
    ipso::rate,
    ipso::push_button,
    ipso::multi_state_selector,
    ipso::bitmap,
    ipso::stopwatch,
    battery,
    system_log,
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
