//! Writes: int-205 to int-256.

use super::{ClientJudge, registration::resource};
use crate::judge::{
    values,
    verdict::{Judged, ensure, not_applicable},
};
use lwm2m_core::{
    coap::Code, content::ContentFormat, entry::Entry, operation::WriteMode, path::Path,
    value::Value, version::LwM2mVersion,
};

/// What the account of the judge is now; written again when the case ends.
async fn keep(judge: &mut ClientJudge, ids: &[u16]) -> Judged<(Path, Vec<Entry>)> {
    let account = judge.account().await?;
    let before = judge.read(account, None).await?;
    let mut kept = Vec::new();
    for id in ids {
        let path = resource(account, *id)?;
        if let Some(value) = values::find(&before, &path) {
            kept.push(Entry::new(path, value.clone()));
        }
    }
    judge.put_back_values(&kept).await?;
    Ok((account, before))
}

async fn written_one_by_one(
    judge: &mut ClientJudge,
    format: ContentFormat,
    wanted: &[(u16, Value)],
    read_as: Option<ContentFormat>,
) -> Judged {
    let ids: Vec<u16> = wanted.iter().map(|(id, _)| *id).collect();
    let (account, _) = keep(judge, &ids).await?;
    for (id, value) in wanted {
        let path = resource(account, *id)?;
        let entries = [Entry::new(path, value.clone())];
        let write = judge
            .write_of(path, WriteMode::Replace, format, &entries)
            .await?;
        let feature = format!("{path} as {format:?}");
        judge.may(write, Code::CHANGED, &feature).await?;
    }
    let feature = read_as.map_or("reads".to_owned(), |format| format!("{format:?}"));
    let entries = judge.read_optional(account, read_as, &feature).await?;
    for (id, value) in wanted {
        values::expect(&entries, &resource(account, *id)?, value.clone())?;
    }
    Ok(())
}

pub(super) async fn int_205(judge: &mut ClientJudge) -> Judged {
    let wanted = [(2, 101.into()), (3, 1010.into()), (5, 2000.into())];
    written_one_by_one(
        judge,
        ContentFormat::Text,
        &wanted,
        Some(ContentFormat::Tlv),
    )
    .await
}

pub(super) async fn int_212(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let wanted = [(2, 101.into()), (3, 1010.into()), (6, true.into())];
    written_one_by_one(judge, ContentFormat::Cbor, &wanted, None).await
}

/// int-215 and int-220: a partial update, then a replace with what was there before.
async fn updated_and_replaced(judge: &mut ClientJudge, format: ContentFormat) -> Judged {
    let (account, before) = keep(judge, &[2, 3, 5, 6, 7]).await?;
    let wanted: [(u16, Value); 5] = [
        (2, 101.into()),
        (3, 1010.into()),
        (5, 2000.into()),
        (6, true.into()),
        (7, "U".into()),
    ];
    let mut entries = Vec::new();
    for (id, value) in &wanted {
        entries.push(Entry::new(resource(account, *id)?, value.clone()));
    }
    let write = judge
        .write_of(account, WriteMode::PartialUpdate, format, &entries)
        .await?;
    judge
        .may(write, Code::CHANGED, &format!("writes as {format:?}"))
        .await?;
    let after = judge.read(account, None).await?;
    for entry in &entries {
        if values::find(&after, &entry.path).is_none() {
            return not_applicable(format!("the client has no {}", entry.path));
        }
        values::expect(&after, &entry.path, entry.value.clone())?;
    }
    for id in [0, 1] {
        let path = resource(account, id)?;
        values::expect(&after, &path, values::value(&before, &path)?.clone())?;
    }
    // What cannot be written stays out of the replace: the short server id.
    let writable: Vec<Entry> = before
        .iter()
        .filter(|entry| entry.path.resource_id() != Some(0))
        .cloned()
        .collect();
    let write = judge
        .write_of(account, WriteMode::Replace, format, &writable)
        .await?;
    judge.must(write, Code::CHANGED).await?;
    let after = judge.read(account, None).await?;
    for entry in &writable {
        values::expect(&after, &entry.path, entry.value.clone())?;
    }
    Ok(())
}

pub(super) async fn int_215(judge: &mut ClientJudge) -> Judged {
    updated_and_replaced(judge, ContentFormat::Tlv).await
}

pub(super) async fn int_220(judge: &mut ClientJudge) -> Judged {
    let version = judge.registered().await?.register.version;
    if version > LwM2mVersion::V1_0 {
        return not_applicable(format!(
            "JSON (11543) is of 1.0, the client registered as {version}"
        ));
    }
    updated_and_replaced(judge, ContentFormat::Json).await
}

/// A lifetime that is not the present one.
async fn another_lifetime(judge: &mut ClientJudge, wanted: u32) -> Judged<u32> {
    let before = judge.registered().await?.lifetime;
    Ok(if before == wanted { wanted + 1 } else { wanted })
}

/// Writes lifetime and storing in one message; the update must tell the lifetime.
async fn partial(judge: &mut ClientJudge, format: ContentFormat) -> Judged {
    let seconds = another_lifetime(judge, 61).await?;
    let (account, before) = keep(judge, &[6]).await?;
    judge.keep_lifetime().await?;
    let (lifetime, storing) = (resource(account, 1)?, resource(account, 6)?);
    let other = values::value(&before, &storing)?.as_bool() != Some(true);
    let entries = [
        Entry::new(lifetime, i64::from(seconds)),
        Entry::new(storing, other),
    ];
    let write = judge
        .write_of(account, WriteMode::PartialUpdate, format, &entries)
        .await?;
    judge
        .may(write, Code::CHANGED, &format!("writes as {format:?}"))
        .await?;
    judge.told_lifetime(seconds).await?;
    let after = judge.read(account, None).await?;
    for entry in &entries {
        values::expect(&after, &entry.path, entry.value.clone())?;
    }
    let short_id = resource(account, 0)?;
    values::expect(
        &after,
        &short_id,
        values::value(&before, &short_id)?.clone(),
    )
}

pub(super) async fn int_226(judge: &mut ClientJudge) -> Judged {
    // The client's own format: the one that it reads its account in.
    let account = judge.account().await?;
    let read = lwm2m_core::operation::Read {
        path: account,
        accept: None,
    };
    let response = judge.must(read, Code::CONTENT).await?;
    let format = values::expect_format(&response, None, "a read of the server object")?;
    partial(judge, format).await
}

/// Writes the lifetime as a resource; the update must tell it and a read show it.
async fn lifetime(judge: &mut ClientJudge, format: ContentFormat) -> Judged {
    let seconds = another_lifetime(judge, 63).await?;
    let account = judge.account().await?;
    judge.set_lifetime(seconds, format).await?;
    let path = resource(account, 1)?;
    let value = judge.value(path).await?;
    ensure(value.as_i64() == Some(seconds.into()), || {
        format!("{path} is {value}, not {seconds}")
    })
}

pub(super) async fn int_227(judge: &mut ClientJudge) -> Judged {
    lifetime(judge, ContentFormat::Text).await
}

/// Makes an instance of the portfolio with four identities; deleted when the case ends.
pub(super) async fn portfolio(judge: &mut ClientJudge, texts: [&str; 4]) -> Judged<Path> {
    judge.needs_object(16).await?;
    let registration = judge.registered().await?;
    let taken = registration
        .supported
        .object(16)
        .map(|o| o.instances.clone());
    // Instances that were made since the registration appear in its updates.
    let taken = taken.unwrap_or_default();
    let free = (0..u16::MAX).find(|id| !taken.contains(id)).unwrap_or(0);
    let instance = Path::object_instance(16, free);
    let entries: Vec<Entry> = (0..)
        .zip(texts)
        .map(|(number, text)| Entry::new(Path::resource_instance(16, free, 0, number), text))
        .collect();
    let root = judge.root().await?;
    let version = registration.register.version;
    let format = match version {
        LwM2mVersion::V1_0 => ContentFormat::Tlv,
        _ => ContentFormat::SenmlCbor,
    };
    let payload = judge.payload(format, &entries, Path::object(16), &root)?;
    let create = lwm2m_core::operation::Create {
        object: 16,
        payload,
    };
    judge
        .may(create, Code::CREATED, "creating instances of /16")
        .await?;
    let delete = lwm2m_core::operation::Delete { path: instance };
    judge.undo.push(delete.into());
    Ok(instance)
}

pub(super) async fn int_228(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let texts = ["a", "b", "c", "d"];
    let instance = portfolio(judge, texts).await?;
    let at = |number| -> Judged<Path> {
        let identity = resource(instance, 0)?;
        resource(identity, number)
    };
    judge.write(at(1)?, ContentFormat::Text, "test").await?;
    for (number, text) in (0..).zip(["a", "test", "c", "d"]) {
        let path = at(number)?;
        let value = judge.value(path).await?;
        ensure(value.as_str() == Some(text), || {
            format!("{path} is {value}")
        })?;
    }
    Ok(())
}

/// int-233 and int-234.
async fn written_at_all_levels(judge: &mut ClientJudge, format: ContentFormat) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    judge.needs_object(16).await?;
    partial(judge, format).await?;
    let instance = portfolio(judge, ["a", "b", "c", "d"]).await?;
    let path = resource(resource(instance, 0)?, 0)?;
    judge.write(path, format, "test_value").await?;
    let entries = judge.read(Path::object(16), None).await?;
    values::expect(&entries, &path, "test_value")?;
    lifetime(judge, format).await
}

pub(super) async fn int_233(judge: &mut ClientJudge) -> Judged {
    written_at_all_levels(judge, ContentFormat::SenmlCbor).await
}

pub(super) async fn int_234(judge: &mut ClientJudge) -> Judged {
    written_at_all_levels(judge, ContentFormat::SenmlJson).await
}

pub(super) async fn int_256(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let path = resource(account, 0)?;
    let before = judge.value(path).await?;
    let entries = [Entry::new(path, 123)];
    let write = judge
        .write_of(path, WriteMode::Replace, ContentFormat::Text, &entries)
        .await?;
    judge.must(write, Code::METHOD_NOT_ALLOWED).await?;
    let after = judge.value(path).await?;
    ensure(values::same(&before, &after), || {
        format!("{path} was {before} and is {after}")
    })
}
