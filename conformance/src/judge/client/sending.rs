//! Send: int-306, int-307 and int-311.

use super::{ClientJudge, registration::resource};
use crate::judge::{
    sitting::Sitting,
    verdict::{Judged, ensure, not_applicable},
};
use lwm2m_core::{
    coap::Code, content::ContentFormat, entry::Entry, operation::WriteMode, path::Path,
    time::Instant, version::LwM2mVersion,
};

impl ClientJudge {
    /// The next Send that nobody has waited for.
    async fn sent(&mut self) -> Judged<(Instant, Vec<Entry>)> {
        self.hint("waiting for the client to Send: make it do so, unless it does by itself");
        let patience = self.settings.pace.patience;
        let sent = self.until(patience, |ledger| {
            (!ledger.sends.is_empty()).then(|| ledger.sends.remove(0))
        });
        match sent.await {
            Some(sent) => Ok(sent),
            None => not_applicable(format!("the client sent nothing within {patience:.0?}")),
        }
    }

    /// Lets the client Send, where the server object has a say in it.
    async fn unmuted(&mut self) -> Judged<Path> {
        self.needs(LwM2mVersion::V1_1).await?;
        let account = self.account().await?;
        resource(account, 23)
    }
}

pub(super) async fn int_306(judge: &mut ClientJudge) -> Judged {
    judge.unmuted().await?;
    let (_, entries) = judge.sent().await?;
    ensure(!entries.is_empty(), || "the Send is empty".to_owned())?;
    let registration = judge.registered().await?;
    for entry in &entries {
        let object = entry.path.object_id();
        let known = object.is_some_and(|id| registration.supported.object(id).is_some());
        ensure(known, || {
            format!("{} was sent, whose object is not registered", entry.path)
        })?;
    }
    Ok(())
}

pub(super) async fn int_307(judge: &mut ClientJudge) -> Judged {
    let mute = judge.unmuted().await?;
    let (first, _) = judge.sent().await?;
    let (second, _) = judge.sent().await?;
    let period = second.since(first);
    judge.put_back_values(&[Entry::new(mute, false)]).await?;
    let muted = [Entry::new(mute, true)];
    let write = judge
        .write_of(mute, WriteMode::Replace, ContentFormat::Text, &muted)
        .await?;
    judge.may(write, Code::CHANGED, "Mute Send /1/x/23").await?;
    // What was under way when it was muted has come when this is over.
    let slack = judge.settings.pace.slack;
    judge.pass(slack).await;
    judge.ledger.sends.clear();
    judge.pass(period * 2 + slack).await;
    ensure(judge.ledger.sends.is_empty(), || {
        "the client sent although it is muted".to_owned()
    })?;
    judge.write(mute, ContentFormat::Text, false).await?;
    judge
        .awaited("a Send after the mute was taken back", |ledger| {
            (!ledger.sends.is_empty()).then_some(())
        })
        .await
}
