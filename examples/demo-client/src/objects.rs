//! The objects of a simulated device with the values they begin with.

use crate::device::Profile;
use lwm2m_client::{ClientBuilder, DataObject, DeviceObject, FirmwareObject, Instance};
use lwm2m_objects::{connectivity_monitoring as connectivity, device, ipso::temperature, location};

use crate::firmware::FirmwareFile;

/// Where the values that change while the device runs are.
pub(crate) mod path {
    pub(crate) const FIRMWARE_VERSION: &str = "/3/0/3";
    pub(crate) const BATTERY_LEVEL: &str = "/3/0/9";
    pub(crate) const SIGNAL_STRENGTH: &str = "/4/0/2";
    pub(crate) const LATITUDE: &str = "/6/0/0";
    pub(crate) const LONGITUDE: &str = "/6/0/1";
    pub(crate) const FIX_TIME: &str = "/6/0/5";
    pub(crate) const TEMPERATURE: &str = "/3303/0/5700";
    pub(crate) const COLDEST: &str = "/3303/0/5601";
    pub(crate) const WARMEST: &str = "/3303/0/5602";
}

/// Units of battery level and signal in the beginning.
pub(crate) const BATTERY_AT_START: i64 = 100;
pub(crate) const SIGNAL_AT_START: i64 = -67;

/// LTE-FDD, as /4/0/0 numbers bearers (Core 1.2.2, appendix E.5).
const BEARER_LTE_FDD: i32 = 6;
/// Internal battery, as /3/0/6 numbers power sources (Core 1.2.2, appendix E.4).
const POWER_INTERNAL_BATTERY: i32 = 1;

/// Adds the objects of a device to a client.
pub(crate) fn add(builder: ClientBuilder, profile: &Profile) -> ClientBuilder {
    builder
        .object(DeviceObject::new(
            Instance::new()
                .with(device::MANUFACTURER, profile.manufacturer.as_str())
                .with(device::MODEL_NUMBER, profile.model.as_str())
                .with(device::SERIAL_NUMBER, profile.serial.as_str())
                .with(device::FIRMWARE_VERSION, profile.firmware_version.as_str())
                .with_multiple(
                    device::AVAILABLE_POWER_SOURCES,
                    [(0, POWER_INTERNAL_BATTERY)],
                )
                .with_multiple(device::POWER_SOURCE_VOLTAGE, [(0, 3700)])
                .with(device::BATTERY_LEVEL, BATTERY_AT_START)
                .with(device::DEVICE_TYPE, "simulated sensor")
                .with(device::HARDWARE_VERSION, "1.0"),
        ))
        .object(
            DataObject::new(&connectivity::V1_0).instance(
                0,
                Instance::new()
                    .with(connectivity::NETWORK_BEARER, BEARER_LTE_FDD)
                    .with_multiple(
                        connectivity::AVAILABLE_NETWORK_BEARER,
                        [(0, BEARER_LTE_FDD)],
                    )
                    .with(connectivity::RADIO_SIGNAL_STRENGTH, SIGNAL_AT_START)
                    .with_multiple(connectivity::IP_ADDRESSES, [(0, "127.0.0.1")]),
            ),
        )
        .object(FirmwareObject::new(FirmwareFile::new(
            profile.firmware_file.clone(),
        )))
        .object(
            DataObject::new(&location::V1_0).instance(
                0,
                Instance::new()
                    .with(location::LATITUDE, profile.latitude)
                    .with(location::LONGITUDE, profile.longitude)
                    .with(
                        location::TIMESTAMP,
                        lwm2m_core::value::Value::Time(crate::device::unix_seconds()),
                    ),
            ),
        )
        .object(
            DataObject::new(&temperature::V1_1).instance(
                0,
                Instance::new()
                    .with(temperature::SENSOR_VALUE, profile.temperature)
                    .with(temperature::MIN_MEASURED_VALUE, profile.temperature)
                    .with(temperature::MAX_MEASURED_VALUE, profile.temperature)
                    .with(temperature::SENSOR_UNITS, "Cel")
                    .with(temperature::APPLICATION_TYPE, "simulated"),
            ),
        )
}
