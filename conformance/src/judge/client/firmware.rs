//! Firmware update: int-751 to int-772.

use super::ClientJudge;
use crate::judge::{
    sitting::Sitting,
    values,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    operation::{Execute, Payload, Write, WriteMode},
    path::Path,
    value::Value,
};

const FIRMWARE: Path = Path::object_instance(5, 0);
const PACKAGE: Path = Path::resource(5, 0, 0);
const UPDATE: Path = Path::resource(5, 0, 2);
const STATE: Path = Path::resource(5, 0, 3);
const RESULT: Path = Path::resource(5, 0, 5);
const DELIVERY: Path = Path::resource(5, 0, 9);
const VERSION: Path = Path::resource(3, 0, 3);

const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;
/// /5/0/9: pull only.
const PULL: i64 = 0;

async fn package(judge: &mut ClientJudge, data: Vec<u8>) -> Judged {
    let write = Write {
        path: PACKAGE,
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Opaque,
            data: data.into(),
        },
    };
    judge
        .may(write, Code::CHANGED, "firmware by push")
        .await
        .map(drop)
}

async fn state(judge: &mut ClientJudge) -> Judged<(i64, i64)> {
    let entries = judge.read(FIRMWARE, None).await?;
    let number = |path| -> Judged<i64> {
        let value = values::value(&entries, &path)?;
        match value.as_i64() {
            Some(number) => Ok(number),
            None => fail(format!("{path} is {value}")),
        }
    };
    Ok((number(STATE)?, number(RESULT)?))
}

async fn expect_state(judge: &mut ClientJudge, expected: (i64, i64)) -> Judged {
    let found = state(judge).await?;
    ensure(found == expected, || {
        format!("state and result are {found:?}, not {expected:?}")
    })
}

/// Waits until the state is reached: a device may need a while to look at an image.
async fn reaches(judge: &mut ClientJudge, expected: (i64, i64)) -> Judged {
    let deadline = tokio::time::Instant::now() + judge.settings.pace.patience;
    loop {
        let found = state(judge).await?;
        if found == expected {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            return fail(format!("state and result are {found:?}, not {expected:?}"));
        }
        judge.pass(judge.settings.pace.slack).await;
    }
}

async fn image(judge: &mut ClientJudge) -> Judged<Vec<u8>> {
    judge.needs_object(5).await?;
    let entries = judge.read(FIRMWARE, None).await?;
    if values::find(&entries, &DELIVERY).and_then(Value::as_i64) == Some(PULL) {
        return not_applicable("the device only pulls firmware");
    }
    match &judge.settings.firmware {
        Some(image) => Ok(image.clone()),
        None => not_applicable("an image that the device takes is needed: say it with --firmware"),
    }
}

/// A device that is reset whatever it was doing.
async fn reset(judge: &mut ClientJudge) -> Judged {
    package(judge, vec![0]).await?;
    reaches(judge, (IDLE, 0)).await
}

/// Resets the device when the case ends.
fn reset_at_the_end(judge: &mut ClientJudge) {
    let write = Write {
        path: PACKAGE,
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Opaque,
            data: vec![0].into(),
        },
    };
    judge.undo.push(write.into());
}

pub(super) async fn int_751(judge: &mut ClientJudge) -> Judged {
    judge.needs_object(5).await?;
    let entries = judge
        .read_optional(FIRMWARE, Some(ContentFormat::Tlv), "TLV")
        .await?;
    values::expect(&entries, &STATE, IDLE)?;
    let result = values::value(&entries, &RESULT)?.as_i64();
    ensure(result.is_some(), || format!("{RESULT} is no number"))?;
    let delivery = values::value(&entries, &DELIVERY)?;
    ensure(matches!(delivery.as_i64(), Some(0..=2)), || {
        format!("{DELIVERY} is {delivery}")
    })
}

pub(super) async fn int_755(judge: &mut ClientJudge) -> Judged {
    let image = image(judge).await?;
    reset_at_the_end(judge);
    reset(judge).await?;
    package(judge, image).await?;
    reaches(judge, (DOWNLOADED, 0)).await?;
    reset(judge).await
}

pub(super) async fn int_760(judge: &mut ClientJudge) -> Judged {
    let image = image(judge).await?;
    reset_at_the_end(judge);
    reset(judge).await?;
    let (pmin, pmax) = judge.settings.pace.first_periods;
    judge
        .attributes(FIRMWARE, &format!("pmin={pmin}&pmax={pmax}"))
        .await?;
    let (observed, entries) = judge.observe_path(STATE).await?;
    values::expect(&entries, &STATE, IDLE)?;
    package(judge, image).await?;
    let patience = judge.settings.pace.patience;
    let mut seen = 0;
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let next = judge
            .until(left, |ledger| {
                let notified = ledger.notifications.iter();
                let mut notified = notified.filter(|other| other.observation == observed.id);
                notified.nth(seen).cloned()
            })
            .await;
        let Some(notified) = next else {
            return fail(format!(
                "state {DOWNLOADED} was not notified within {patience:.0?}"
            ));
        };
        seen += 1;
        let entries = judge.values(&notified.response, STATE, None).await?;
        if values::value(&entries, &STATE)?.as_i64() == Some(DOWNLOADED) {
            return Ok(());
        }
    }
}

pub(super) async fn int_770(judge: &mut ClientJudge) -> Judged {
    let image = image(judge).await?;
    reset(judge).await?;
    let version = judge.value(VERSION).await?;
    package(judge, image).await?;
    reaches(judge, (DOWNLOADED, 0)).await?;
    let before = judge.registered().await?;
    judge.must(Execute::new(UPDATE), Code::CHANGED).await?;
    judge.hint("the device installs its firmware");
    judge.registered_after(before.number).await?;
    reaches(judge, (IDLE, 1)).await?;
    let after = judge.value(VERSION).await?;
    ensure(version != after, || {
        format!("{VERSION} is {after} before and after the update")
    })
}

pub(super) async fn int_772(judge: &mut ClientJudge) -> Judged {
    judge.needs_object(5).await?;
    let before = state(judge).await?;
    ensure(before.0 == IDLE, || {
        format!("state and result are {before:?}, the case begins idle")
    })?;
    judge
        .must(Execute::new(UPDATE), Code::METHOD_NOT_ALLOWED)
        .await?;
    expect_state(judge, before).await
}
