//! Security: int-401 to int-403.

use super::ClientJudge;
use crate::judge::{
    sitting::Sitting,
    verdict::{Judged, ensure, not_applicable},
};
use lwm2m_core::{content::ContentFormat, path::Path, peer::PeerIdentity};

/// Registration, then a read of the device object, over the connection whose identity was proven.
async fn registered_and_read(judge: &mut ClientJudge) -> Judged {
    super::registration::int_101(judge).await?;
    judge
        .read_optional(Path::object_instance(3, 0), Some(ContentFormat::Tlv), "TLV")
        .await
        .map(drop)
}

pub(super) async fn int_401(judge: &mut ClientJudge) -> Judged {
    let registration = judge.registered().await?;
    match registration.identity {
        PeerIdentity::Psk(_) => registered_and_read(judge).await,
        other => not_applicable(format!(
            "the client registered with {other}, not with a key"
        )),
    }
}

pub(super) async fn int_402(judge: &mut ClientJudge) -> Judged {
    let registration = judge.registered().await?;
    match registration.identity {
        PeerIdentity::Certificate(_) => registered_and_read(judge).await,
        other => not_applicable(format!(
            "the client registered with {other}, not with a certificate"
        )),
    }
}

/// The client is to be given an address whose host the judge's certificate does not name: it must not complete a
/// handshake. Only where nothing else is judged, since such a client never registers.
pub(super) async fn int_403(judge: &mut ClientJudge) -> Judged {
    if judge.settings.server.certificate.is_none() {
        return not_applicable("the judge has no certificate");
    }
    if judge.ledger.registration.is_some() {
        return not_applicable("the client trusts the name in the judge's certificate");
    }
    // A client may have come, and gone, before it is looked for: all that it did counts. Only its bootstrap does not.
    let before = match &judge.settings.bootstrap {
        Some(_) => judge.metrics.snapshot(),
        None => Default::default(),
    };
    let patience = judge.settings.pace.patience;
    judge.hint("waiting for the client to refuse the judge's certificate");
    let metrics = judge.metrics.clone();
    let refused = judge
        .until(patience, |ledger| {
            let now = metrics.snapshot();
            let failed = now.handshakes_failed + now.handshakes_timed_out;
            let then = before.handshakes_failed + before.handshakes_timed_out;
            (ledger.registration.is_some() || failed > then).then_some(())
        })
        .await;
    let now = judge.metrics.snapshot();
    ensure(judge.ledger.registration.is_none(), || {
        "the client registered although the certificate has another name".to_owned()
    })?;
    ensure(
        now.handshakes_completed == before.handshakes_completed,
        || "the client completed a handshake with a certificate of another name".to_owned(),
    )?;
    if refused.is_none() && now.handshakes_started == before.handshakes_started {
        return not_applicable("no client came");
    }
    Ok(())
}
