//! Reads, discover and attributes: int-201 to int-266.

use super::ClientJudge;
use crate::judge::{
    values::{self, expect_parameters, link},
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    link::Link,
    operation::{Payload, Read, Write, WriteAttributes, WriteMode},
    path::Path,
    value::Value,
    version::LwM2mVersion,
};

pub(super) const DEVICE: Path = Path::object_instance(3, 0);
const VOLTAGE: Path = Path::resource(3, 0, 7);

pub(super) async fn int_201(judge: &mut ClientJudge) -> Judged {
    for id in 0..=2 {
        let path = Path::resource(3, 0, id);
        let entries = judge
            .read_optional(path, Some(ContentFormat::Text), &format!("{path} as text"))
            .await?;
        let value = values::value(&entries, &path)?;
        ensure(
            matches!(value, Value::String(text) if !text.is_empty()),
            || format!("{path} is empty"),
        )?;
    }
    Ok(())
}

/// The device object of configuration C.1: what it must have, and what it must say.
fn check_device(entries: &[Entry]) -> Judged {
    // Error code and binding are the mandatory resources that can be read; the others stand in the configuration.
    let has_errors = entries
        .iter()
        .any(|entry| Path::resource(3, 0, 11).contains(&entry.path));
    ensure(has_errors, || "/3/0/11 (error code) is missing".to_owned())?;
    match values::value(entries, &Path::resource(3, 0, 16))? {
        Value::String(binding) if !binding.is_empty() => Ok(()),
        other => fail(format!("/3/0/16 (binding) is {other}")),
    }
}

/// The server object: what it must have, and that it agrees with the registration.
fn check_server(entries: &[Entry], account: Path, lifetime: u32) -> Judged {
    let at = |id| super::registration::resource(account, id);
    let short_id = values::value(entries, &at(0)?)?;
    ensure(matches!(short_id.as_i64(), Some(1..=65_534)), || {
        format!("{} is {short_id}", account)
    })?;
    values::expect(entries, &at(1)?, i64::from(lifetime))?;
    values::value(entries, &at(6)?)?;
    values::value(entries, &at(7)?).map(drop)
}

pub(super) async fn int_203(judge: &mut ClientJudge) -> Judged {
    let entries = judge
        .read_optional(DEVICE, Some(ContentFormat::Tlv), "TLV")
        .await?;
    check_device(&entries)
}

pub(super) async fn int_204(judge: &mut ClientJudge) -> Judged {
    let version = judge.registered().await?.register.version;
    if version > LwM2mVersion::V1_0 {
        return not_applicable(format!(
            "JSON (11543) is of 1.0, the client registered as {version}"
        ));
    }
    let entries = judge
        .read_optional(DEVICE, Some(ContentFormat::Json), "JSON")
        .await?;
    check_device(&entries)
}

pub(super) async fn int_211(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let account = judge.account().await?;
    for id in [0, 6, 7] {
        let path = super::registration::resource(account, id)?;
        judge
            .read_optional(path, Some(ContentFormat::Cbor), "CBOR")
            .await?;
    }
    Ok(())
}

pub(super) async fn int_221(judge: &mut ClientJudge) -> Judged {
    let path = Path::object(0);
    judge
        .must(Read { path, accept: None }, Code::UNAUTHORIZED)
        .await?;
    let write = Write {
        path: Path::resource(0, 0, 0),
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Text,
            data: b"coap://127.0.0.1".to_vec().into(),
        },
    };
    judge.must(write, Code::UNAUTHORIZED).await?;
    let change = values::change("pmin=30&pmax=45")?;
    judge
        .must(WriteAttributes { path, change }, Code::UNAUTHORIZED)
        .await?;
    Ok(())
}

async fn check_both(
    judge: &mut ClientJudge,
    server: Path,
    device: Path,
    format: Option<ContentFormat>,
) -> Judged {
    let account = judge.account().await?;
    let lifetime = judge.registered().await?.lifetime;
    let feature = format.map_or("reads".to_owned(), |format| format!("{format:?}"));
    let entries = judge.read_optional(server, format, &feature).await?;
    check_server(&entries, account, lifetime)?;
    let entries = judge.read_optional(device, format, &feature).await?;
    check_device(&entries)
}

pub(super) async fn int_222(judge: &mut ClientJudge) -> Judged {
    check_both(judge, Path::object(1), Path::object(3), None).await
}

pub(super) async fn int_223(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    check_both(judge, account, DEVICE, None).await
}

pub(super) async fn int_224(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let lifetime = judge.registered().await?.lifetime;
    let mut entries = Vec::new();
    for id in [0, 1, 6, 7] {
        let path = super::registration::resource(account, id)?;
        let value = judge.value(path).await?;
        entries.push(Entry::new(path, value));
    }
    check_server(&entries, account, lifetime)?;
    judge.value(Path::resource(3, 0, 16)).await.map(drop)
}

/// An instance of the error code, which every device has.
async fn error_code(judge: &mut ClientJudge) -> Judged<Path> {
    let errors = Path::resource(3, 0, 11);
    let entries = judge.read(errors, None).await?;
    match entries.first() {
        Some(entry) if entry.path.resource_instance_id().is_some() => Ok(entry.path),
        _ => fail("/3/0/11 (error code) has no resource instance"),
    }
}

pub(super) async fn int_225(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let path = error_code(judge).await?;
    judge.value(path).await.map(drop)
}

async fn reads_at_all_levels(judge: &mut ClientJudge, format: ContentFormat) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    check_both(judge, Path::object(1), DEVICE, Some(format)).await?;
    let instance = error_code(judge).await?;
    for path in [Path::resource(3, 0, 16), instance] {
        let entries = judge.read(path, Some(format)).await?;
        values::value(&entries, &path)?;
        ensure(entries.len() == 1, || format!("{path} has several values"))?;
    }
    Ok(())
}

pub(super) async fn int_231(judge: &mut ClientJudge) -> Judged {
    reads_at_all_levels(judge, ContentFormat::SenmlJson).await
}

pub(super) async fn int_232(judge: &mut ClientJudge) -> Judged {
    reads_at_all_levels(judge, ContentFormat::SenmlCbor).await
}

pub(super) async fn int_237(judge: &mut ClientJudge) -> Judged {
    let account = judge.account().await?;
    let lifetime = judge.registered().await?.lifetime;
    let version = judge.registered().await?.register.version;
    for path in [Path::object(1), Path::object(3)] {
        let response = judge
            .must(Read { path, accept: None }, Code::CONTENT)
            .await?;
        let format = values::expect_format(&response, None, &format!("a read of {path}"))?;
        ensure(
            !format.is_single_value() && format.is_known_to(version),
            || format!("{path} was given as {format:?}"),
        )?;
        let entries = judge.values(&response, path, None).await?;
        match path.object_id() {
            Some(1) => check_server(&entries, account, lifetime)?,
            _ => check_device(&entries)?,
        }
    }
    Ok(())
}

/// The links of a discover by their places, which must lie at or below the path.
fn check_places(links: &[Link], path: Path, root: &str) -> Judged<Vec<Path>> {
    let mut places = Vec::new();
    for link in links {
        match link.target.path_below(root) {
            Some(place) if path.contains(&place) => places.push(place),
            _ => return fail(format!("discover of {path} shows {}", link.target)),
        }
    }
    ensure(places.first() == Some(&path), || {
        format!("discover of {path} does not begin with it")
    })?;
    Ok(places)
}

/// The power source voltage, which the cases about attributes use.
async fn needs_voltage(judge: &mut ClientJudge, links: &[Link], root: &str) -> Judged {
    let read = Read {
        path: VOLTAGE,
        accept: None,
    };
    let there = link(links, &VOLTAGE, root).is_ok()
        && judge.ask(read).await?.code == Code::CONTENT
        && !judge.read(VOLTAGE, None).await?.is_empty();
    match there {
        true => Ok(()),
        false => not_applicable("the device has no power source voltage (/3/0/7)"),
    }
}

pub(super) async fn int_260(judge: &mut ClientJudge) -> Judged {
    let root = judge.root().await?;
    let device = Path::object(3);
    let links = judge.discover(device, None).await?;
    let places = check_places(&links, device, &root)?;
    for id in [0, 1, 2, 3, 4, 11, 16] {
        let path = Path::resource(3, 0, id);
        ensure(places.contains(&path), || {
            format!("discover of {device} does not show {path}")
        })?;
    }
    needs_voltage(judge, &links, &root).await?;
    let dim = link(&links, &VOLTAGE, &root)?
        .parameter("dim")
        .map(str::to_owned);
    let Some(dim) = dim else {
        return fail("discover shows /3/0/7 without the number of its instances (dim)");
    };
    judge.attributes(device, "pmin=10&pmax=200").await?;
    let links = judge.discover(DEVICE, None).await?;
    check_places(&links, DEVICE, &root)?;
    judge.attributes(VOLTAGE, "lt=1&gt=6&st=1").await?;
    let links = judge.discover(DEVICE, None).await?;
    let attached = [("dim", dim.as_str()), ("lt", "1"), ("gt", "6"), ("st", "1")];
    expect_parameters(link(&links, &VOLTAGE, &root)?, &attached)?;
    // On the resource itself, what it inherits is shown too.
    let links = judge.discover(VOLTAGE, None).await?;
    let mut effective = attached.to_vec();
    effective.extend([("pmin", "10"), ("pmax", "200")]);
    expect_parameters(link(&links, &VOLTAGE, &root)?, &effective)
}

pub(super) async fn int_261(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let root = judge.root().await?;
    let errors = Path::resource(3, 0, 11);
    let instance = error_code(judge).await?;
    let links = judge.discover(errors, None).await?;
    let dim = link(&links, &errors, &root)?
        .parameter("dim")
        .map(str::to_owned);
    link(&links, &instance, &root)?;
    judge
        .attributes(Path::object(3), "pmin=10&pmax=200")
        .await?;
    judge.attributes(DEVICE, "pmax=320").await?;
    judge
        .attributes(instance, "pmax=100&epmin=1&epmax=20")
        .await?;
    let links = judge.discover(errors, None).await?;
    let dim = dim.unwrap_or_default();
    expect_parameters(
        link(&links, &errors, &root)?,
        &[("dim", &dim), ("pmin", "10"), ("pmax", "320")],
    )?;
    expect_parameters(
        link(&links, &instance, &root)?,
        &[("pmax", "100"), ("epmin", "1"), ("epmax", "20")],
    )
}

pub(super) async fn int_264(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2).await?;
    let root = judge.root().await?;
    let device = Path::object(3);
    for attached in [false, true] {
        if attached {
            judge.attributes(DEVICE, "pmax=200").await?;
        }
        let links = judge.discover(device, Some(1)).await?;
        let places = check_places(&links, device, &root)?;
        ensure(places == [device, DEVICE], || {
            format!("discover of /3 with depth 1 shows {places:?}")
        })?;
        // The procedure shows defaults of the server at the object; attributes appear where they are attached.
        let shown = links[1].parameter("pmax");
        ensure(shown == attached.then_some("200"), || {
            format!("discover shows pmax {shown:?} at /3/0")
        })?;
    }
    Ok(())
}

pub(super) async fn int_266(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2).await?;
    let root = judge.root().await?;
    let device = Path::object(3);
    let links = judge.discover(device, Some(2)).await?;
    let places = check_places(&links, device, &root)?;
    ensure(places.iter().all(|place| place.ids().len() <= 3), || {
        "discover with depth 2 shows resource instances".to_owned()
    })?;
    needs_voltage(judge, &links, &root).await?;
    judge.attributes(device, "pmin=10&pmax=200").await?;
    judge.attributes(VOLTAGE, "lt=1&gt=6&st=1").await?;
    let links = judge.discover(device, Some(3)).await?;
    let places = check_places(&links, device, &root)?;
    let instance = places
        .iter()
        .rfind(|place| VOLTAGE.contains(place) && place.ids().len() == 4);
    let Some(instance) = instance.copied() else {
        return fail("discover with depth 3 shows no instances of /3/0/7");
    };
    judge.attributes(instance, "gt=8").await?;
    let links = judge.discover(device, Some(3)).await?;
    expect_parameters(link(&links, &instance, &root)?, &[("gt", "8")])
}
