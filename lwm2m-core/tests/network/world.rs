//! A server and a device, and the network between them.

use crate::host::Host;
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    endpoint::{EndpointConfig, Failure, Holdings, RequestId},
    peer::PeerId,
};
use lwm2m_transport::sim::{HostId, Link, Net};
use std::{
    net::SocketAddr,
    ops::{Deref, DerefMut},
    path::PathBuf,
    time::Duration,
};

/// As much of a run as is kept for who has to look into it, bytes.
const CAPTURE: usize = 8 << 20;

pub(crate) const SERVER: &str = "10.0.0.1:5683";
pub(crate) const DEVICE: &str = "10.0.0.2:5683";

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The network with its two hosts; where a test fails, it leaves behind what went over it.
pub(crate) struct World {
    net: Net,
    pub(crate) server: HostId<Host>,
    pub(crate) device: HostId<Host>,
    name: String,
}

impl World {
    /// `name`: of the test, and of the file that a failure leaves.
    pub(crate) fn new(name: &str, seed: u64, server: Host, device: Host) -> Self {
        let mut net = Net::new(seed);
        net.capture(CAPTURE);
        let server = net.add_host(address(SERVER), server);
        let device = net.add_host(address(DEVICE), device);
        World {
            net,
            server,
            device,
            name: format!("{name}-{seed}"),
        }
    }

    /// Two hosts with the default bounds, whose programs leave everything to the test.
    pub(crate) fn plain(name: &str, seed: u64) -> Self {
        let config = EndpointConfig::default();
        let server = Host::new(seed * 2, config.clone());
        World::new(name, seed, server, Host::new(seed * 2 + 1, config))
    }

    /// How the device knows the server.
    pub(crate) fn to_server(&self) -> PeerId {
        PeerId::from_address(0, address(SERVER))
    }

    /// The device asks the server.
    pub(crate) fn ask(&mut self, request: Request) -> RequestId {
        let peer = self.to_server();
        let device = self.device;
        self.act(device, |host, now| host.ask(now, peer, request))
    }

    /// Lets time pass until a request of the device has ended, and tells how.
    pub(crate) fn end_of(&mut self, id: RequestId) -> Result<Response, Failure> {
        let device = self.device;
        let ended = |net: &mut Net| net.host(device).end_of(id).is_some();
        assert!(self.run_until(ended, seconds(600)), "it has not ended");
        self.host(device).end_of(id).unwrap()
    }

    /// Lets time pass until the server was asked as often as this.
    pub(crate) fn until_asked(&mut self, times: usize) {
        let server = self.server;
        let asked = |net: &mut Net| net.host(server).asked().len() >= times;
        assert!(self.run_until(asked, seconds(100)), "it is not asked");
    }

    /// Lets what the device sends be lost, or not.
    pub(crate) fn lose_from_device(&mut self, lost: bool) {
        let (server, device) = (self.server, self.device);
        self.set_one_way(device, server, all_or_nothing(lost));
    }

    /// Lets what the server sends be lost, or not.
    pub(crate) fn lose_from_server(&mut self, lost: bool) {
        let (server, device) = (self.server, self.device);
        self.set_one_way(server, device, all_or_nothing(lost));
    }

    pub(crate) fn held_by(&self, host: HostId<Host>) -> Holdings {
        self.host(host).endpoint.holdings()
    }

    /// Both hosts forget all in time.
    pub(crate) fn assert_forgets_all(&mut self) {
        self.run_for(seconds(4000));
        for host in [self.server, self.device] {
            assert_eq!(self.held_by(host), Holdings::default());
        }
    }

    fn file(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.pcap", self.name))
    }
}

fn all_or_nothing(lost: bool) -> Link {
    Link::new().loss(if lost { 1.0 } else { 0.0 })
}

impl Deref for World {
    type Target = Net;

    fn deref(&self) -> &Net {
        &self.net
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Net {
        &mut self.net
    }
}

impl Drop for World {
    #[allow(clippy::print_stderr, reason = "it belongs to the failure of a test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let file = self.file();
            match self.net.write_pcap(&file) {
                Ok(()) => eprintln!("what went over the network: {}", file.display()),
                Err(error) => eprintln!("{} cannot be written: {error}", file.display()),
            }
        }
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::new(Code::GET).path_segment(path)
}

pub(crate) fn post(path: &str) -> Request {
    Request::new(Code::POST)
        .path_segment(path)
        .body(0, &b"once"[..])
}

pub(crate) fn observe(path: &str) -> Request {
    get(path).uint_option(option::OBSERVE, 0)
}

#[test]
fn a_failure_leaves_a_capture() {
    let before = World::plain("left-behind", 1);
    let file = before.file();
    let _ = std::fs::remove_file(&file);
    drop(before);
    assert!(!file.exists(), "nothing has failed");
    let failure = std::panic::catch_unwind(|| {
        let mut world = World::plain("left-behind", 1);
        world.ask(get("x"));
        panic!("as a test that fails");
    });
    assert!(failure.is_err());
    let capture = std::fs::read(&file).unwrap();
    assert_eq!(capture[..4], [0xD4, 0xC3, 0xB2, 0xA1]);
    assert!(capture.len() > 24 + 16 + 28, "the request is in it");
    std::fs::remove_file(file).unwrap();
}
