//! The whole tour over a network that loses a fifth of all datagrams, in virtual time, and the ways to leave.
//!
//! The network injects identities as a handshake would; handshakes under loss are tested with the DTLS backend.

use lwm2m_client::ClientEngine;
use lwm2m_conformance::{
    tour::{lossy, tour, write_lifetime},
    world::{NAME, World},
};
use lwm2m_server::ServerEvent;
use std::time::Duration;

/// Seeds of the runs; a run that fails fails again with its seed. In that of 33 a block of the image is lost for good,
/// and the upload begins anew.
const SEEDS: std::ops::Range<u64> = 0..40;

#[test]
fn with_a_fifth_lost_and_a_good_bye() {
    for seed in SEEDS {
        let mut world = tour(seed, lossy(), true);
        world.net.act(world.device, ClientEngine::deregister);
        world.wait("de-registration", |event| {
            matches!(event, ServerEvent::Deregistered { .. }).then_some(())
        });
    }
}

#[test]
fn with_a_fifth_lost_and_the_power_cut() {
    for seed in SEEDS {
        let mut world = tour(100 + seed, lossy(), true);
        write_lifetime(&mut world, 60);
        world.net.power_off(world.device);
        world.wait("expiry", |event| {
            matches!(event, ServerEvent::Expired { .. }).then_some(())
        });
        assert!(world.net.host(world.server).registration(NAME).is_none());
    }
}

#[test]
fn with_a_fifth_lost_and_staying_for_a_day() {
    let mut world = tour(200, lossy(), true);
    for _ in 0..24 {
        world.net.run_for(Duration::from_secs(3600));
        world.moment();
        // A loss of all repetitions of an update may cost a registration, which comes back by itself.
        let registered =
            |world: &mut World| world.net.host(world.server).registration(NAME).is_some();
        if !registered(&mut world) {
            world.registered();
        }
        assert!(registered(&mut world));
    }
}
