//! What the client has said, and the answers of the registration and bootstrap interfaces.

use super::ClientJudge;
use crate::judge::station::Happening;
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    endpoint::{Event, ExchangeId, Failure, ObservationId, RequestId},
    entry::Entry,
    link::SupportedObjects,
    operation::{BootstrapRequest, Register, RegistrationOperation, Send, Update},
    path::Path,
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use std::collections::HashMap;

/// Things of one kind that are kept for a case; a client that says more in one case is noted as a fault.
const MAX_KEPT: usize = 10_000;

/// Number of the bootstrap listener.
pub(super) const BOOTSTRAP: u16 = 1;

/// A registration as the client made it, and as its updates changed it.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// Who made it.
    pub(crate) peer: PeerId,
    /// Who that has proven to be.
    pub(crate) identity: PeerIdentity,
    /// As it was said.
    pub(crate) register: Register,
    /// The request itself.
    pub(crate) request: Request,
    /// What its links say.
    pub(crate) supported: SupportedObjects,
    /// Where updates of it go.
    pub(crate) location: Vec<String>,
    /// The lifetime it has now, seconds.
    pub(crate) lifetime: u32,
    /// Where the tape tells of it.
    pub(crate) mark: usize,
    /// Number of the registration, from 1.
    pub(crate) number: u64,
}

/// A request for a bootstrap.
#[derive(Debug, Clone)]
pub(crate) struct BootstrapAsked {
    pub(crate) peer: PeerId,
    pub(crate) identity: PeerIdentity,
    pub(crate) request: BootstrapRequest,
    pub(crate) mark: usize,
}

/// A notification.
#[derive(Debug, Clone)]
pub(crate) struct Notified {
    pub(crate) at: Instant,
    pub(crate) observation: ObservationId,
    pub(crate) response: Response,
}

/// The end of a request of the judge's.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) result: Result<Response, Failure>,
    pub(crate) observation: Option<ObservationId>,
    pub(crate) at: Instant,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The registration that stands.
    pub(crate) registration: Option<Registration>,
    /// Whether updates of it are answered 4.04, as by a server that has lost it.
    pub(crate) forgotten: bool,
    /// Updates in this case, with whether they were accepted.
    pub(crate) updates: Vec<(Update, bool)>,
    /// De-registrations in this case.
    pub(crate) deregistrations: usize,
    /// Requests for a bootstrap that no case has answered yet.
    pub(crate) bootstraps: Vec<BootstrapAsked>,
    /// Sends in this case with their moments.
    pub(crate) sends: Vec<(Instant, Vec<Entry>)>,
    /// How requests of the judge's have ended that no case has looked at yet.
    pub(crate) answers: HashMap<RequestId, Answered>,
    /// Notifications in this case.
    pub(crate) notifications: Vec<Notified>,
    /// Observations of the judge's that may still be going on.
    pub(crate) observations: Vec<ObservationId>,
    /// What the client did wrong on the registration interface in this case.
    pub(crate) faults: Vec<String>,
    /// How many registrations there have been.
    pub(crate) registrations: u64,
}

impl Ledger {
    /// Forgets what belongs to the case before.
    pub(super) fn begin(&mut self) {
        self.forgotten = false;
        self.updates.clear();
        self.deregistrations = 0;
        self.sends.clear();
        self.answers.clear();
        self.notifications.clear();
        self.faults.clear();
    }

    fn fault(&mut self, text: String) {
        if self.faults.len() < MAX_KEPT {
            self.faults.push(text);
        }
    }

    fn keep<T>(list: &mut Vec<T>, item: T) {
        if list.len() < MAX_KEPT {
            list.push(item);
        }
    }
}

/// Takes in what happened, and answers where the interface says how.
pub(super) async fn take(judge: &mut ClientJudge, happening: Happening) {
    match happening {
        Happening::Request {
            peer,
            identity,
            exchange,
            request,
            at,
        } => {
            let response = match peer.listener() {
                BOOTSTRAP => bootstrap(judge, peer, identity, &request),
                _ => server(judge, peer, identity, &request, at),
            };
            answer(judge, exchange, response).await;
        }
        Happening::Event { event, at } => event_of(&mut judge.ledger, event, at),
        Happening::Connected { .. } | Happening::Closed { .. } => {}
    }
}

async fn answer(judge: &mut ClientJudge, exchange: ExchangeId, response: Response) {
    // The client may be gone meanwhile: then there is nobody to answer.
    if let Err(error) = judge.bench.station.respond(exchange, response).await {
        tracing::debug!(%error, "not answered");
    }
}

fn event_of(ledger: &mut Ledger, event: Event, at: Instant) {
    match event {
        Event::Response {
            request,
            response,
            observation,
            ..
        } => {
            ledger.observations.extend(observation);
            let answered = Answered {
                result: Ok(response),
                observation,
                at,
            };
            ledger.answers.insert(request, answered);
        }
        Event::RequestFailed {
            request, failure, ..
        } => {
            let answered = Answered {
                result: Err(failure),
                observation: None,
                at,
            };
            ledger.answers.insert(request, answered);
        }
        Event::Notification {
            observation,
            response,
            ..
        } => Ledger::keep(
            &mut ledger.notifications,
            Notified {
                at,
                observation,
                response,
            },
        ),
        _ => {}
    }
}

fn first_segment(request: &Request) -> Option<&str> {
    let segments = request.options.texts(option::URI_PATH)?;
    segments.first().copied()
}

/// The bootstrap interface: the request is accepted, the rest of the session is the case's.
fn bootstrap(
    judge: &mut ClientJudge,
    peer: PeerId,
    identity: PeerIdentity,
    request: &Request,
) -> Response {
    match first_segment(request) {
        Some("bs") => {}
        // 5.01 is what tells a client that it must use the other way (Core 1.2.2, section 6.1.7.7).
        Some("bspack") => return Response::new(Code::NOT_IMPLEMENTED),
        _ => return Response::new(Code::NOT_FOUND),
    }
    match BootstrapRequest::from_request(request) {
        Ok(asked) => {
            let wanted = judge.settings.endpoint.as_ref();
            if wanted.is_some_and(|name| asked.endpoint.as_ref().is_some_and(|ep| ep != name)) {
                return Response::new(Code::BAD_REQUEST).diagnostic("another client is judged");
            }
            let mark = judge.bench.station.tape().mark().saturating_sub(1);
            // Only the latest: a client that asks again has begun anew.
            judge.ledger.bootstraps.clear();
            judge.ledger.bootstraps.push(BootstrapAsked {
                peer,
                identity,
                request: asked,
                mark,
            });
            Response::new(Code::CHANGED)
        }
        Err(error) => {
            let text = format!("the request for a bootstrap is malformed: {error}");
            judge.ledger.fault(text);
            error.response()
        }
    }
}

/// The registration and reporting interfaces of a server.
fn server(
    judge: &mut ClientJudge,
    peer: PeerId,
    identity: PeerIdentity,
    request: &Request,
    at: Instant,
) -> Response {
    match first_segment(request) {
        Some("rd") => match RegistrationOperation::from_request(request) {
            Ok(RegistrationOperation::Register(register)) => {
                registered(judge, peer, identity, register, request)
            }
            Ok(RegistrationOperation::Update(update)) => updated(&mut judge.ledger, peer, update),
            Ok(RegistrationOperation::Deregister(deregister)) => {
                let ledger = &mut judge.ledger;
                if !is_known(ledger, &deregister.location) {
                    return Response::new(Code::NOT_FOUND);
                }
                ledger.deregistrations += 1;
                ledger.registration = None;
                Response::new(Code::DELETED)
            }
            Ok(_) => Response::new(Code::METHOD_NOT_ALLOWED),
            Err(error) => {
                let text = format!("{} on /rd is malformed: {error}", request.code);
                judge.ledger.fault(text);
                error.response()
            }
        },
        Some("dp") => sent(judge, request, at),
        _ => Response::new(Code::NOT_FOUND),
    }
}

fn registered(
    judge: &mut ClientJudge,
    peer: PeerId,
    identity: PeerIdentity,
    register: Register,
    request: &Request,
) -> Response {
    let name = register.endpoint.as_ref();
    let known = judge.ledger.registration.as_ref();
    let other = match (&judge.settings.endpoint, known) {
        (Some(wanted), _) => name.is_some_and(|name| name != wanted),
        (None, Some(known)) => known.register.endpoint.as_ref() != name,
        (None, None) => false,
    };
    if other {
        return Response::new(Code::FORBIDDEN).diagnostic("another client is judged");
    }
    let mark = judge.bench.station.tape().mark().saturating_sub(1);
    let ledger = &mut judge.ledger;
    ledger.registrations += 1;
    ledger.forgotten = false;
    ledger.observations.clear();
    let location = vec!["rd".to_owned(), ledger.registrations.to_string()];
    let segments: Vec<&str> = location.iter().map(String::as_str).collect();
    let response = Register::created(&segments);
    ledger.registration = Some(Registration {
        peer,
        identity,
        supported: SupportedObjects::from_links(&register.links),
        lifetime: register
            .lifetime
            .unwrap_or(lwm2m_core::operation::DEFAULT_LIFETIME),
        register,
        request: request.clone(),
        location,
        mark,
        number: ledger.registrations,
    });
    response
}

fn is_known(ledger: &Ledger, location: &[String]) -> bool {
    let known = ledger.registration.as_ref();
    !ledger.forgotten && known.is_some_and(|known| known.location == location)
}

fn updated(ledger: &mut Ledger, peer: PeerId, update: Update) -> Response {
    let accepted = is_known(ledger, &update.location);
    if accepted && let Some(known) = &mut ledger.registration {
        known.peer = peer;
        known.lifetime = update.lifetime.unwrap_or(known.lifetime);
        if let Some(links) = &update.links {
            known.supported = SupportedObjects::from_links(links);
        }
    }
    Ledger::keep(&mut ledger.updates, (update, accepted));
    Response::new(match accepted {
        true => Code::CHANGED,
        false => Code::NOT_FOUND,
    })
}

fn sent(judge: &mut ClientJudge, request: &Request, at: Instant) -> Response {
    let decoded = Send::from_request(request)
        .map_err(|error| error.to_string())
        .and_then(|send| {
            let entries = send.payload.decode(&Path::ROOT, &judge.bench.definitions);
            entries.map_err(|error| error.to_string())
        });
    match decoded {
        Ok(entries) => {
            Ledger::keep(&mut judge.ledger.sends, (at, entries));
            Response::new(Code::CHANGED)
        }
        Err(error) => {
            judge.ledger.fault(format!("a Send is malformed: {error}"));
            Response::new(Code::BAD_REQUEST)
        }
    }
}
