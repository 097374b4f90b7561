//! Registration and security: int-101 to int-111, int-241, int-401, int-402, int-1250 and int-1350.

use super::{ServerJudge, Wanted, device::LIFETIME};
use crate::judge::{
    sitting::Sitting,
    values::expect_code,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    link::Link,
    operation::{Binding, WriteMode},
    path::Path,
    uri::Scheme,
    version::LwM2mVersion,
};
use std::time::Duration;

const LIFETIME_PATH: Path = Path::resource(1, 0, 1);

impl ServerJudge {
    /// Asserts that the device is told to speak this version or a higher one.
    pub(super) fn needs(&self, version: LwM2mVersion) -> Judged {
        let spoken = self.settings.version;
        match spoken >= version {
            true => Ok(()),
            false => not_applicable(format!(
                "the device registers as {spoken}: say --lwm2m {version}"
            )),
        }
    }

    fn write_lifetime(&self, seconds: u32) -> Wanted {
        Wanted::Write {
            path: LIFETIME_PATH,
            mode: WriteMode::Replace,
            format: None,
            entries: vec![Entry::new(LIFETIME_PATH, i64::from(seconds))],
        }
    }
}

pub(super) async fn int_101(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    // The location is that of this registration.
    judge.updated(|_| {}).await
}

pub(super) async fn int_102(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    let seconds = judge.settings.pace.short_lifetime;
    let write = judge.write_lifetime(seconds);
    judge.operate_if_possible(write).await?;
    judge
        .updated(|update| update.lifetime = Some(seconds))
        .await?;
    // Nothing is said any more; the server lets the registration go. Servers look at lifetimes now and then only.
    let lifetime = Duration::from_secs(seconds.into());
    judge
        .pass(lifetime + lifetime / 2 + judge.settings.pace.slack)
        .await;
    let response = judge.update(|_| {}).await?;
    expect_code(&response, Code::NOT_FOUND, "an update after the lifetime")?;
    judge.session = None;
    Ok(())
}

pub(super) async fn int_103(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    judge
        .operate(Wanted::Execute {
            path: Path::resource(1, 0, 4),
        })
        .await?;
    judge.deregister().await?;
    let response = judge.update(|_| {}).await?;
    expect_code(
        &response,
        Code::NOT_FOUND,
        "an update after the de-registration",
    )
}

pub(super) async fn int_104(judge: &mut ServerJudge) -> Judged {
    let seconds = judge.settings.pace.short_lifetime;
    let lifetime = Duration::from_secs(seconds.into());
    let mut register = judge.registration();
    register.lifetime = Some(seconds);
    judge.register_as(register).await?;
    let begin = tokio::time::Instant::now();
    judge
        .operate(Wanted::Execute {
            path: Path::resource(1, 0, 8),
        })
        .await?;
    let half = (lifetime / 2).saturating_sub(begin.elapsed());
    judge.pass(half).await;
    judge.updated(|_| {}).await?;
    // Longer than the first lifetime since the registration, shorter than that since the update.
    judge.pass(lifetime * 3 / 4).await;
    judge.updated(|_| {}).await
}

pub(super) async fn int_105(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    judge.deregister().await?;
    let response = judge.update(|_| {}).await?;
    expect_code(
        &response,
        Code::NOT_FOUND,
        "an update of a registration that is gone",
    )?;
    let session = judge.session()?;
    let register = judge.registration();
    judge.register_on(session.peer, register).await?;
    judge.updated(|_| {}).await
}

pub(super) async fn int_107(judge: &mut ServerJudge) -> Judged {
    let mut register = judge.registration();
    register.lifetime = Some(60);
    judge.register_as(register).await?;
    let write = judge.write_lifetime(120);
    judge.operate(write).await?;
    judge.updated(|update| update.lifetime = Some(120)).await?;
    judge.updated(|_| {}).await
}

pub(super) async fn int_108(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let mut register = judge.registration();
    register.queue_mode = true;
    judge.register_as(register).await?;
    judge
        .updated(|update| {
            update.binding = Some(Binding::U);
            update.queue_mode = true;
        })
        .await
}

pub(super) async fn int_109(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let mut register = judge.registration();
    register.queue_mode = true;
    judge.register_as(register).await?;
    let awake = judge.settings.pace.awake;
    judge.pass(awake + awake / 4).await;
    let before = judge.ledger.asked.len();
    let wanted = Wanted::Read {
        path: LIFETIME_PATH,
        format: None,
    };
    let asking = tokio::spawn(judge.trigger.ask(&judge.settings.endpoint, &wanted));
    let slack = judge.settings.pace.slack.max(Duration::from_secs(1));
    judge.pass(slack).await;
    if asking.is_finished()
        && let Ok(Err(error)) = asking.await
    {
        return not_applicable(format!("{wanted}: {error}"));
    }
    let asked = &judge.ledger.asked[before..];
    let sent = asked.iter().any(|asked| wanted.is_meant(&asked.operation));
    ensure(!sent, || "the server asks a device that sleeps".to_owned())?;
    judge.updated(|_| {}).await?;
    judge
        .awaited("the read after the update", |ledger| {
            ledger.asked[before..]
                .iter()
                .any(|asked| wanted.is_meant(&asked.operation))
                .then_some(())
        })
        .await
}

/// A registration with a profile id that the judge makes up: servers know profiles by configuration, so that only a
/// server that knows this one, or any, can be judged.
async fn with_profile(judge: &mut ServerJudge, objects: bool) -> Judged {
    judge.needs(LwM2mVersion::V1_2)?;
    let access = judge.settings.server.clone();
    let peer = judge.connect(&access).await?;
    let mut register = judge.registration();
    register.profile = Some("6:00000001".to_owned());
    if !objects {
        register.links.clear();
    }
    let response = judge
        .send(peer, register.to_request(), "the registration")
        .await?;
    match response.code {
        Code::CREATED => {
            let Some(location) = lwm2m_core::operation::Register::location(&response) else {
                return fail("the answer to the registration has no location");
            };
            judge.session = Some(super::session::Session { peer, location });
            judge.updated(|_| {}).await
        }
        // 4.09 where the profile is not known, 4.00 where there is no object beside it.
        Code::CONFLICT | Code::BAD_REQUEST => {
            let code = response.code;
            not_applicable(format!(
                "the server does not know the profile of the judge ({code})"
            ))
        }
        other => fail(format!("the registration was answered {other}")),
    }
}

pub(super) async fn int_110(judge: &mut ServerJudge) -> Judged {
    with_profile(judge, false).await
}

pub(super) async fn int_111(judge: &mut ServerJudge) -> Judged {
    with_profile(judge, true).await
}

pub(super) async fn int_241(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    judge
        .operate(Wanted::Execute {
            path: Path::resource(3, 0, 4),
        })
        .await?;
    // A device that restarts says no goodbye.
    let before = judge.session()?;
    if let Err(error) = judge.bench.station.close(before.peer).await {
        return fail(error.to_string());
    }
    judge.register().await?;
    judge.updated(|_| {}).await?;
    judge
        .operate_if_possible(Wanted::Read {
            path: Path::resource(3, 0, 0),
            format: None,
        })
        .await
}

async fn registered_and_read(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    judge
        .operate(Wanted::Read {
            path: Path::object_instance(3, 0),
            format: Some(ContentFormat::Tlv),
        })
        .await
        .map(drop)
}

pub(super) async fn int_401(judge: &mut ServerJudge) -> Judged {
    let access = &judge.settings.server;
    if access.uri.scheme() != Scheme::Coaps || access.psk.is_none() {
        return not_applicable("the device has no key: say coaps, --identity and --key");
    }
    registered_and_read(judge).await
}

pub(super) async fn int_402(judge: &mut ServerJudge) -> Judged {
    let access = &judge.settings.server;
    if access.uri.scheme() != Scheme::Coaps || access.certificate.is_none() || access.psk.is_some()
    {
        return not_applicable(
            "the device has no certificate: say coaps and --certificate, without --key",
        );
    }
    registered_and_read(judge).await
}

pub(super) async fn int_1250(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    let mut links = judge.device.links();
    links.push(Link::to(Path::object_instance(11, 0)));
    judge.updated(|update| update.links = Some(links)).await?;
    judge.device.set(Path::resource(11, 0, 0), "profile");
    judge
        .operate_if_possible(Wanted::Read {
            path: Path::resource(11, 0, 0),
            format: None,
        })
        .await
}

pub(super) async fn int_1350(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    let before = judge.session()?;
    // The new bearer has another address; what was registered is still known by its location.
    let access = judge.settings.server.clone();
    let peer = judge.connect(&access).await?;
    judge.session = Some(super::session::Session {
        peer,
        location: before.location,
    });
    judge
        .updated(|update| update.lifetime = Some(LIFETIME))
        .await?;
    judge
        .operate_if_possible(Wanted::Read {
            path: Path::resource(3, 0, 0),
            format: None,
        })
        .await
}
