//! Registration: int-101 to int-111, and the reboot of int-241.

use super::{ClientJudge, ledger::Registration};
use crate::judge::{
    sitting::Sitting,
    values,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::{Code, option},
    content::ContentFormat,
    link::LinkTarget,
    operation::{Execute, Update, parse_profiles},
    path::{Path, is_security_object},
    value::Value,
    version::LwM2mVersion,
};

const LIFETIME: u16 = 1;
const DISABLE: u16 = 4;
const DISABLE_TIMEOUT: u16 = 5;
const UPDATE_TRIGGER: u16 = 8;

/// A resource of an instance of the server object.
pub(super) fn resource(account: Path, id: u16) -> Judged<Path> {
    account.child(id).or_else(|error| fail(error.to_string()))
}

fn check_objects(registration: &Registration) -> Judged {
    let format = registration.request.options.content_format();
    ensure(format == Some(ContentFormat::Link.number()), || {
        format!("the objects have Content-Format {format:?}, not 40")
    })?;
    let root = registration.supported.root();
    for link in &registration.register.links {
        if let Some(path) = link.target.path_below(root)
            && let Some(object) = path.object_id()
        {
            ensure(!is_security_object(object), || {
                format!("the registration shows {}", link.target)
            })?;
            ensure(path.ids().len() <= 2, || {
                format!("the registration shows {}, below an instance", link.target)
            })?;
        }
    }
    for object in [1, 3] {
        let known = registration.supported.object(object);
        ensure(
            known.is_some_and(|known| !known.instances.is_empty()),
            || format!("the registration names no instance of object {object}"),
        )?;
    }
    Ok(())
}

pub(super) async fn int_101(judge: &mut ClientJudge) -> Judged {
    let registration = judge.registered().await?;
    // It may have come before this case: its messages are the evidence.
    judge.bench.evidence = judge.bench.evidence.min(registration.mark);
    let request = &registration.request;
    let queries = request.options.texts(option::URI_QUERY).unwrap_or_default();
    let has = |name: &str| queries.iter().any(|query| query.starts_with(name));
    ensure(has("lwm2m="), || {
        "the registration says no version".to_owned()
    })?;
    ensure(request.confirmable, || {
        "the registration is not sent reliably".to_owned()
    })?;
    let no_profile = registration.register.profile.is_none();
    if no_profile || !request.payload.is_empty() {
        check_objects(&registration)?;
    }
    // The answer has reached it: it does as it is told.
    judge.value(Path::resource(3, 0, 0)).await.map(drop)
}

impl ClientJudge {
    /// Waits for an update with this lifetime.
    pub(super) async fn told_lifetime(&mut self, seconds: u32) -> Judged {
        let what = format!("a registration update with lt={seconds}");
        self.awaited(&what, |ledger| {
            let found = ledger
                .updates
                .iter()
                .any(|(update, accepted)| *accepted && update.lifetime == Some(seconds));
            found.then_some(())
        })
        .await
    }

    /// Writes a lifetime, which an update must tell at once; put back when the case ends.
    pub(super) async fn set_lifetime(&mut self, seconds: u32, format: ContentFormat) -> Judged {
        let account = self.account().await?;
        let path = resource(account, LIFETIME)?;
        self.keep_lifetime().await?;
        self.write(path, format, i64::from(seconds)).await?;
        self.told_lifetime(seconds).await
    }

    /// Puts the lifetime back when the case ends.
    pub(super) async fn keep_lifetime(&mut self) -> Judged {
        let account = self.account().await?;
        let path = resource(account, LIFETIME)?;
        let before = self.registered().await?.lifetime;
        self.lifetime_before = Some(before);
        let write = [lwm2m_core::entry::Entry::new(path, i64::from(before))];
        self.put_back_values(&write).await
    }

    /// Waits for a registration that is newer than this one.
    pub(super) async fn registered_after(&mut self, number: u64) -> Judged<Registration> {
        self.awaited("a new registration", |ledger| {
            ledger
                .registration
                .clone()
                .filter(|registration| registration.number > number)
        })
        .await
    }
}

pub(super) async fn int_102(judge: &mut ClientJudge) -> Judged {
    judge.set_lifetime(20, ContentFormat::Text).await
}

pub(super) async fn int_103(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let before = judge.registered().await?;
    let (timeout, disable) = (
        resource(account, DISABLE_TIMEOUT)?,
        judge.settings.pace.disable,
    );
    let entries = judge.read(account, None).await?;
    let value = values::find(&entries, &timeout).cloned();
    // A day, where the client says nothing.
    let value = value.unwrap_or(Value::Integer(86_400));
    judge
        .put_back_values(&[lwm2m_core::entry::Entry::new(timeout, value)])
        .await?;
    let entries = [lwm2m_core::entry::Entry::new(timeout, i64::from(disable))];
    let write = judge
        .write_of(
            timeout,
            lwm2m_core::operation::WriteMode::Replace,
            ContentFormat::Text,
            &entries,
        )
        .await?;
    judge
        .may(write, Code::CHANGED, "the disable timeout /1/x/5")
        .await?;
    let disable = resource(account, DISABLE)?;
    judge.execute_optional(disable, "Disable /1/x/4").await?;
    judge
        .awaited("the de-registration", |ledger| {
            (ledger.deregistrations > 0).then_some(())
        })
        .await?;
    judge.registered_after(before.number).await.map(drop)
}

/// Whether it says nothing but that the client is there.
fn is_bare(update: &Update) -> bool {
    let Update {
        lifetime,
        binding,
        queue_mode,
        sms,
        profile,
        links,
        ..
    } = update;
    lifetime.is_none()
        && binding.is_none()
        && !queue_mode
        && sms.is_none()
        && profile.is_none()
        && links.is_none()
}

async fn trigger_update(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let trigger = resource(account, UPDATE_TRIGGER)?;
    judge.must(Execute::new(trigger), Code::CHANGED).await?;
    Ok(())
}

pub(super) async fn int_104(judge: &mut ClientJudge) -> Judged {
    judge.registered().await?;
    judge.ledger.updates.clear();
    trigger_update(judge).await?;
    let (update, _) = judge
        .awaited("the registration update", |ledger| {
            ledger.updates.first().cloned()
        })
        .await?;
    ensure(is_bare(&update), || {
        "the update says something though nothing has changed".to_owned()
    })
}

pub(super) async fn int_105(judge: &mut ClientJudge) -> Judged {
    let before = judge.registered().await?;
    // A server that has lost the registration cannot trigger anything; the trigger spares the wait for the lifetime.
    judge.ledger.forgotten = true;
    trigger_update(judge).await?;
    judge
        .awaited("an update of the lost registration", |ledger| {
            ledger
                .updates
                .iter()
                .any(|(_, accepted)| !accepted)
                .then_some(())
        })
        .await?;
    judge.registered_after(before.number).await.map(drop)
}

pub(super) async fn int_107(judge: &mut ClientJudge) -> Judged {
    judge.set_lifetime(60, ContentFormat::Text).await?;
    judge.set_lifetime(120, ContentFormat::Text).await
}

pub(super) async fn int_108(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let registration = judge.registered().await?;
    judge.bench.evidence = judge.bench.evidence.min(registration.mark);
    match registration.register.queue_mode {
        true => Ok(()),
        false => not_applicable("the client registers without queue mode"),
    }
}

/// The registration, which must name well-formed profile ids.
async fn with_profile(judge: &mut ClientJudge) -> Judged<Registration> {
    judge.needs(LwM2mVersion::V1_2).await?;
    let registration = judge.registered().await?;
    judge.bench.evidence = judge.bench.evidence.min(registration.mark);
    let Some(text) = &registration.register.profile else {
        return not_applicable("the client registers without a profile id");
    };
    if let Err(error) = parse_profiles(text) {
        return fail(format!("pid={text}: {error}"));
    }
    Ok(registration)
}

pub(super) async fn int_110(judge: &mut ClientJudge) -> Judged {
    let registration = with_profile(judge).await?;
    match registration.request.payload.is_empty() {
        true => Ok(()),
        false => not_applicable("the client says its objects beside the profile: see int-111"),
    }
}

pub(super) async fn int_111(judge: &mut ClientJudge) -> Judged {
    let registration = with_profile(judge).await?;
    if registration.request.payload.is_empty() {
        return not_applicable("the client says a profile alone: see int-110");
    }
    let hidden = registration.register.links.iter().find(|link| {
        matches!(&link.target, LinkTarget::Path(path)
            if path.object_id().is_some_and(is_security_object))
    });
    ensure(hidden.is_none(), || {
        "the registration shows an object with keys".to_owned()
    })
}

pub(super) async fn int_241(judge: &mut ClientJudge) -> Judged {
    let before = judge.registered().await?;
    let reboot = Execute::new(Path::resource(3, 0, 4));
    judge.must(reboot, Code::CHANGED).await?;
    judge.hint("the device restarts");
    judge.registered_after(before.number).await?;
    int_101(judge).await
}
