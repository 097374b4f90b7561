//! A world in which faults happen, a device that outlives its restarts, and an operator who does not give up.

use super::{Fault, Incident};
use crate::{
    wire::Packet,
    world::{
        Flash, NAME, NEW_VERSION, Setup, World, bootstrap_account, device_resources,
        server_account, unsecured_bootstrap_account, unsecured_server_account,
    },
};
use lwm2m_client::{
    ClientBuilder, ClientEngine, ClientEvent, DataObject, DeviceObject, FirmwareObject, Instance,
    firmware::UpdateResult,
    state::{ClientState, Storage},
};
use lwm2m_core::{
    coap::{Code, Response},
    operation::DeviceOperation,
    path::Path,
    time::Instant,
};
use lwm2m_objects::ipso::temperature;
use lwm2m_server::{
    DeviceError, Registration, ServerEvent,
    engine::RequestTicket,
    store::{Change, Collection, Document},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Lifetime of the registrations.
pub(super) const LIFETIME: Duration = Duration::from_secs(300);
/// What the sensor of the device measures.
pub(super) const SENSOR_VALUE: Path = Path::resource(3303, 0, 5700);
/// What can be executed at the device.
pub(super) const COMMAND: Path = Path::resource(3303, 0, 5605);
/// How closely the world is looked at.
const STEP: Duration = Duration::from_millis(100);
/// How long a change waits before the store has it, as the server's write-behind does.
const WRITE_BEHIND: Duration = Duration::from_millis(200);
/// How long all may take to come right again. Half of the datagrams lost, a firmware image takes its hours.
pub(super) const PATIENCE: Duration = Duration::from_secs(12 * 3600);
/// How long an operator waits before trying again.
const PAUSE: Duration = Duration::from_secs(10);
/// Changes taken to the store at once; more than there ever are.
const BATCH: usize = 1000;

/// Accounts in a memory that no restart clears.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Option<ClientState>>>);

impl Storage for Memory {
    fn load(&mut self) -> Option<ClientState> {
        self.0.lock().unwrap().clone()
    }

    fn store(&mut self, state: &ClientState) {
        *self.0.lock().unwrap() = Some(state.clone());
    }
}

/// The device as a thing: what is there whatever becomes of its program.
#[derive(Clone)]
pub(super) struct Device {
    accounts: Memory,
    /// Where a firmware image goes.
    pub(super) flash: Flash,
    /// First arguments of what was executed, in the order in which it was done.
    pub(super) executed: Arc<Mutex<Vec<String>>>,
    /// What the sensor measures now.
    reading: f64,
    /// Sensors, by the number of their instance.
    pub(super) sensors: u16,
    /// Whether the new firmware runs.
    installed: bool,
    unsecured: bool,
    bootstrapped: bool,
}

impl Device {
    fn new(fault: Fault, bootstrapped: bool) -> Self {
        Device {
            accounts: Memory::default(),
            flash: Flash::default(),
            executed: Arc::default(),
            reading: 0.0,
            sensors: 1,
            installed: false,
            unsecured: fault.is_unsecured(),
            bootstrapped,
        }
    }

    fn sensor(&self) -> Instance {
        Instance::new()
            .with(temperature::SENSOR_VALUE, self.reading)
            .with(temperature::SENSOR_UNITS, "Cel")
    }

    fn build(&self, builder: ClientBuilder) -> ClientBuilder {
        let executed = self.executed.clone();
        let mut sensors = DataObject::new(&temperature::V1_1).dynamic().on_execute(
            [COMMAND_ID],
            move |_, _, _, arguments| {
                let first = arguments.first().and_then(|(_, text)| text.clone());
                executed.lock().unwrap().push(first.unwrap_or_default());
                Ok(())
            },
        );
        for id in 0..self.sensors {
            sensors.insert(id, self.sensor());
        }
        let (version, result) = match self.installed {
            true => (NEW_VERSION, UpdateResult::Success),
            false => ("1.0.0", UpdateResult::Initial),
        };
        let builder = builder
            .storage(self.accounts.clone())
            .object(DeviceObject::new(device_resources().with(3, version)))
            .object(FirmwareObject::new(self.flash.clone()).with_result(result))
            .object(sensors);
        match (self.bootstrapped, self.unsecured) {
            (true, false) => builder.bootstrap(bootstrap_account()),
            (true, true) => builder.bootstrap(unsecured_bootstrap_account()),
            (false, secured) => {
                let account = match secured {
                    false => server_account(),
                    true => unsecured_server_account(),
                };
                builder.server(account.lifetime(300).mute_send(false))
            }
        }
    }
}

/// The last segment of [`COMMAND`].
const COMMAND_ID: u16 = temperature::RESET_MIN_AND_MAX_MEASURED_VALUES;

/// See the [module](self).
pub(super) struct Plant {
    pub(super) world: World,
    pub(super) device: Device,
    pub(super) fault: Fault,
    random: ChaCha8Rng,
    due: VecDeque<(Instant, Incident)>,
    store: BTreeMap<(Collection, String), Document>,
    written: Instant,
    /// How many events of the device have been looked at.
    heard: usize,
    /// How often the server has begun anew; a request of an earlier life never ends.
    lives: u32,
}

impl Plant {
    /// A device that has just been switched on, with an account at the server or, where it is to be bootstrapped, at
    /// the bootstrap server.
    pub(super) fn new(fault: Fault, seed: u64, bootstrapped: bool) -> Self {
        let device = Device::new(fault, bootstrapped);
        let mut setup = Setup::default()
            .network(seed, fault.link())
            .endpoint(fault.endpoint());
        if fault.is_unsecured() {
            setup = setup.unsecured();
        }
        let setup = setup.bootstrapped(|account| account.lifetime(LIFETIME).mute_send(false));
        let mut world = setup.build(|builder| device.build(builder));
        world
            .net
            .set_connection_ids(fault == Fault::RebindingWithConnectionId);
        world
            .net
            .act(world.server, |server, _| server.remember_changes());
        Plant {
            world,
            device,
            fault,
            // Not that of the network, so that moments and fates are drawn apart.
            random: ChaCha8Rng::seed_from_u64(seed ^ 0xFA01_7000),
            due: VecDeque::new(),
            store: BTreeMap::new(),
            written: Instant::ZERO,
            heard: 0,
            lives: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.world.net.now()
    }

    /// Lets the incidents of the fault happen at moments between now and then.
    pub(super) fn incidents_within(&mut self, time: Duration) {
        let now = self.now();
        let mut due: Vec<_> = (self.fault.incidents().iter())
            .map(|incident| (now + time.mul_f64(self.random.random()), *incident))
            .collect();
        due.sort_by_key(|(at, _)| *at);
        self.due.extend(due);
    }

    /// Lets a moment pass, with what happens in it.
    pub(super) fn tick(&mut self) {
        let now = self.now();
        let step = match self.due.front() {
            Some((at, _)) => at.since(now).min(STEP),
            None => STEP,
        };
        self.world.pass(step);
        self.note_installation();
        while self.due.front().is_some_and(|(at, _)| *at <= self.now()) {
            if let Some((_, incident)) = self.due.pop_front() {
                self.carry_out(incident);
            }
        }
        if self.now().since(self.written) >= WRITE_BEHIND {
            self.write_behind();
        }
    }

    fn carry_out(&mut self, incident: Incident) {
        match incident {
            Incident::Rebind => self.world.net.rebind(self.world.device),
            Incident::RestartClient => self.world.restart_device(|new| self.device.build(new)),
            Incident::RestartServers => {
                // What was not written by now is lost.
                self.world.restart_server(self.store.values());
                self.world.restart_bootstrap_server();
                self.lives += 1;
            }
        }
    }

    /// Once the installation has begun, every further start is one of the new firmware.
    fn note_installation(&mut self) {
        for event in &self.world.told[self.heard..] {
            if matches!(event, ClientEvent::FirmwareInstallRequested { .. }) {
                self.device.installed = true;
            }
        }
        self.heard = self.world.told.len();
    }

    fn write_behind(&mut self) {
        self.written = self.now();
        let changes = self
            .world
            .net
            .host_mut(self.world.server)
            .take_changes(BATCH);
        for change in changes {
            match change {
                Change::Put(document) => {
                    let key = (document.collection, document.key.clone());
                    self.store.insert(key, document);
                }
                Change::Remove { collection, key } => {
                    self.store.remove(&(collection, key));
                }
                other => panic!("a change of another kind: {other:?}"),
            }
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.tick();
        }
    }

    /// Lets time pass until this holds.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`].
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&Plant) -> bool) {
        let end = self.now() + PATIENCE;
        while !holds(self) {
            assert!(self.now() < end, "not within {PATIENCE:?}: {what}");
            self.tick();
        }
    }

    /// Sends a request to the device, and waits for its end.
    pub(super) fn request(
        &mut self,
        operation: impl Into<DeviceOperation>,
    ) -> Result<Response, DeviceError> {
        let operation = operation.into();
        let ticket = self.world.net.act(self.world.server, |server, now| {
            server.request(now, NAME, &operation, None)
        })?;
        self.ended(ticket)
    }

    /// Waits for the end of a request.
    pub(super) fn ended(&mut self, ticket: RequestTicket) -> Result<Response, DeviceError> {
        let lives = self.lives;
        loop {
            if lives != self.lives {
                return Err(DeviceError::Stopped);
            }
            if let Some(result) = self.world.outcome(ticket) {
                return result;
            }
            self.tick();
        }
    }

    /// Asks until an answer comes.
    ///
    /// # Panics
    /// Where none comes however often it is asked.
    pub(super) fn answered(&mut self, operation: impl Into<DeviceOperation>) -> Response {
        let operation = operation.into();
        self.insist(|plant| plant.request(operation.clone()).ok())
    }

    /// Tries until something comes of it.
    ///
    /// # Panics
    /// Where nothing does within [`PATIENCE`].
    pub(super) fn insist<T>(&mut self, mut attempt: impl FnMut(&mut Plant) -> Option<T>) -> T {
        let end = self.now() + PATIENCE;
        loop {
            if let Some(result) = attempt(self) {
                return result;
            }
            assert!(self.now() < end, "tried in vain for {PATIENCE:?}");
            self.run(PAUSE);
        }
    }

    /// Lets the sensor measure something.
    pub(super) fn measure(&mut self, value: f64) {
        self.device.reading = value;
        self.world.set(SENSOR_VALUE, value);
    }

    /// Gives the device one more sensor.
    pub(super) fn add_sensor(&mut self) {
        let path = Path::object_instance(3303, self.device.sensors);
        self.device.sensors += 1;
        let sensor = self.device.sensor();
        self.world.net.act(self.world.device, |device, now| {
            device.create(now, path, sensor).unwrap();
        });
    }

    /// Lets the bootstrap server give the device another lifetime.
    pub(super) fn provision(&self, lifetime: Duration) {
        let configurations = &self.world.configurations;
        let config = configurations.config(NAME);
        let mut config = (*config.expect("it is there from the start")).clone();
        for account in &mut config.accounts {
            account.lifetime = lifetime;
        }
        configurations.set(NAME, config).unwrap();
    }

    pub(super) fn client(&self) -> &ClientEngine {
        self.world.net.host(self.world.device)
    }

    pub(super) fn registration(&self) -> Option<Arc<Registration>> {
        let server = self.world.net.host(self.world.server);
        server.registration(NAME)
    }

    /// Whether device and server mean the same registration, with all objects that the device has.
    pub(super) fn agrees(&self) -> bool {
        let Some(registration) = self.registration() else {
            return false;
        };
        let location = self.world.told.iter().rev().find_map(|event| match event {
            ClientEvent::Registered { location, .. } => Some(location),
            _ => None,
        });
        let sensors = registration.objects.links.supported().object(3303);
        let sensors = sensors.map_or(0, |object| object.instances.len());
        self.client().registered() == [1]
            && location.is_some_and(|location| location.ends_with(&*registration.id))
            && sensors == usize::from(self.device.sensors)
    }

    /// How many events of the server are of this kind.
    pub(super) fn count(&self, wanted: impl Fn(&ServerEvent) -> bool) -> usize {
        self.world
            .events
            .iter()
            .filter(|event| wanted(event))
            .count()
    }

    /// What the device has sent, repetitions counted once.
    pub(super) fn sent_by_device(&self, wanted: impl Fn(&Packet) -> bool) -> usize {
        let sent = self.world.sent();
        let once: HashSet<_> = (sent.iter().filter(|packet| wanted(packet)))
            // An acknowledgement has the id of its request, which its sender has not chosen.
            .map(|packet| (packet.message.kind, packet.message.id, packet.message.token))
            .collect();
        once.len()
    }

    /// Asks until the answer has this code.
    ///
    /// # Panics
    /// Where an answer has another, or none comes.
    pub(super) fn must(
        &mut self,
        operation: impl Into<DeviceOperation> + Clone,
        code: Code,
    ) -> Response {
        let response = self.answered(operation);
        assert_eq!(response.code, code, "{response:?}");
        response
    }
}
