//! The device's conversation with the server: what it was asked and answered, registration, and operations that are
//! ordered through the trigger.

use super::{
    Access, ServerJudge, Wanted,
    device::LIFETIME,
    trigger::{self, TriggerError},
};
use crate::judge::{
    sitting::Sitting,
    station::Happening,
    values::expect_code,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::{Code, Request, Response},
    endpoint::{Event, ExchangeId, Failure, ObserverId, RequestId},
    operation::{
        Binding, Deregister, DeviceOperation, Observe, ObserveComposite, OperationError, Register,
        Update,
    },
    peer::{PeerId, PeerIdentity},
};
use std::collections::HashMap;
use tokio::time::Instant;

/// Things of one kind that are kept for a case; a server that asks more in one case is noted as a fault.
const MAX_KEPT: usize = 10_000;

/// A request of the server and its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// What it is.
    pub(super) operation: DeviceOperation,
    /// What it was answered.
    pub(super) code: Code,
    /// The observer that it began.
    pub(super) observer: Option<ObserverId>,
}

/// What has happened in a case.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Requests of the server.
    pub(super) asked: Vec<Asked>,
    answers: HashMap<RequestId, Result<Response, Failure>>,
    connected: HashMap<PeerId, PeerIdentity>,
    closed: HashMap<PeerId, String>,
    /// Observers that are gone.
    pub(super) gone: Vec<ObserverId>,
    /// Notifications that the server has acknowledged.
    pub(super) acknowledged: usize,
    /// What the server did wrong, whatever the case.
    pub(super) faults: Vec<String>,
}

/// A registration.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The connection to the server.
    pub(super) peer: PeerId,
    /// Where updates go.
    pub(super) location: Vec<String>,
}

impl Ledger {
    fn fault(&mut self, text: String) {
        if self.faults.len() < MAX_KEPT {
            self.faults.push(text);
        }
    }
}

/// Takes in what happened, and answers as the device does.
pub(super) async fn take(judge: &mut ServerJudge, happening: Happening) {
    match happening {
        Happening::Connected { peer, identity } => {
            judge.ledger.connected.insert(peer, identity);
        }
        Happening::Closed { peer, reason } => {
            judge.ledger.closed.insert(peer, reason.to_string());
        }
        Happening::Request {
            exchange, request, ..
        } => asked(judge, exchange, &request).await,
        Happening::Event { event, .. } => match event {
            Event::Response {
                request, response, ..
            } => {
                judge.ledger.answers.insert(request, Ok(response));
            }
            Event::RequestFailed {
                request, failure, ..
            } => {
                judge.ledger.answers.insert(request, Err(failure));
            }
            Event::ObserverGone { observer, .. } => judge.ledger.gone.push(observer),
            Event::NotificationAcknowledged { .. } => judge.ledger.acknowledged += 1,
            _ => {}
        },
    }
}

fn operation(judge: &ServerJudge, request: &Request) -> Result<DeviceOperation, OperationError> {
    let version = judge.settings.version;
    let operation = DeviceOperation::from_request(request, version)?;
    match judge.device.bootstrapping {
        true => operation.check_bootstrap(version)?,
        false => operation.check_management()?,
    }
    Ok(operation)
}

async fn asked(judge: &mut ServerJudge, exchange: ExchangeId, request: &Request) {
    let operation = match operation(judge, request) {
        Ok(operation) => operation,
        Err(error) => {
            let malformed = matches!(
                error,
                OperationError::BadRequest(_) | OperationError::Attributes(_)
            );
            if malformed {
                let text = format!("the server's {} is malformed: {error}", request.code);
                judge.ledger.fault(text);
            }
            respond(judge, exchange, error.response()).await;
            return;
        }
    };
    if judge.ledger.asked.len() >= MAX_KEPT {
        let text = "the server asks without end".to_owned();
        judge.ledger.fault(text);
        respond(judge, exchange, Response::new(Code::SERVICE_UNAVAILABLE)).await;
        return;
    }
    let response = match &operation {
        DeviceOperation::BootstrapFinish => Response::new(match judge.device.account() {
            Ok(_) => Code::CHANGED,
            Err(_) => Code::NOT_ACCEPTABLE,
        }),
        other => judge.device.answer(other),
    };
    let code = response.code;
    let begins = matches!(
        &operation,
        DeviceOperation::Observe(Observe { cancel: false, .. })
            | DeviceOperation::ObserveComposite(ObserveComposite { cancel: false, .. })
    );
    let mut observer = None;
    if begins && code.is_success() {
        match judge
            .bench
            .station
            .respond_observe(exchange, response)
            .await
        {
            Ok(id) => observer = Some(id),
            Err(error) => tracing::debug!(%error, "not observed"),
        }
    } else {
        respond(judge, exchange, response).await;
    }
    judge.ledger.asked.push(Asked {
        operation,
        code,
        observer,
    });
}

async fn respond(judge: &ServerJudge, exchange: ExchangeId, response: Response) {
    // The server may be gone meanwhile: then there is nobody to answer.
    if let Err(error) = judge.bench.station.respond(exchange, response).await {
        tracing::debug!(%error, "not answered");
    }
}

impl ServerJudge {
    /// Connects; the handshake must succeed.
    pub(super) async fn connect(&mut self, access: &Access) -> Judged<PeerId> {
        let credentials = access.credentials();
        let connecting = self.bench.station.connect(access.uri.clone(), credentials);
        let peer = match connecting.await {
            Ok(peer) => peer,
            Err(error) => return fail(error.to_string()),
        };
        let ended = self
            .awaited(&format!("a connection to {}", access.uri), |ledger| match (
                ledger.connected.get(&peer),
                ledger.closed.get(&peer),
            ) {
                (_, Some(reason)) => Some(Err(reason.clone())),
                (Some(_), None) => Some(Ok(())),
                (None, None) => None,
            })
            .await?;
        match ended {
            Ok(()) => Ok(peer),
            Err(reason) => fail(format!("no connection to {}: {reason}", access.uri)),
        }
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn send(
        &mut self,
        peer: PeerId,
        request: Request,
        what: &str,
    ) -> Judged<Response> {
        let patience = self.settings.pace.patience;
        let id = match self.bench.station.request(peer, request, patience).await {
            Ok(id) => id,
            Err(error) => return fail(format!("{what} could not be sent: {error}")),
        };
        let answered = self
            .awaited(&format!("the answer to {what}"), |ledger| {
                ledger.answers.remove(&id)
            })
            .await?;
        match answered {
            Ok(response) => Ok(response),
            Err(failure) => fail(format!("{what}: {failure}")),
        }
    }

    /// A registration of the device with its objects.
    pub(super) fn registration(&self) -> Register {
        let settings = &self.settings;
        let mut register = Register::new(
            settings.endpoint.as_str(),
            settings.version,
            self.device.links(),
        );
        register.lifetime = Some(LIFETIME);
        register.binding = Some(Binding::U);
        register
    }

    /// Connects and registers.
    pub(super) async fn register(&mut self) -> Judged {
        let register = self.registration();
        self.register_as(register).await
    }

    /// Connects and registers with these parameters, which must be answered 2.01 with a location.
    pub(super) async fn register_as(&mut self, register: Register) -> Judged {
        let access = self.settings.server.clone();
        let peer = self.connect(&access).await?;
        self.register_on(peer, register).await
    }

    /// Registers over a connection.
    pub(super) async fn register_on(&mut self, peer: PeerId, register: Register) -> Judged {
        let what = "the registration";
        let response = self.send(peer, register.to_request(), what).await?;
        expect_code(&response, Code::CREATED, what)?;
        let Some(location) = Register::location(&response) else {
            return fail("the answer to the registration has no location");
        };
        ensure(
            location.first().map(String::as_str) == Some("rd") && location.len() > 1,
            || format!("the location is /{}, not below /rd", location.join("/")),
        )?;
        self.session = Some(Session { peer, location });
        Ok(())
    }

    pub(super) fn session(&self) -> Judged<Session> {
        match &self.session {
            Some(session) => Ok(session.clone()),
            None => fail("the device is not registered"),
        }
    }

    /// An update of the registration, with any answer.
    pub(super) async fn update(&mut self, change: impl FnOnce(&mut Update)) -> Judged<Response> {
        let session = self.session()?;
        let mut update = Update::new(session.location);
        change(&mut update);
        let request = update.to_request();
        self.send(session.peer, request, "the registration update")
            .await
    }

    /// An update that must be answered 2.04.
    pub(super) async fn updated(&mut self, change: impl FnOnce(&mut Update)) -> Judged {
        let response = self.update(change).await?;
        expect_code(&response, Code::CHANGED, "the registration update")
    }

    /// De-registers, which must be answered 2.02; the connection stays.
    pub(super) async fn deregister(&mut self) -> Judged {
        let session = self.session()?;
        let request = Deregister {
            location: session.location,
        }
        .to_request();
        let response = self
            .send(session.peer, request, "the de-registration")
            .await?;
        expect_code(&response, Code::DELETED, "the de-registration")
    }

    /// Ends a case: the server is told that the device goes.
    pub(super) async fn leave(&mut self) {
        let observing = std::mem::take(&mut self.observing);
        if let Some(session) = self.session.clone() {
            // A server may keep what it observes for when the device comes back: the next case begins without.
            for wanted in observing {
                if let Err(ending) = self.order(wanted).await {
                    tracing::debug!(?ending, "not ended");
                }
            }
            if let Err(ending) = self.deregister().await {
                tracing::debug!(?ending, "not de-registered");
            }
            self.session = None;
            if let Err(error) = self.bench.station.close(session.peer).await {
                tracing::debug!(%error, "not closed");
            }
        }
    }

    /// Has the server carry an operation out, and asserts that it does so rightly.
    pub(super) async fn operate(&mut self, wanted: Wanted) -> Judged<Asked> {
        let begin = self.ledger.asked.len();
        let asking = self.trigger.ask(&self.settings.endpoint, &wanted);
        let mut asking = tokio::spawn(asking);
        let deadline = Instant::now() + self.settings.pace.patience;
        let (mut ended, mut found) = (None, None);
        let mut in_time = true;
        while in_time && (ended.is_none() || found.is_none()) {
            tokio::select! {
                happening = self.bench.station.next(deadline) => match happening {
                    Some(happening) => take(self, happening).await,
                    None => in_time = false,
                },
                result = &mut asking, if ended.is_none() => ended = Some(result),
            }
            found = self.meant(begin, &wanted);
            // A server that gives up before it has asked will not ask.
            if found.is_none() && matches!(ended, Some(Ok(Err(_)) | Err(_))) {
                break;
            }
        }
        asking.abort();
        self.observing.extend(wanted.end());
        let result = match ended {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(TriggerError::Failed(error.to_string())),
            None => Ok(None),
        };
        let Some(found) = found else {
            return match result {
                Err(error @ (TriggerError::Nobody | TriggerError::NotOffered)) => {
                    not_applicable(format!("{wanted}: {error}"))
                }
                Err(error) => fail(format!("the server did not {wanted}: {error}")),
                Ok(_) => fail(format!("the server did not {wanted}")),
            };
        };
        if let Err(error) = wanted.check(&found.operation, &self.bench.definitions) {
            return fail(format!("{wanted}: {error}"));
        }
        match result {
            // That it was refused is for the case to judge.
            Err(error) if found.code.is_success() => fail(format!("{wanted}: {error}")),
            Ok(Some(shown)) => self.check_shown(&wanted, &shown).map(|()| found),
            _ => Ok(found),
        }
    }

    /// The request that is meant by this; of several the one that is right, since a server may also ask by itself.
    fn meant(&self, begin: usize, wanted: &Wanted) -> Option<Asked> {
        let asked = self.ledger.asked[begin..].iter();
        let meant: Vec<&Asked> = asked
            .filter(|asked| wanted.is_meant(&asked.operation))
            .collect();
        let right = meant.iter().find(|asked| {
            wanted
                .check(&asked.operation, &self.bench.definitions)
                .is_ok()
        });
        right.or(meant.first()).map(|asked| (*asked).clone())
    }

    /// As [`operate`](Self::operate), where nobody makes the server do it: nothing.
    pub(super) async fn operate_if_possible(&mut self, wanted: Wanted) -> Judged {
        match self.operate(wanted).await {
            Err(crate::judge::Ending::NotApplicable(_)) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Has the server do something that is not a request: the trigger must say that it was done.
    pub(super) async fn order(&mut self, wanted: Wanted) -> Judged {
        let mut asking = tokio::spawn(self.trigger.ask(&self.settings.endpoint, &wanted));
        let deadline = Instant::now() + self.settings.pace.patience;
        loop {
            tokio::select! {
                happening = self.bench.station.next(deadline) => match happening {
                    Some(happening) => take(self, happening).await,
                    None => {
                        asking.abort();
                        return fail(format!("{wanted}: the trigger does not end"));
                    }
                },
                result = &mut asking => return match result {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error @ (TriggerError::Nobody | TriggerError::NotOffered))) => {
                        not_applicable(format!("{wanted}: {error}"))
                    }
                    Ok(Err(error)) => fail(format!("{wanted}: {error}")),
                    Err(error) => fail(format!("{wanted}: {error}")),
                },
            }
        }
    }

    /// What the server shows must be what the device has said.
    fn check_shown(&self, wanted: &Wanted, shown: &str) -> Judged {
        let entries = match wanted {
            Wanted::Read { path, .. } | Wanted::Observe { path, .. } => self.device.readable(path),
            Wanted::ReadComposite { paths } | Wanted::ObserveComposite { paths } => {
                let entries = paths.iter().flat_map(|path| self.device.readable(path));
                entries.collect()
            }
            _ => return Ok(()),
        };
        for entry in entries {
            let text = trigger::text(&entry.value);
            ensure(shown.contains(&text), || {
                format!(
                    "{wanted}: the server does not show {text:?} of {}",
                    entry.path
                )
            })?;
        }
        Ok(())
    }

    /// Notifies an observer with the present values.
    pub(super) async fn notify(&mut self, asked: &Asked) -> Judged {
        let response = match &asked.operation {
            DeviceOperation::Observe(observe) => self.device.content(&observe.path, observe.accept),
            DeviceOperation::ObserveComposite(observe) => {
                self.device.composite(&observe.paths, observe.accept)
            }
            _ => return fail("it is no observation"),
        };
        let Some(observer) = asked.observer else {
            return fail("the observation was refused");
        };
        match self.bench.station.notify(observer, response).await {
            Ok(()) => Ok(()),
            Err(error) => fail(format!("the observation has ended: {error}")),
        }
    }

    /// Notifies an observer, which the server must acknowledge.
    pub(super) async fn notify_acknowledged(&mut self, asked: &Asked) -> Judged {
        let before = self.ledger.acknowledged;
        self.notify(asked).await?;
        let observer = asked.observer;
        let acknowledged = self
            .awaited("the acknowledgement of a notification", |ledger| {
                let gone = ledger.gone.iter().any(|gone| Some(*gone) == observer);
                (gone || ledger.acknowledged > before).then_some(!gone)
            })
            .await?;
        ensure(acknowledged, || {
            "the server does not take the notification".to_owned()
        })
    }
}
