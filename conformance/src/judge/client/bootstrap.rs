//! Bootstrap: int-0 to int-9. The judge is the bootstrap server, and then the server.

use super::{
    ClientJudge,
    ledger::BootstrapAsked,
    provision::{self, SHORT_ID},
    registration::resource,
};
use crate::judge::{
    sitting::Sitting,
    values::{self, expect_code, expect_format, find},
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::{Code, Response},
    content::{self, ContentFormat},
    entry::Entry,
    link::{self, Link},
    operation::{Delete, DeviceOperation, Discover, Execute, Payload, Read, Write, WriteMode},
    path::Path,
    peer::PeerIdentity,
};

/// The formats that carry accounts, in the order in which they are tried where the client names none.
const FORMATS: [ContentFormat; 3] = [
    ContentFormat::Tlv,
    ContentFormat::SenmlCbor,
    ContentFormat::SenmlJson,
];

/// A bootstrap that has begun.
struct Session {
    asked: BootstrapAsked,
    /// Instance of the security object that is the bootstrap account.
    account: u16,
    /// Instance of the security object that the server's account is written to.
    security: u16,
    format: Option<ContentFormat>,
    /// How many registrations there were before.
    registrations: u64,
}

impl Session {
    fn peer(&self) -> lwm2m_core::peer::PeerId {
        self.asked.peer
    }
}

impl ClientJudge {
    /// Waits for the client to ask for a bootstrap, and makes it where it can be made.
    async fn bootstrap_asked(&mut self) -> Judged<BootstrapAsked> {
        if !self.can_provision() {
            return not_applicable(
                "the judge is no bootstrap server: say where with --bootstrap-listen",
            );
        }
        if self.ledger.bootstraps.is_empty() && self.ledger.registration.is_some() {
            let account = self.account().await?;
            let trigger = Execute::new(resource(account, 9)?);
            // Where it is not answered the client may have done it all the same: int-5 is about the trigger.
            let answer = self.ask(trigger).await.map(|response| response.code);
            if answer != Ok(Code::CHANGED) && self.ledger.bootstraps.is_empty() {
                self.hint("restart the client without accounts, so that it bootstraps");
            }
        } else if self.ledger.bootstraps.is_empty() {
            self.hint("waiting for the client to ask for a bootstrap");
        }
        self.awaited("the request for a bootstrap", |ledger| {
            ledger.bootstraps.pop()
        })
        .await
    }

    /// Begins a session, and looks at which instances are free.
    async fn begin_bootstrap(&mut self) -> Judged<Session> {
        let asked = self.bootstrap_asked().await?;
        // It may have come before this case.
        self.bench.evidence = self.bench.evidence.min(asked.mark);
        let mut session = Session {
            format: asked.request.preferred_format,
            asked,
            account: 0,
            security: 1,
            registrations: self.ledger.registrations,
        };
        let links = self.links(&session).await?;
        let instances: Vec<(u16, bool)> = links
            .iter()
            .filter_map(|link| {
                let path = link.target.path_below("")?;
                let instance = path.object_instance_id()?;
                (path.object_id() == Some(0)).then(|| (instance, link.parameter("ssid").is_some()))
            })
            .collect();
        if let Some((account, _)) = instances.iter().find(|(_, is_server)| !is_server) {
            session.account = *account;
        }
        let known = instances.iter().find(|(_, is_server)| *is_server);
        let free = (0..u16::MAX).find(|id| *id != session.account);
        session.security = known.map(|(id, _)| *id).or(free).unwrap_or(1);
        Ok(session)
    }

    async fn tell(&mut self, session: &Session, operation: DeviceOperation) -> Judged<Response> {
        let patience = self.settings.pace.patience;
        let request = operation.to_request();
        let asked = self
            .bench
            .station
            .request(session.peer(), request, patience);
        let id = match asked.await {
            Ok(id) => id,
            Err(error) => return fail(format!("{operation} could not be sent: {error}")),
        };
        let answered = self
            .awaited(&format!("the answer to {operation}"), |ledger| {
                ledger.answers.remove(&id)
            })
            .await?;
        match answered.result {
            Ok(response) => Ok(response),
            Err(failure) => fail(format!("{operation}: {failure}")),
        }
    }

    async fn tell_must(
        &mut self,
        session: &Session,
        operation: impl Into<DeviceOperation>,
        code: Code,
    ) -> Judged<Response> {
        let operation = operation.into();
        let what = operation.to_string();
        let response = self.tell(session, operation).await?;
        expect_code(&response, code, &what)?;
        Ok(response)
    }

    /// Bootstrap-discover of everything.
    async fn links(&mut self, session: &Session) -> Judged<Vec<Link>> {
        let discover = Discover {
            path: Path::ROOT,
            depth: None,
        };
        let response = self.tell_must(session, discover, Code::CONTENT).await?;
        expect_format(&response, Some(ContentFormat::Link), "discover of /")?;
        match link::parse_bootstrap_discover(&response.payload) {
            Ok(links) => Ok(links),
            Err(error) => fail(format!("the links of / cannot be read: {error}")),
        }
    }

    /// Writes an object instance, in the format that the client prefers, else in the first that it takes.
    async fn provide(&mut self, session: &mut Session, path: Path, entries: &[Entry]) -> Judged {
        let formats = match session.format {
            Some(format) => vec![format],
            None => FORMATS.to_vec(),
        };
        for format in formats {
            let data = match content::encode(format, entries, &path, &self.bench.definitions) {
                Ok(data) => data,
                Err(error) => return fail(format!("{path} cannot be written: {error}")),
            };
            let write = Write {
                path,
                mode: WriteMode::Replace,
                payload: Payload {
                    format,
                    data: data.into(),
                },
            };
            let what = format!("the write of {path} as {format:?}");
            let response = self.tell(session, write.into()).await?;
            let unknown = response.code == Code::UNSUPPORTED_CONTENT_FORMAT;
            if unknown && session.format.is_none() {
                continue;
            }
            expect_code(&response, Code::CHANGED, &what)?;
            session.format = Some(format);
            return Ok(());
        }
        fail("the client takes no format that carries accounts")
    }

    async fn provide_accounts(&mut self, session: &mut Session) -> Judged {
        let instance = session.security;
        let entries = provision::security(&self.settings, instance);
        self.provide(session, Path::object_instance(0, instance), &entries)
            .await?;
        self.provide(session, Path::object_instance(1, 0), &provision::server(0))
            .await
    }

    async fn finish(&mut self, session: &Session, code: Code) -> Judged {
        let finish = DeviceOperation::BootstrapFinish;
        self.tell_must(session, finish, code).await.map(drop)
    }

    /// The rest of the standard flow, after a finish that was refused.
    async fn correct(&mut self, session: &mut Session) -> Judged {
        self.provide_accounts(session).await?;
        self.finish(session, Code::CHANGED).await?;
        self.registers(session).await
    }

    /// Waits for the registration with what was given.
    async fn registers(&mut self, session: &Session) -> Judged {
        self.registered_after(session.registrations).await.map(drop)
    }

    /// The steps of int-0 after the request.
    async fn bootstrap(&mut self, session: &mut Session) -> Judged {
        self.provide_accounts(session).await?;
        let links = self.links(session).await?;
        let version = links.first().and_then(|link| link.parameter("lwm2m"));
        ensure(version.is_some(), || {
            "discover does not begin with the version (lwm2m)".to_owned()
        })?;
        let ssid = SHORT_ID.to_string();
        for (object, instance, expected) in [
            (0, session.account, None),
            (0, session.security, Some(ssid.as_str())),
            (1, 0, Some(ssid.as_str())),
        ] {
            let path = Path::object_instance(object, instance);
            let shown = values::link(&links, &path, "")?.parameter("ssid");
            ensure(shown == expected, || {
                format!("discover shows ssid {shown:?} for {path}, not {expected:?}")
            })?;
        }
        values::link(&links, &Path::object_instance(3, 0), "")?;
        self.finish(session, Code::CHANGED).await
    }
}

fn check_request(judge: &ClientJudge, asked: &BootstrapAsked) -> Judged {
    // From 1.1 the name may come from the identity of the connection.
    let secure = asked.identity != PeerIdentity::None;
    let named = asked.request.endpoint.is_some();
    ensure(named || secure, || {
        "the request for a bootstrap names no endpoint".to_owned()
    })?;
    match (&judge.settings.endpoint, &asked.request.endpoint) {
        (Some(wanted), Some(said)) => ensure(wanted == said, || {
            format!("the request for a bootstrap comes from {said:?}")
        }),
        _ => Ok(()),
    }
}

pub(super) async fn int_0(judge: &mut ClientJudge) -> Judged {
    let mut session = judge.begin_bootstrap().await?;
    check_request(judge, &session.asked)?;
    judge.bootstrap(&mut session).await?;
    judge.registers(&session).await
}

pub(super) async fn int_1(judge: &mut ClientJudge) -> Judged {
    let mut session = judge.begin_bootstrap().await?;
    check_request(judge, &session.asked)?;
    let with_key = matches!(session.asked.identity, PeerIdentity::Psk(_));
    judge.bootstrap(&mut session).await?;
    judge.registers(&session).await?;
    if !with_key {
        return not_applicable("the client bootstraps without a key");
    }
    super::security::int_401(judge).await
}

pub(super) async fn int_2(judge: &mut ClientJudge) -> Judged {
    if judge.settings.provision.is_none() {
        return not_applicable(
            "a certificate for the client is needed: say it with --client-certificate",
        );
    }
    let mut session = judge.begin_bootstrap().await?;
    check_request(judge, &session.asked)?;
    judge.bootstrap(&mut session).await?;
    judge.registers(&session).await?;
    super::security::int_402(judge).await
}

pub(super) async fn int_4(judge: &mut ClientJudge) -> Judged {
    let mut session = judge.begin_bootstrap().await?;
    judge.provide_accounts(&mut session).await?;
    let links = judge.links(&session).await?;
    let server = Path::object_instance(1, 0);
    values::link(&links, &server, "")?;
    for object in [0, 1] {
        let path = Path::object(object);
        judge
            .tell_must(&session, Delete { path }, Code::DELETED)
            .await?;
    }
    let links = judge.links(&session).await?;
    let account = Path::object_instance(0, session.account);
    values::link(&links, &account, "")?;
    for gone in [server, Path::object_instance(0, session.security)] {
        ensure(values::link(&links, &gone, "").is_err(), || {
            format!("{gone} is still there after it was deleted")
        })?;
    }
    // Clean-up, which is the rest of the standard flow.
    judge.provide_accounts(&mut session).await?;
    judge.finish(&session, Code::CHANGED).await?;
    judge.registers(&session).await
}

pub(super) async fn int_5(judge: &mut ClientJudge) -> Judged {
    if !judge.can_provision() {
        return not_applicable(
            "the judge is no bootstrap server: say where with --bootstrap-listen",
        );
    }
    let account = judge.account().await?;
    judge.ledger.bootstraps.clear();
    let trigger = resource(account, 9)?;
    judge
        .execute_optional(trigger, "the bootstrap-request trigger /1/x/9")
        .await?;
    // The session below finds the request that the trigger has caused, and causes none itself.
    judge
        .awaited("the request for a bootstrap", |ledger| {
            (!ledger.bootstraps.is_empty()).then_some(())
        })
        .await?;
    let mut session = judge.begin_bootstrap().await?;
    judge.bootstrap(&mut session).await?;
    judge.registers(&session).await
}

pub(super) async fn int_8(judge: &mut ClientJudge) -> Judged {
    let mut session = judge.begin_bootstrap().await?;
    judge.provide_accounts(&mut session).await?;
    // An access control of the device object that lets everybody create and delete.
    let at = |id| Path::resource(2, 0, id);
    let entries = [
        Entry::new(at(0), 3),
        Entry::new(at(1), 0),
        Entry::new(Path::resource_instance(2, 0, 2, 0), 31),
        Entry::new(at(3), 65_535),
    ];
    let format = session.format.unwrap_or(ContentFormat::Tlv);
    let path = Path::object_instance(2, 0);
    let data = match content::encode(format, &entries, &path, &judge.bench.definitions) {
        Ok(data) => data,
        Err(error) => return fail(format!("{path} cannot be written: {error}")),
    };
    let write = Write {
        path,
        mode: WriteMode::Replace,
        payload: Payload {
            format,
            data: data.into(),
        },
    };
    let response = judge.tell(&session, write.into()).await?;
    let has_access_control = response.code == Code::CHANGED;
    let mut judged = Ok(());
    for object in [1, 2] {
        if object == 2 && !has_access_control {
            judged = not_applicable(format!(
                "the client has no access control object ({})",
                response.code
            ));
            break;
        }
        let path = Path::object(object);
        let read = Read { path, accept: None };
        let response = judge.tell_must(&session, read, Code::CONTENT).await?;
        let what = format!("a read of {path}");
        let entries = values::decode(&response, &path, None, &judge.bench.definitions, &what)?;
        if object == 1 {
            ensure(find(&entries, &Path::resource(1, 0, 1)).is_some(), || {
                "/1/0/1 is missing".to_owned()
            })?;
        }
    }
    judge.finish(&session, Code::CHANGED).await?;
    judge.registers(&session).await?;
    judged
}

pub(super) async fn int_9(judge: &mut ClientJudge) -> Judged {
    let mut session = judge.begin_bootstrap().await?;
    for object in [0, 1] {
        let path = Path::object(object);
        judge
            .tell_must(&session, Delete { path }, Code::DELETED)
            .await?;
    }
    let timeout = Path::resource(1, 0, 5);
    let write = Write {
        path: timeout,
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Text,
            data: b"86400".to_vec().into(),
        },
    };
    // A client may refuse already the write, since the instance lacks what is mandatory.
    let response = judge.tell(&session, write.into()).await?;
    ensure(
        matches!(
            response.code,
            Code::CHANGED | Code::BAD_REQUEST | Code::UNSUPPORTED_CONTENT_FORMAT
        ),
        || format!("the write of {timeout} was answered {}", response.code),
    )?;
    judge.finish(&session, Code::NOT_ACCEPTABLE).await?;
    // That is the criterion. The session stays open for a correction in clients of 1.2; others begin anew.
    if let Err(ending) = judge.correct(&mut session).await {
        tracing::debug!(?ending, "no correction");
        judge.hint("restart the client: it has no account any more");
    }
    Ok(())
}
