//! Connections and registrations: carries out what the [`Registration`] machines decide.

use super::{ClientEngine, Purpose};
use crate::{
    account::Account,
    event::{ClientEvent, SessionError},
    object::Clock,
    registration::{Command, Input, Registration, Settings},
    staging::{implied_or_said, is_bootstrap, short_server_id},
    tree::{flag, number, text},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{cmp::Reverse, time::Duration};
use lwm2m_core::{
    coap::{Request, Response},
    endpoint::{Failure, RequestOptions},
    engine::{CloseReason, Credentials, Outbound},
    link::{Link, LinkTarget},
    model::Models,
    operation::{Binding, Deregister, Register, Update},
    path::{Path, is_security_object},
    peer::PeerId,
    time::Instant,
    version::LwM2mVersion,
};
use lwm2m_objects::{security, server};

/// A server the client registers with.
#[derive(Debug)]
pub(super) struct Session {
    /// Short server id.
    pub(super) server_id: u16,
    /// Instance of object 0.
    pub(super) account: u16,
    /// Instance of object 1.
    pub(super) instance: u16,
    pub(super) registration: Registration,
    /// The connection, from the moment it is asked for.
    pub(super) peer: Option<PeerId>,
    /// Waits for its turn (/1/x/13).
    queued: bool,
}

impl ClientEngine {
    pub(super) fn session_of(&self, peer: PeerId) -> Option<usize> {
        self.sessions
            .iter()
            .position(|session| session.peer == Some(peer))
    }

    fn session(&self, server: u16) -> Option<usize> {
        self.sessions
            .iter()
            .position(|session| session.server_id == server)
    }

    /// Makes a session for each usable account and starts those whose turn it is (Core 1.2.2, section
    /// 6.2.1.1).
    pub(super) fn rebuild_sessions(&mut self, now: Instant) {
        let clock = self.clock(now);
        let servers = self.tree.instances(&clock, server::ID);
        for (account, data) in self.tree.instances(&clock, security::ID) {
            if is_bootstrap(&data) || self.sessions.len() >= self.config.max_servers {
                continue;
            }
            let server_id = short_server_id(&data, security::SHORT_SERVER_ID);
            let instance = servers.iter().find(|(_, server)| {
                server_id.is_some() && short_server_id(server, server::SHORT_SERVER_ID) == server_id
            });
            let (Some(server_id), Some((instance, _))) = (server_id, instance) else {
                tracing::warn!("/0/{account} has no server object that belongs to it");
                continue;
            };
            self.sessions.push(Session {
                server_id,
                account,
                instance: *instance,
                registration: Registration::new(self.config.version),
                peer: None,
                queued: true,
            });
        }
        let known: Vec<u16> = self.sessions.iter().map(|s| s.server_id).collect();
        self.attributes
            .retain_servers(|server| known.contains(&server));
        // Servers without a priority register on their own; the others one after the other.
        for index in 0..self.sessions.len() {
            if self.priority(&clock, index).is_none() {
                self.start_session(now, index);
            }
        }
        self.advance_order(now);
    }

    fn priority(&self, clock: &Clock, index: usize) -> Option<i64> {
        let instance = self.sessions[index].instance;
        let path = Path::resource(server::ID, instance, server::REGISTRATION_PRIORITY_ORDER);
        number(&self.tree, clock, &path)
    }

    fn start_session(&mut self, now: Instant, index: usize) {
        self.sessions[index].queued = false;
        let path = Path::resource(
            server::ID,
            self.sessions[index].instance,
            server::INITIAL_REGISTRATION_DELAY_TIMER,
        );
        let delay = number(&self.tree, &self.clock(now), &path);
        let after = Duration::from_secs(delay.and_then(|d| d.try_into().ok()).unwrap_or(0));
        self.step(now, index, Input::Start { after });
        self.step(now, index, Input::Tick);
    }

    /// Starts the next server in the order of priorities.
    fn advance_order(&mut self, now: Instant) {
        let clock = self.clock(now);
        let next = (0..self.sessions.len())
            .filter(|index| self.sessions[*index].queued)
            .max_by_key(|index| Reverse(self.priority(&clock, *index)));
        if let Some(index) = next {
            self.start_session(now, index);
        }
    }

    /// What the server object says about a session now; the defaults are those of Core 1.2.2, table 6.2.1.1-1.
    fn settings(&self, now: Instant, index: usize) -> Settings {
        let clock = self.clock(now);
        let session = &self.sessions[index];
        let path = |resource| Path::resource(server::ID, session.instance, resource);
        let number = |resource| number(&self.tree, &clock, &path(resource));
        let count = |resource, default: u32| {
            let count = number(resource).and_then(|count| u32::try_from(count).ok());
            count.unwrap_or(default).max(1)
        };
        let seconds = |resource, default: u64| {
            let seconds = number(resource).and_then(|seconds| u64::try_from(seconds).ok());
            Duration::from_secs(seconds.unwrap_or(default))
        };
        let lifetime = match number(server::LIFETIME) {
            Some(lifetime @ 0..) => u32::try_from(lifetime).unwrap_or(u32::MAX),
            _ => 86_400,
        };
        let on_failure = path(server::BOOTSTRAP_ON_REGISTRATION_FAILURE);
        Settings {
            lifetime,
            binding: text(&self.tree, &clock, &path(server::BINDING)),
            revision: self.tree.revision(),
            profile: self.profile_holds(),
            disable_timeout: seconds(server::DISABLE_TIMEOUT, 86_400),
            retry_count: count(server::COMMUNICATION_RETRY_COUNT, 5),
            retry_timer: seconds(server::COMMUNICATION_RETRY_TIMER, 60),
            sequence_delay: seconds(server::COMMUNICATION_SEQUENCE_DELAY_TIMER, 86_400),
            sequence_retry_count: count(server::COMMUNICATION_SEQUENCE_RETRY_COUNT, 1),
            can_bootstrap: self.bootstrap_account(&clock).is_some()
                && flag(&self.tree, &clock, &on_failure).unwrap_or(true),
            lowest_version: self.config.lowest_version,
            connect_timeout: self.config.connect_timeout,
            deregister_timeout: self.config.deregister_timeout,
            transmit_wait: self.config.endpoint.timing.max_transmit_wait(),
            reconnect_delay: spread(&self.name),
        }
    }

    pub(super) fn step(&mut self, now: Instant, index: usize, input: Input) {
        let settings = self.settings(now, index);
        let commands = self.sessions[index]
            .registration
            .step(now, input, &settings);
        let server = self.sessions[index].server_id;
        for command in commands {
            // A command may take the session with it (a bootstrap that begins).
            if let Some(index) = self.session(server) {
                self.carry_out(now, index, command);
            }
        }
    }

    pub(super) fn step_all(&mut self, now: Instant, input: Input) {
        let servers: Vec<u16> = self.sessions.iter().map(|s| s.server_id).collect();
        for server in servers {
            if let Some(index) = self.session(server) {
                self.step(now, index, input.clone());
            }
        }
    }

    pub(super) fn step_instance(&mut self, now: Instant, instance: u16, input: Input) {
        let index = self.sessions.iter().position(|s| s.instance == instance);
        if let Some(index) = index {
            self.step(now, index, input);
        }
    }

    /// The device has another address: servers that know it by its address are registered with anew over another
    /// connection, the others learn of it by an update that the same session sends from another socket.
    pub(super) fn move_sessions(&mut self, now: Instant) {
        let clock = self.clock(now);
        let is_secured = |account| {
            let data = self.tree.instance(&clock, security::ID, account);
            let account = Account::from_instance(&data.unwrap_or_default());
            account.is_ok_and(|account| !matches!(account.credentials(), Credentials::None))
        };
        let moved: Vec<(u16, Option<PeerId>)> = (self.sessions.iter())
            .map(|session| {
                // A handshake that has begun cannot go on from elsewhere.
                let stands = !session.registration.is_connecting();
                let goes_on = is_secured(session.account) && stands;
                (session.server_id, session.peer.filter(|_| goes_on))
            })
            .collect();
        for (server, goes_on) in moved {
            let input = match goes_on {
                Some(peer) => {
                    self.outbound.push_back(Outbound::Rebind { peer });
                    Input::Update
                }
                None => Input::Moved,
            };
            if let Some(index) = self.session(server) {
                self.step(now, index, input);
            }
        }
    }

    pub(super) fn tick_sessions(&mut self, now: Instant) {
        let is_due = |session: &&Session| session.registration.deadline().is_some_and(|d| d <= now);
        let due = self.sessions.iter().filter(is_due);
        let due: Vec<u16> = due.map(|session| session.server_id).collect();
        for server in due {
            if let Some(index) = self.session(server) {
                self.step(now, index, Input::Tick);
            }
        }
    }

    fn carry_out(&mut self, now: Instant, index: usize, command: Command) {
        let server = self.sessions[index].server_id;
        match command {
            Command::Connect => self.connect_session(now, index),
            Command::Disconnect => self.disconnect(now, index),
            Command::Register(version) => self.send_register(now, index, version),
            Command::Update {
                location,
                lifetime,
                binding,
                links,
            } => {
                let mut update = Update::default();
                update.location = location;
                update.lifetime = lifetime;
                let version = self.sessions[index].registration.version();
                update.links = links.then(|| self.links(version));
                if let Some(text) = binding
                    && let Ok(binding) = Binding::parse(&text)
                {
                    // A binding without it would say that queue mode has ended.
                    let queue_mode = self.config.queue_mode || binding.has_queue_mode();
                    let in_binding = version == LwM2mVersion::V1_0;
                    update.binding = Some(binding.with_queue_mode(queue_mode && in_binding));
                    update.queue_mode = queue_mode && !in_binding;
                }
                self.request_registration(now, index, update.to_request(), None);
            }
            Command::Deregister { location } => {
                // The answer to an update under way would be taken for the answer to this.
                self.cancel_registration_requests(server);
                let request = Deregister { location }.to_request();
                let deadline = Some(self.config.deregister_timeout);
                self.request_registration(now, index, request, deadline);
            }
            Command::Registered => {
                self.forget_observers(server);
                self.bootstrap.attempts = 0;
                let session = &self.sessions[index];
                let location = session.registration.location().unwrap_or_default();
                let location = location
                    .iter()
                    .fold(String::new(), |path, s| path + "/" + s);
                self.events.push_back(ClientEvent::Registered {
                    server,
                    version: session.registration.version(),
                    location,
                });
                self.advance_order(now);
            }
            Command::Updated => self.events.push_back(ClientEvent::Updated { server }),
            Command::AttemptFailed(reason, wait) => {
                self.events.push_back(ClientEvent::RegistrationFailed {
                    server,
                    reason,
                    retry_in: Some(wait),
                });
            }
            Command::Exhausted => {
                if !self.blocks_others(now, index) {
                    self.advance_order(now);
                }
            }
            Command::Failed(reason) => self.registration_failed(now, index, reason),
            Command::Lost(reason) => {
                (self.events).push_back(ClientEvent::RegistrationLost { server, reason });
            }
            Command::Deregistered => {
                self.events.push_back(ClientEvent::Deregistered { server });
            }
            Command::Disabled(duration) => {
                (self.events).push_back(ClientEvent::Disabled { server, duration });
            }
        }
    }

    /// /1/x/15
    fn blocks_others(&self, now: Instant, index: usize) -> bool {
        let instance = self.sessions[index].instance;
        let path = Path::resource(server::ID, instance, server::REGISTRATION_FAILURE_BLOCK);
        flag(&self.tree, &self.clock(now), &path).unwrap_or(false)
    }

    fn registration_failed(&mut self, now: Instant, index: usize, reason: SessionError) {
        let server = self.sessions[index].server_id;
        self.events.push_back(ClientEvent::RegistrationFailed {
            server,
            reason,
            retry_in: None,
        });
        let blocks = self.blocks_others(now, index);
        if !blocks {
            self.advance_order(now);
        }
        let others_live = self.sessions.iter().any(|session| {
            session.server_id != server
                && (session.registration.is_registered() || session.registration.is_pending())
        });
        if !blocks && others_live {
            // The device is in somebody's hands: no bootstrap, and another try some other day.
            let after = self.settings(now, index).sequence_delay;
            if let Some(index) = self.session(server) {
                self.step(now, index, Input::Start { after });
            }
        } else {
            self.bootstrap_after_failure(now);
        }
    }

    // --- connections ---------------------------------------------------------------------------------

    /// A name for a new connection.
    pub(super) fn next_peer(&mut self) -> PeerId {
        self.next_connection += 1;
        PeerId::from_connection(self.config.connector, self.next_connection)
    }

    fn connect_session(&mut self, now: Instant, index: usize) {
        let clock = self.clock(now);
        let account = self.sessions[index].account;
        let data = (self.tree.instance(&clock, security::ID, account)).unwrap_or_default();
        let peer = self.next_peer();
        self.sessions[index].peer = Some(peer);
        match Account::from_instance(&data) {
            Ok(account) => self.outbound.push_back(Outbound::Connect {
                peer,
                target: account.uri().clone(),
                server_name: account.server_name().map(Into::into),
                credentials: account.credentials().clone(),
            }),
            Err(error) => {
                tracing::warn!("/0/{account} cannot be used: {error}");
                self.sessions[index].peer = None;
                let reason = CloseReason::Unsupported(error.to_string());
                self.step(now, index, Input::Closed(reason));
            }
        }
    }

    pub(super) fn on_connected(&mut self, now: Instant, peer: PeerId) {
        if self.bootstrap.is_peer(peer) {
            self.bootstrap_connected(now);
        } else if let Some(index) = self.session_of(peer) {
            self.step(now, index, Input::Connected);
        }
    }

    pub(super) fn on_closed(&mut self, now: Instant, peer: PeerId, reason: CloseReason) {
        if self.bootstrap.is_peer(peer) {
            self.bootstrap_closed(now, peer, reason);
        } else if let Some(index) = self.session_of(peer) {
            self.forget_session_state(now, index);
            self.sessions[index].peer = None;
            self.step(now, index, Input::Closed(reason));
        }
    }

    /// Ends a connection; what is still to be sent goes first.
    pub(super) fn close(&mut self, now: Instant, peer: PeerId) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.outbound.push_back(Outbound::Datagram {
                peer: transmit.peer,
                data: transmit.data,
            });
        }
        self.endpoint.forget_peer(now, peer);
        self.outbound.push_back(Outbound::Close { peer });
    }

    fn disconnect(&mut self, now: Instant, index: usize) {
        self.forget_session_state(now, index);
        if let Some(peer) = self.sessions[index].peer.take() {
            self.close(now, peer);
        }
    }

    /// Drops what lives only as long as a connection.
    fn forget_session_state(&mut self, now: Instant, index: usize) {
        let server = self.sessions[index].server_id;
        self.forget_observers(server);
        self.abort_uploads(now, server);
        let mut lost = Vec::new();
        self.pending.retain(|(_, purpose)| match purpose {
            Purpose::Registration(of) => *of != server,
            Purpose::Send { server: of, id } if *of == server => {
                lost.push(*id);
                false
            }
            _ => true,
        });
        for id in lost {
            let result = Err(SessionError::Request(Failure::PeerLost));
            (self.events).push_back(ClientEvent::Sent { id, server, result });
        }
        if let Some(peer) = self.sessions[index].peer {
            self.endpoint.forget_peer(now, peer);
        }
    }

    /// Ends all sessions without a word to the servers.
    pub(super) fn drop_sessions(&mut self, now: Instant) {
        for index in 0..self.sessions.len() {
            self.disconnect(now, index);
        }
        self.sessions.clear();
    }

    // --- requests ------------------------------------------------------------------------------------

    fn send_register(&mut self, now: Instant, index: usize, version: LwM2mVersion) {
        let settings = self.settings(now, index);
        let mut links = self.links(version);
        let with_profile = self.sessions[index].registration.says_profile();
        let profile = self.config.profile.as_ref().filter(|_| with_profile);
        if let Some(profile) = profile {
            links.retain(|link| match &link.target {
                LinkTarget::Path(path) => {
                    let stands_for = |object| profile.objects.contains(&object);
                    !path.object_id().is_some_and(stands_for)
                }
                _ => true,
            });
            // Nothing but the root is left: the profile says everything.
            if links.len() == 1 {
                links.clear();
            }
        }
        let mut register = Register::new(self.name.clone(), version, links);
        register.profile = profile.map(|profile| profile.ids.clone());
        register.lifetime = Some(settings.lifetime);
        let binding = settings.binding.as_deref().unwrap_or("U");
        register.binding = Some(Binding::parse(binding).unwrap_or(Binding::U));
        register.queue_mode = self.config.queue_mode || binding.contains('Q');
        self.request_registration(now, index, register.to_request(), None);
    }

    fn request_registration(
        &mut self,
        now: Instant,
        index: usize,
        request: Request,
        deadline: Option<Duration>,
    ) {
        let server = self.sessions[index].server_id;
        let Some(peer) = self.sessions[index].peer else {
            return;
        };
        let mut options = RequestOptions::default();
        options.deadline = deadline;
        match self.endpoint.request(now, peer, request, options) {
            Ok(id) => self.pending.push((id, Purpose::Registration(server))),
            Err(error) => {
                tracing::debug!(%error, server, "a registration request was not sent");
                self.step(now, index, Input::Failed(Failure::Timeout));
            }
        }
    }

    fn cancel_registration_requests(&mut self, server: u16) {
        let ours = |(_, purpose): &mut (_, Purpose)| *purpose == Purpose::Registration(server);
        for (id, _) in self.pending.extract_if(.., ours) {
            self.endpoint.cancel_request(id);
        }
    }

    pub(super) fn on_response(&mut self, now: Instant, purpose: Purpose, response: Response) {
        match purpose {
            Purpose::Registration(server) => {
                if let Some(index) = self.session(server) {
                    self.step(now, index, Input::Answered(response));
                }
            }
            Purpose::Bootstrap => self.bootstrap_answered(now, response.code),
            Purpose::Send { server, id } => {
                let result = match response.code.class() {
                    2 => Ok(()),
                    _ => Err(SessionError::Refused(response.code)),
                };
                (self.events).push_back(ClientEvent::Sent { id, server, result });
            }
        }
    }

    pub(super) fn on_failure(&mut self, now: Instant, purpose: Purpose, failure: Failure) {
        match purpose {
            Purpose::Registration(server) => {
                if let Some(index) = self.session(server) {
                    self.step(now, index, Input::Failed(failure));
                }
            }
            Purpose::Bootstrap => self.bootstrap_failed(now, SessionError::Request(failure)),
            Purpose::Send { server, id } => {
                let result = Err(SessionError::Request(failure));
                (self.events).push_back(ClientEvent::Sent { id, server, result });
            }
        }
    }

    /// The objects and instances as a registration lists them (Core 1.2.2, section 6.2.1): all but the hidden
    /// ones, the version of an object where a server could not guess it, and the formats on the root.
    fn links(&self, version: LwM2mVersion) -> Vec<Link> {
        let formats = match version {
            LwM2mVersion::V1_0 => "11543",
            LwM2mVersion::V1_1 => "60 110 112 11542",
            _ => "60 110 112 11542 11544",
        };
        let root = Link::to(Path::ROOT).with("rt", "oma.lwm2m");
        let mut links = Vec::from([root.with("ct", formats)]);
        for id in self.tree.ids().filter(|id| !is_security_object(*id)) {
            self.push_links(version, id, &mut links);
        }
        links
    }

    /// The links of one object.
    fn push_links(&self, version: LwM2mVersion, id: u16, links: &mut Vec<Link>) {
        let Some(model) = Models::object(&self.tree, id) else {
            return;
        };
        let instances = self.tree.instance_ids(id).into_iter();
        let paths = instances.filter_map(|instance| Path::try_from_ids(&[id, instance]).ok());
        let paths: Vec<Path> = paths.collect();
        match (
            implied_or_said(version, id, Some(model.version)),
            Path::try_from_ids(&[id]),
        ) {
            (Some(said), Ok(path)) => {
                links.push(Link::to(path).with("ver", said.to_string()));
            }
            (None, Ok(path)) if paths.is_empty() => links.push(Link::to(path)),
            _ => {}
        }
        links.extend(paths.into_iter().map(Link::to));
    }

    /// The links of the objects that the profile stands for, as they are now; none without a profile.
    pub(super) fn profile_links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        let profile = self.config.profile.iter();
        for id in profile.flat_map(|profile| &profile.objects) {
            self.push_links(LwM2mVersion::V1_2, *id, &mut links);
        }
        links
    }

    /// Whether there is a profile, and its objects are still those that the servers know by it.
    fn profile_holds(&self) -> bool {
        self.config.profile.is_some() && self.profile_links() == self.profiled
    }
}

/// One to two seconds by the name of the device, so that a fleet does not come back as one.
fn spread(name: &str) -> Duration {
    // FNV-1a
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Duration::from_millis(1_000 + hash % 1_000)
}
