//! A server under load: a program of its own, on a core of its own.

use rustix::{
    process::{Pid, Signal, kill_process, set_parent_process_death_signal},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::{
    fs,
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a program may take until it answers. A Java machine starts within three seconds on one quiet core.
const START_WITHIN: Duration = Duration::from_secs(60);

const PAGE: u64 = 4096;

/// An empty confirmable message (RFC 7252, section 4.3).
const PING: &[u8] = &[0x40, 0, 0x12, 0x34];

/// Which core the servers have, and which the generator.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// Of the servers.
    pub server: usize,
    /// Of the generator.
    pub generator: usize,
}

impl Cores {
    /// The first two cores that this process may use; where there is one only, both share it.
    ///
    /// # Errors
    /// What the system says.
    pub fn available() -> io::Result<Self> {
        let set = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core));
        let generator = cores.next().unwrap_or(0);
        Ok(Cores {
            server: cores.next().unwrap_or(generator),
            generator,
        })
    }

    /// Moves the calling thread to the servers' core.
    ///
    /// # Errors
    /// What the system says: there is no such core.
    pub fn take_server(&self) -> io::Result<()> {
        pin(self.server)
    }

    /// Moves the calling thread to the generator's core.
    ///
    /// # Errors
    /// What the system says: there is no such core.
    pub fn take_generator(&self) -> io::Result<()> {
        pin(self.generator)
    }
}

/// Keeps the calling thread, and what it starts from now on, on one core.
fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    if core >= CpuSet::MAX_CPU {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no such core"));
    }
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| io::Error::other(format!("core {core}: {error}")))
}

/// Lets the calling process, one of those that [`Program::start`] starts, end with its parent, however that ends.
///
/// # Errors
/// What the system says.
pub fn end_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// A port of 127.0.0.1 that nobody has at this moment.
///
/// # Errors
/// There is none.
pub fn free_address() -> io::Result<SocketAddr> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A running server. It ends when this is dropped.
pub struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts a server that will listen on `address`, and waits until it answers a CoAP ping.
    ///
    /// # Errors
    /// It cannot be started, or ends or keeps silent.
    pub fn start(command: Command, address: SocketAddr, cores: Cores) -> io::Result<Self> {
        Program::start_that_answers(PING, command, address, cores)
    }

    /// The same with a server that answers this datagram with another.
    ///
    /// # Errors
    /// As above.
    pub fn start_that_answers(
        question: &[u8],
        mut command: Command,
        address: SocketAddr,
        cores: Cores,
    ) -> io::Result<Self> {
        // A child has the affinity of the thread that starts it.
        pin(cores.server)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        pin(cores.generator)?;
        let mut program = Program {
            child: child?,
            address,
        };
        program.wait(question)?;
        Ok(program)
    }

    fn wait(&mut self, question: &[u8]) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(self.address)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let give_up = Instant::now() + START_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended at once: {status}")));
            }
            if Instant::now() > give_up {
                return Err(io::Error::new(ErrorKind::TimedOut, "it does not answer"));
            }
            // Nobody listens yet: the system says so at the next call.
            let asked = socket.send(question);
            if asked.is_ok() && socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it stand still, so that it takes nothing from the one whose turn it is.
    ///
    /// # Errors
    /// It has ended.
    pub fn pause(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::STOP)?)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn go_on(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }

    /// The time that its threads have spent on their core.
    ///
    /// # Errors
    /// It has ended, or the system keeps no account of it.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split(' ').next().and_then(|text| text.parse().ok());
            nanos += first.unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory, bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages = text.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok(pages.unwrap_or(0) * PAGE)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Also ends one that stands still. Where it has ended already there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
