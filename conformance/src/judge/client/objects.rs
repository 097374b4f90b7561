//! Device, connectivity monitoring, location and portfolio: int-308, int-309 and int-651 to int-1635.

use super::{ClientJudge, management::DEVICE, registration::resource, writing::portfolio};
use crate::judge::{
    sitting::Sitting,
    values,
    verdict::{Judged, ensure, fail},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    operation::{Create, Delete, Payload, Write, WriteMode},
    path::Path,
    value::Value,
    version::LwM2mVersion,
};

const TIME: Path = Path::resource(3, 0, 13);
const OFFSET: Path = Path::resource(3, 0, 14);
const ZONE: Path = Path::resource(3, 0, 15);
/// The moment that int-651 sets, in seconds since 1970.
const MOMENT: i64 = 1_367_491_215;

/// The 651-SetOfValues in TLV, as the case prints it.
fn set_of_values() -> Vec<u8> {
    let mut payload = vec![0xC4, 13, 0x51, 0x82, 0x42, 0x8F, 0xC6, 14];
    payload.extend(b"+02:00");
    payload.extend([0xC8, 15, 12]);
    payload.extend(b"Europe/Paris");
    payload
}

pub(super) async fn int_651(judge: &mut ClientJudge) -> Judged {
    let zone = "current time, offset and time zone (/3/0/13, 14, 15)";
    let mut before = Vec::new();
    for path in [TIME, OFFSET, ZONE] {
        before.extend(judge.read_optional(path, None, zone).await?);
    }
    judge.put_back_values(&before).await?;
    let write = Write {
        path: DEVICE,
        mode: WriteMode::PartialUpdate,
        payload: Payload {
            format: ContentFormat::Tlv,
            data: set_of_values().into(),
        },
    };
    judge
        .may(write, Code::CHANGED, "writes of the device object as TLV")
        .await?;
    let after = judge.read(DEVICE, None).await?;
    values::expect(&after, &OFFSET, "+02:00")?;
    values::expect(&after, &ZONE, "Europe/Paris")?;
    let time = values::value(&after, &TIME)?.as_i64().unwrap_or_default();
    // The clock goes on.
    let patience = i64::try_from(judge.settings.pace.patience.as_secs()).unwrap_or(i64::MAX);
    ensure((MOMENT..=MOMENT + patience).contains(&time), || {
        format!("{TIME} is {time} after it was set to {MOMENT}")
    })?;
    let write = judge
        .write_of(DEVICE, WriteMode::Replace, ContentFormat::Tlv, &before)
        .await?;
    judge.must(write, Code::CHANGED).await?;
    let after = judge.read(DEVICE, None).await?;
    for entry in before.iter().filter(|entry| entry.path != TIME) {
        values::expect(&after, &entry.path, entry.value.clone())?;
    }
    values::value(&after, &Path::resource(3, 0, 16)).map(drop)
}

pub(super) async fn int_652(judge: &mut ClientJudge) -> Judged {
    let path = Path::resource(3, 0, 3);
    let entries = judge
        .read_optional(path, None, "the firmware version (/3/0/3)")
        .await?;
    let value = values::value(&entries, &path)?;
    ensure(
        matches!(value, Value::String(text) if !text.is_empty()),
        || format!("{path} is {value}"),
    )
}

pub(super) async fn int_680(judge: &mut ClientJudge) -> Judged {
    let root = judge.root().await?;
    let entries = [Entry::new(Path::resource(3, 1, 0), "another")];
    let format = match judge.registered().await?.register.version {
        LwM2mVersion::V1_0 => ContentFormat::Tlv,
        _ => ContentFormat::SenmlCbor,
    };
    let payload = judge.payload(format, &entries, Path::object(3), &root)?;
    let create = Create { object: 3, payload };
    judge.must(create, Code::METHOD_NOT_ALLOWED).await?;
    let links = judge.discover(Path::object(3), None).await?;
    let second = values::link(&links, &Path::object_instance(3, 1), &root);
    ensure(second.is_err(), || "discover shows /3/1".to_owned())
}

pub(super) async fn int_685(judge: &mut ClientJudge) -> Judged {
    judge
        .must(Delete { path: DEVICE }, Code::METHOD_NOT_ALLOWED)
        .await?;
    judge.read(DEVICE, None).await.map(drop)
}

/// Reads an optional object with one instance.
async fn read_object(judge: &mut ClientJudge, object: u16, mandatory: &[u16]) -> Judged<Path> {
    judge.needs_object(object).await?;
    let instance = Path::object_instance(object, 0);
    let entries = judge.read(instance, None).await?;
    for id in mandatory {
        let resource = resource(instance, *id)?;
        let there = entries.iter().any(|entry| resource.contains(&entry.path));
        ensure(there, || format!("{resource} is missing"))?;
    }
    Ok(instance)
}

/// Observes a resource of it.
async fn observe_object(judge: &mut ClientJudge, object: u16, id: u16) -> Judged {
    let instance = read_object(judge, object, &[id]).await?;
    let path = resource(instance, id)?;
    let periods = judge.settings.pace.first_periods;
    let (pmin, pmax) = periods;
    judge
        .attributes(path, &format!("pmin={pmin}&pmax={pmax}"))
        .await?;
    let (observed, _) = judge.observe_path(path).await?;
    judge
        .notified(&path.to_string(), observed, 1, periods)
        .await
        .map(drop)
}

pub(super) async fn int_701(judge: &mut ClientJudge) -> Judged {
    read_object(judge, 4, &[0, 1, 2, 4]).await.map(drop)
}

pub(super) async fn int_710(judge: &mut ClientJudge) -> Judged {
    observe_object(judge, 4, 2).await
}

pub(super) async fn int_801(judge: &mut ClientJudge) -> Judged {
    read_object(judge, 6, &[0, 1, 5]).await.map(drop)
}

pub(super) async fn int_810(judge: &mut ClientJudge) -> Judged {
    observe_object(judge, 6, 0).await
}

pub(super) async fn int_1630(judge: &mut ClientJudge) -> Judged {
    let root = judge.root().await?;
    let texts = ["Host Device ID #2", "Manufacturer", "Model", "Version"];
    let instance = portfolio(judge, texts).await?;
    let identity = resource(instance, 0)?;
    let links = judge.discover(instance, None).await?;
    let dim = values::link(&links, &identity, &root)?.parameter("dim");
    ensure(dim == Some("4"), || {
        format!("discover shows dim={dim:?} for {identity}, not 4")
    })?;
    let entries = judge.read(Path::object(16), None).await?;
    for (number, text) in (0..).zip(texts) {
        values::expect(&entries, &resource(identity, number)?, text)?;
    }
    Ok(())
}

pub(super) async fn int_1635(judge: &mut ClientJudge) -> Judged {
    let root = judge.root().await?;
    let instance = portfolio(judge, ["a", "b", "c", "d"]).await?;
    // It is gone when the case ends.
    judge.undo.pop();
    judge.must(Delete { path: instance }, Code::DELETED).await?;
    let links = judge.discover(Path::object(16), None).await?;
    values::link(&links, &Path::object(16), &root)?;
    ensure(values::link(&links, &instance, &root).is_err(), || {
        format!("discover shows {instance}, which was deleted")
    })
}

fn instances(entries: &[Entry]) -> Vec<Option<u16>> {
    let mut instances: Vec<_> = entries
        .iter()
        .map(|entry| entry.path.object_instance_id())
        .collect();
    instances.sort_unstable();
    instances.dedup();
    instances
}

/// A composite observation of two instances, of which the second comes or goes.
async fn observed_instances(judge: &mut ClientJudge, created: bool) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let first = portfolio(judge, ["aa", "bb", "cc", "dd"]).await?;
    let Some(id) = first.object_instance_id() else {
        return fail("the portfolio has an instance");
    };
    let second = Path::object_instance(16, id + 1);
    if !created {
        let made = next_instance(judge, second).await?;
        ensure(made == second, || format!("{made} was made, not {second}"))?;
    }
    let (pmin, pmax) = judge.settings.pace.composite_periods;
    judge
        .attributes(first, &format!("pmin={pmin}&pmax={pmax}"))
        .await?;
    if !created {
        judge
            .attributes(second, &format!("pmin={pmin}&pmax={pmax}"))
            .await?;
    }
    let format = ContentFormat::SenmlCbor;
    let (observed, entries) = judge.observe_composite(&[first, second], format).await?;
    let one = vec![first.object_instance_id()];
    let both = vec![first.object_instance_id(), second.object_instance_id()];
    let (before, after) = if created { (one, both) } else { (both, one) };
    ensure(instances(&entries) == before, || {
        format!("the first value has instances {:?}", instances(&entries))
    })?;
    if created {
        next_instance(judge, second).await?;
    } else {
        judge.must(Delete { path: second }, Code::DELETED).await?;
        judge
            .undo
            .retain(|undo| undo.to_string() != format!("delete {second}"));
    }
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
                "no notification has instances {after:?} within {patience:.0?}"
            ));
        };
        seen += 1;
        let response = notified.response;
        let entries = judge.values(&response, Path::ROOT, Some(format)).await?;
        if instances(&entries) == after {
            return Ok(());
        }
    }
}

/// Makes one more instance of the portfolio, with the number that the case wants.
async fn next_instance(judge: &mut ClientJudge, instance: Path) -> Judged<Path> {
    let root = judge.root().await?;
    let identity = resource(instance, 0)?;
    let mut entries = Vec::new();
    for (number, text) in (0..).zip(["11", "22", "33", "44"]) {
        entries.push(Entry::new(resource(identity, number)?, text));
    }
    let payload = judge.payload(ContentFormat::SenmlCbor, &entries, Path::object(16), &root)?;
    let create = Create {
        object: 16,
        payload,
    };
    judge.must(create, Code::CREATED).await?;
    judge.undo.push(Delete { path: instance }.into());
    Ok(instance)
}

pub(super) async fn int_308(judge: &mut ClientJudge) -> Judged {
    observed_instances(judge, true).await
}

pub(super) async fn int_309(judge: &mut ClientJudge) -> Judged {
    observed_instances(judge, false).await
}
