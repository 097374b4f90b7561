//! DTLS libraries beside ours; records over UDP beside a raw echo; our sessions at rest and under a flood.

use super::load::{Options, aim, check};
use lwm2m_bench::{
    dtls::{
        contest::{self, Contender, Rounds, Row, Scheme, Work, table},
        engine::{Credentials, Ours, client, server_address},
        material::Material,
        peers,
        sessions::{flood, per_session},
        traffic::{Padded, Secured},
    },
    load::{
        contest::{contest as load_contest, table as load_table},
        program::Cores,
        traffic::Echoed,
    },
    servers::Kind,
};
use lwm2m_core::time::Instant;
use lwm2m_dtls::crypto::{Provider, ring::Ring, rustcrypto::RustCrypto};
use std::{error::Error, sync::Arc, time::Duration};

const RAW: &str = "raw tokio UDP echo, 100 bytes";
const ENGINE: &str = "lwm2m-dtls on tokio UDP";
const COAPS: &str = "lwm2m-transport, coaps";
const WARM_UP: Duration = Duration::from_secs(1);
/// A Java machine that shares one core with its own compiler takes long to come to its speed.
const JAVA_WARM_UP: Duration = Duration::from_secs(8);
/// Devices with sessions, where nothing is said.
const DEVICES: [u32; 1] = [128];
const HELLOS: usize = 1_000_000;
const SESSIONS: [usize; 2] = [10_000, 100_000];
/// Sessions of others at rest: of some that is some 50 MB.
const PEER_SESSIONS: usize = 1000;
const PEER_HELLOS: usize = 10_000;
/// Numbers that a server with kept sessions reserves ahead.
const RESERVED: u64 = 1000;
/// Ours at rest beside those that have an aim: scheme, and whether sessions are kept.
const MORE_AT_REST: [(Scheme, bool); 5] = [
    (Scheme::PskCcm8, true),
    (Scheme::PskCbc, false),
    (Scheme::RpkCcm8, false),
    (Scheme::X509Ccm8, false),
    (Scheme::X509Gcm, false),
];

/// What is compared, in the order of the tables.
const WORKS: [Work; 6] = [
    Work::Handshake(Scheme::PskCcm8),
    Work::Handshake(Scheme::RpkCcm8),
    Work::Handshake(Scheme::X509Ccm8),
    Work::Handshake(Scheme::X509Gcm),
    Work::Echo(Scheme::PskCcm8),
    Work::Echo(Scheme::X509Gcm),
];

/// Runs all of it.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let cores = options.cores()?;
    // Aims stand together at the end, as far as all else went well.
    let mut aims = Vec::new();
    libraries(options, cores, &mut aims)?;
    over_udp(options, cores, &mut aims)?;
    cores.take_server()?;
    at_rest(options, &mut aims)?;
    under_flood(options, &mut aims)?;
    others(options)?;
    println!("\naims");
    for one in aims {
        aim(&one.text, one.value, one.holds);
    }
    Ok(())
}

struct Aim {
    text: String,
    value: f64,
    holds: bool,
}

impl Aim {
    fn at_most(text: impl Into<String>, value: f64, most: f64) -> Self {
        Aim {
            text: format!("{}, at most {most}", text.into()),
            value,
            holds: value <= most,
        }
    }
}

fn libraries(options: &Options, cores: Cores, aims: &mut Vec<Aim>) -> Result<(), Box<dyn Error>> {
    cores.take_server()?;
    let material = Material::new()?;
    let folder = tempfile::tempdir()?;
    material.write(folder.path())?;
    let ring: Arc<dyn Provider> = Arc::new(Ring::new());
    let rustcrypto: Arc<dyn Provider> = Arc::new(RustCrypto);
    let warm_up = if options.smoke() {
        Duration::ZERO
    } else {
        JAVA_WARM_UP
    };
    let peers = peers::all(&material, folder.path(), warm_up)?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Ours::new("lwm2m-dtls, ring", &material, &ring)?),
        Box::new(Ours::new("lwm2m-dtls, RustCrypto", &material, &rustcrypto)?),
    ];
    contenders.extend(peers.here);
    let rounds = Rounds {
        count: options.rounds(WARM_UP).count,
        small: options.smoke(),
    };
    for work in WORKS {
        let rows = contest::contest(&mut contenders, work, rounds)?;
        print!("{}", table(work, &rows));
        let silent = contenders.iter().filter(|one| !one.offers(work));
        let names: Vec<String> = silent.map(|one| one.name()).collect();
        if !names.is_empty() {
            println!("not offered by {}", names.join(", "));
        }
        library_aims(work, &rows, aims);
    }
    println!();
    for (name, reason) in &peers.skipped {
        println!("skipped: {name}: {reason}");
    }
    Ok(())
}

fn library_aims(work: Work, rows: &[Row], aims: &mut Vec<Aim>) {
    if let (Work::Handshake(Scheme::PskCcm8), Some(ours)) = (work, rows.first()) {
        let text = "PSK handshake, both sides, CPU microseconds";
        aims.push(Aim::at_most(text, ours.micros(), 50.0));
    }
}

fn over_udp(options: &Options, cores: Cores, aims: &mut Vec<Aim>) -> Result<(), Box<dyn Error>> {
    cores.take_generator()?;
    let provider: Arc<dyn Provider> = Arc::new(Ring::new());
    let credentials = Credentials::new(Scheme::PskCcm8, &Material::new()?, &*provider)?;
    let mut greeter = client(&provider, 1)?;
    greeter.connect(
        Instant::ZERO,
        server_address(),
        credentials.connection.clone(),
    )?;
    let hello = greeter.poll_transmit().ok_or("there is no hello")?.data;
    let rounds = options.rounds(WARM_UP);
    for devices in options.devices(&DEVICES) {
        let secured = |name, kind| {
            options.own_met_before(cores, name, kind, devices, &hello, |server| {
                Secured::connect(Padded, devices, server, &credentials, &provider)
            })
        };
        let mut contenders = vec![
            options.own(cores, RAW, Kind::Raw, devices, Echoed(Padded))?,
            secured(ENGINE, Kind::Dtls)?,
            secured(COAPS, Kind::Coaps)?,
        ];
        let rows = load_contest(&mut contenders, devices, rounds)?;
        let title = options.title("records of 100 bytes echoed over UDP", devices, rounds);
        print!("{}", load_table(&title, &rows, RAW));
        check(&rows, ENGINE, devices)?;
        check(&rows, COAPS, devices)?;
        let find = |name: &str| rows.iter().find(|row| row.name == name);
        let Some(raw) = find(RAW) else {
            continue;
        };
        for name in [ENGINE, COAPS] {
            if let Some(row) = find(name) {
                let text =
                    format!("{devices} devices: CPU of {name} for an echo, times the raw one");
                aims.push(Aim::at_most(text, row.cost_to(raw), 1.5));
            }
        }
    }
    Ok(())
}

fn at_rest(options: &Options, aims: &mut Vec<Aim>) -> Result<(), Box<dyn Error>> {
    let scale = if options.smoke() { 100 } else { 1 };
    println!(
        "\n{:<34}{:>10}{:>11}{:>12}",
        "bytes of a session at rest", "counted", "allocated", "uncounted"
    );
    for sessions in SESSIONS {
        let sessions = sessions / scale;
        let bytes = per_session(Scheme::PskCcm8, sessions, None)?;
        println!(
            "{:<34}{:>10.0}{:>11.0}{:>12.0}",
            format!("{sessions} sessions"),
            bytes.counted,
            bytes.allocated,
            bytes.uncounted
        );
        let text = format!("bytes of each of {sessions} sessions, as the engine counts");
        aims.push(Aim::at_most(text, bytes.counted, 400.0));
        let text = format!("bytes of each of {sessions} sessions, as the allocator counts");
        aims.push(Aim::at_most(text, bytes.allocated, 400.0));
    }
    for (scheme, kept) in MORE_AT_REST {
        let sessions = SESSIONS[0] / scale;
        let bytes = per_session(scheme, sessions, kept.then_some(RESERVED))?;
        println!(
            "{:<34}{:>10.0}{:>11.0}{:>12.0}",
            format!(
                "{sessions}: {}{}",
                scheme.word(),
                if kept { ", kept" } else { "" }
            ),
            bytes.counted,
            bytes.allocated,
            bytes.uncounted
        );
    }
    Ok(())
}

/// The others at rest and under a flood, fewer of both, as their memory and their time are larger.
fn others(options: &Options) -> Result<(), Box<dyn Error>> {
    let scale = if options.smoke() { 100 } else { 1 };
    let (sessions, hellos) = (PEER_SESSIONS / scale, PEER_HELLOS / scale);
    let mut peers = peers::libraries(&Material::new()?)?;
    for peer in &mut peers.here {
        let name = peer.name();
        for scheme in Scheme::ALL {
            if let Some(bytes) = peer.at_rest(scheme, sessions)? {
                let what = format!("{sessions}: {}, {name}", scheme.word());
                println!("{what:<44}{bytes:>11.0}");
            }
        }
    }
    for peer in &mut peers.here {
        let name = peer.name();
        match peer.flooded(hellos)? {
            Some(left) => println!(
                "{hellos} hellos without cookie, {name}: {:.2} microseconds each, {:.0} bytes of each remain",
                left.cpu.as_secs_f64() * 1e6,
                left.bytes
            ),
            None => println!(
                "hellos without cookie: not offered by {name}: its program makes a peer for each address"
            ),
        }
    }
    Ok(())
}

fn under_flood(options: &Options, aims: &mut Vec<Aim>) -> Result<(), Box<dyn Error>> {
    let hellos = if options.smoke() { 10_000 } else { HELLOS };
    let came = flood(hellos)?;
    println!(
        "\n{hellos} hellos without cookie: {:.2} microseconds each, {} answered no longer than asked",
        came.each.as_secs_f64() * 1e6,
        came.answered
    );
    let (served, asked) = came.served;
    println!("    a device with a session was served {served} times of {asked}");
    println!(
        "    grown by {} bytes as the engine counts, {} as the allocator does; handshakes: {}",
        came.grown, came.allocated, came.handshakes
    );
    if came.grown > 0 || came.handshakes > 0 || served != asked || came.answered != hellos {
        return Err("the flood has left its traces".into());
    }
    let text = "bytes that a flood leaves, as the allocator counts";
    aims.push(Aim::at_most(text, came.allocated as f64, 0.0));
    Ok(())
}
