//! Composite operations: int-230 to int-281.

use super::{ClientJudge, registration::resource, writing::portfolio};
use crate::judge::{
    values,
    verdict::{Judged, ensure, fail},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    operation::{ReadComposite, WriteComposite},
    path::{Path, SECURITY_OBJECTS},
    version::LwM2mVersion,
};

const FORMAT: ContentFormat = ContentFormat::SenmlCbor;

async fn read(judge: &mut ClientJudge, paths: &[Path]) -> Judged<Vec<Entry>> {
    judge.needs(LwM2mVersion::V1_1).await?;
    let read = ReadComposite {
        paths: paths.to_vec(),
        format: FORMAT,
        accept: Some(FORMAT),
    };
    let response = judge.may(read, Code::CONTENT, "read-composite").await?;
    judge.values(&response, Path::ROOT, Some(FORMAT)).await
}

async fn write(judge: &mut ClientJudge, entries: &[Entry]) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let root = judge.root().await?;
    let payload = judge.payload(FORMAT, entries, Path::ROOT, &root)?;
    let write = WriteComposite { payload };
    judge
        .may(write, Code::CHANGED, "write-composite")
        .await
        .map(drop)
}

/// Everything lies at or below one of these.
fn within(entries: &[Entry], paths: &[Path]) -> Judged {
    let stray = entries
        .iter()
        .find(|entry| !paths.iter().any(|path| path.contains(&entry.path)));
    match stray {
        Some(entry) => fail(format!("{} was not asked for", entry.path)),
        None => Ok(()),
    }
}

fn all_there(entries: &[Entry], written: &[Entry]) -> Judged {
    written
        .iter()
        .try_for_each(|entry| values::expect(entries, &entry.path, entry.value.clone()))
}

pub(super) async fn int_230(judge: &mut ClientJudge) -> Judged {
    let instance = portfolio(judge, ["a", "b", "c", "d"]).await?;
    let account = judge.account().await?;
    let (lifetime, storing) = (resource(account, 1)?, resource(account, 6)?);
    let before = judge.value(storing).await?;
    judge.keep_lifetime().await?;
    judge
        .put_back_values(&[Entry::new(storing, before.clone())])
        .await?;
    let other = before.as_bool() != Some(true);
    let mut entries = vec![Entry::new(lifetime, 61), Entry::new(storing, other)];
    let identity = resource(instance, 0)?;
    for (number, text) in (0..).zip(["aa", "bb", "cc", "dd"]) {
        entries.push(Entry::new(resource(identity, number)?, text));
    }
    write(judge, &entries).await?;
    judge.told_lifetime(61).await?;
    let mut found = judge.read(account, None).await?;
    found.extend(judge.read(Path::object(16), None).await?);
    all_there(&found, &entries)
}

pub(super) async fn int_235(judge: &mut ClientJudge) -> Judged {
    let entries = read(judge, &[Path::ROOT]).await?;
    for object in SECURITY_OBJECTS {
        let shown = entries
            .iter()
            .find(|entry| entry.path.object_id() == Some(object));
        if let Some(entry) = shown {
            return fail(format!("{} was given", entry.path));
        }
    }
    let account = judge.account().await?;
    values::value(&entries, &resource(account, 1)?)?;
    values::value(&entries, &Path::resource(3, 0, 16)).map(drop)
}

pub(super) async fn int_236(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let registration = judge.registered().await?;
    let absent = |object: &&u16| registration.supported.object(**object).is_none();
    // Some clients have one of those that the case takes for absent.
    let objects: Vec<u16> = [3339, 3353, 3342].iter().filter(absent).copied().collect();
    let mut paths = vec![account, resource(account, 1)?, Path::resource(3, 0, 11)];
    let there = paths.clone();
    paths.extend(
        objects
            .iter()
            .map(|object| Path::resource(*object, 0, 5522)),
    );
    let entries = read(judge, &paths).await?;
    within(&entries, &there)?;
    values::value(&entries, &resource(account, 1)?).map(drop)
}

pub(super) async fn int_257(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let (pmin, storing) = (resource(account, 2)?, resource(account, 6)?);
    let time = Path::resource(3, 0, 13);
    let before = judge.read(account, None).await?;
    judge
        .read_optional(time, None, "the current time (/3/0/13)")
        .await?;
    let kept: Vec<Entry> = before
        .iter()
        .filter(|entry| entry.path == pmin || entry.path == storing)
        .cloned()
        .collect();
    judge.put_back_values(&kept).await?;
    let entries = [
        Entry::new(pmin, 101),
        Entry::new(storing, true),
        Entry::new(time, lwm2m_core::value::Value::Time(0)),
    ];
    write(judge, &entries).await?;
    let after = judge.read(account, None).await?;
    all_there(&after, &entries[..2])?;
    let now = judge.value(time).await?;
    // The clock goes on.
    let patience = judge.settings.pace.patience.as_secs();
    let now = now.as_i64().and_then(|now| u64::try_from(now).ok());
    ensure(now.is_some_and(|now| now <= patience), || {
        format!("{time} is {now:?} after it was set to 0")
    })
}

pub(super) async fn int_280(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let (binding, errors) = (Path::resource(3, 0, 16), Path::resource(3, 0, 11));
    let paths = [binding, errors, account];
    let entries = read(judge, &paths).await?;
    within(&entries, &paths)?;
    values::value(&entries, &binding)?;
    for id in [0, 1, 6, 7] {
        values::value(&entries, &resource(account, id)?)?;
    }
    let has_errors = entries.iter().any(|entry| errors.contains(&entry.path));
    ensure(has_errors, || format!("{errors} is missing"))
}

pub(super) async fn int_281(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let (lifetime, binding) = (resource(account, 1)?, resource(account, 7)?);
    let paths = [lifetime, binding, resource(account, 8)?];
    let entries = read(judge, &paths).await?;
    within(&entries, &paths[..2])?;
    values::value(&entries, &lifetime)?;
    values::value(&entries, &binding).map(drop)
}
