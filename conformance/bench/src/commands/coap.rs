//! CoAP servers under the load of many peers, and what a peer costs.

use super::load::{Options, aim, check, foreign, installed};
use lwm2m_bench::{
    load::{
        contest::{Row, contest, table},
        program::free_address,
        traffic::{Echoed, Get},
    },
    memory::per_peer,
    servers::{Kind, PATH},
};
use lwm2m_core::coap::Code;
use std::{error::Error, time::Duration};

const DEVICES: [u32; 5] = [128, 1_000, 4_000, 15_000, 60_000];
const WARM_UP: Duration = Duration::from_secs(1);

const RAW: &str = "raw tokio UDP echo";
const OURS: &str = "lwm2m Endpoint";
const LIBCOAP: &str = "libcoap coap-server";
const COAP_CRATE: &str = "coap crate 0.29";

const LIBCOAP_PROGRAMS: [&str; 4] = [
    "coap-server-notls",
    "coap-server",
    "coap-server-gnutls",
    "coap-server-openssl",
];

/// Drives all servers with each number of devices, and prints a table each.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let cores = options.cores()?;
    cores.take_generator()?;
    let rounds = options.rounds(WARM_UP);
    let get = Get { path: PATH };
    let libcoap = installed(&LIBCOAP_PROGRAMS);
    let mut measured = Vec::new();
    for devices in options.devices(&DEVICES) {
        let mut contenders = vec![
            options.own(cores, RAW, Kind::Raw, devices, Echoed(get.clone()))?,
            options.own(cores, OURS, Kind::Endpoint, devices, get.clone())?,
            options.own(cores, COAP_CRATE, Kind::CoapCrate, devices, get.clone())?,
        ];
        if let Some(program) = &libcoap {
            let address = free_address()?;
            let mut command = foreign(program)?;
            command.args(["-v", "1", "-A", &address.ip().to_string()]);
            command.args(["-p", &address.port().to_string()]);
            contenders.push(options.start(
                cores,
                LIBCOAP,
                command,
                address,
                devices,
                get.clone(),
            )?);
        }
        let rows = contest(&mut contenders, devices, rounds)?;
        let title = options.title("GET of 15 bytes", devices, rounds);
        print!("{}", table(&title, &rows, RAW));
        if libcoap.is_none() {
            println!("skipped: {LIBCOAP}, which is not installed (Debian: libcoap3-bin)");
        }
        check(&rows, OURS, devices)?;
        measured.push((devices, rows));
    }
    println!("\naims");
    for (devices, rows) in &measured {
        speed_aims(*devices, rows);
    }
    memory();
    Ok(())
}

fn speed_aims(devices: u32, rows: &[Row]) {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let Some(ours) = find(OURS) else {
        return;
    };
    let share = match devices {
        128 => Some(0.6),
        60_000 => Some(0.5),
        _ => None,
    };
    if let (Some(share), Some(raw)) = (share, find(RAW)) {
        let ratio = ours.ratio_to(raw);
        let text = format!("{devices} devices: at least {share} of the raw echo");
        aim(&text, ratio, ratio >= share);
    }
    let times = match devices {
        128 => Some(1.5),
        15_000 => Some(15.0),
        _ => None,
    };
    if let (Some(times), Some(libcoap)) = (times, find(LIBCOAP)) {
        let ratio = ours.ratio_to(libcoap);
        let text = format!("{devices} devices: at least {times} times libcoap");
        aim(&text, ratio, ratio >= times);
    }
}

fn memory() {
    for code in [Code::GET, Code::POST] {
        let bytes = per_peer(60_000, code);
        let what = format!("bytes for a peer after one {}", code.name());
        let text = format!("{what}, within its lifetime, at most 1024");
        aim(&text, bytes.within, bytes.within <= 1024.0);
        let text = format!("{what}, after its lifetime, at most 200");
        let forgotten = bytes.known_after == 0;
        aim(&text, bytes.after, bytes.after <= 200.0 && forgotten);
    }
}
