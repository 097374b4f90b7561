//! Device management: what an operator orders, and how the server asks for it. int-201 to int-281, int-651, int-652,
//! int-1630 and int-1635.

use super::{ServerJudge, Wanted};
use crate::judge::verdict::{Judged, ensure, not_applicable};
use lwm2m_core::{
    content::ContentFormat, entry::Entry, operation::WriteMode, path::Path, value::Value,
    version::LwM2mVersion,
};

const SERVER: Path = Path::object_instance(1, 0);
const DEVICE: Path = Path::object_instance(3, 0);

fn read(path: Path, format: Option<ContentFormat>) -> Wanted {
    Wanted::Read { path, format }
}

fn write(path: Path, format: Option<ContentFormat>, value: impl Into<Value>) -> Wanted {
    Wanted::Write {
        path,
        mode: WriteMode::Replace,
        format,
        entries: vec![Entry::new(path, value)],
    }
}

fn instance(
    path: Path,
    mode: WriteMode,
    format: Option<ContentFormat>,
    entries: Vec<Entry>,
) -> Wanted {
    Wanted::Write {
        path,
        mode,
        format,
        entries,
    }
}

const fn server(id: u16) -> Path {
    Path::resource(1, 0, id)
}

/// Registers, then has these carried out one after the other; each must succeed.
async fn carried_out(judge: &mut ServerJudge, wanted: impl IntoIterator<Item = Wanted>) -> Judged {
    judge.register().await?;
    carried_out_on(judge, wanted).await
}

async fn carried_out_on(
    judge: &mut ServerJudge,
    wanted: impl IntoIterator<Item = Wanted>,
) -> Judged {
    for wanted in wanted {
        let what = wanted.to_string();
        let asked = judge.operate(wanted).await?;
        ensure(asked.code.is_success(), || {
            format!(
                "{what} was answered {}: it asks for what the device has not",
                asked.code
            )
        })?;
    }
    Ok(())
}

pub(super) async fn int_201(judge: &mut ServerJudge) -> Judged {
    let text = Some(ContentFormat::Text);
    carried_out(
        judge,
        (0..=2).map(|id| read(Path::resource(3, 0, id), text)),
    )
    .await
}

pub(super) async fn int_203(judge: &mut ServerJudge) -> Judged {
    carried_out(judge, [read(DEVICE, Some(ContentFormat::Tlv))]).await
}

fn needs_1_0(judge: &ServerJudge) -> Judged {
    match judge.settings.version {
        LwM2mVersion::V1_0 => Ok(()),
        _ => not_applicable("JSON (11543) is of 1.0: say --lwm2m 1.0"),
    }
}

pub(super) async fn int_204(judge: &mut ServerJudge) -> Judged {
    needs_1_0(judge)?;
    carried_out(judge, [read(DEVICE, Some(ContentFormat::Json))]).await
}

pub(super) async fn int_205(judge: &mut ServerJudge) -> Judged {
    let text = Some(ContentFormat::Text);
    let tlv = Some(ContentFormat::Tlv);
    let wanted = [
        write(server(2), text, 101),
        write(server(3), text, 1010),
        write(server(5), text, 2000),
        read(SERVER, tlv),
        write(server(2), text, 1),
        write(server(3), text, 10),
        write(server(5), text, 86_400),
        read(SERVER, tlv),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_211(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let cbor = Some(ContentFormat::Cbor);
    carried_out(judge, [0, 6, 7].map(|id| read(server(id), cbor))).await
}

pub(super) async fn int_212(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let cbor = Some(ContentFormat::Cbor);
    let wanted = [
        write(server(2), cbor, 101),
        write(server(3), cbor, 1010),
        write(server(6), cbor, true),
        read(SERVER, None),
    ];
    carried_out(judge, wanted).await
}

async fn updated_and_replaced(judge: &mut ServerJudge, format: ContentFormat) -> Judged {
    let format = Some(format);
    let update = vec![
        Entry::new(server(2), 101),
        Entry::new(server(3), 1010),
        Entry::new(server(5), 2000),
        Entry::new(server(6), true),
        Entry::new(server(7), "U"),
    ];
    let replace = vec![
        Entry::new(server(1), 86_400),
        Entry::new(server(2), 1),
        Entry::new(server(3), 10),
        Entry::new(server(5), 86_400),
        Entry::new(server(6), false),
        Entry::new(server(7), "U"),
    ];
    let wanted = [
        instance(SERVER, WriteMode::PartialUpdate, format, update),
        read(SERVER, None),
        instance(SERVER, WriteMode::Replace, format, replace),
        read(SERVER, None),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_215(judge: &mut ServerJudge) -> Judged {
    updated_and_replaced(judge, ContentFormat::Tlv).await
}

pub(super) async fn int_220(judge: &mut ServerJudge) -> Judged {
    needs_1_0(judge)?;
    updated_and_replaced(judge, ContentFormat::Json).await
}

pub(super) async fn int_222(judge: &mut ServerJudge) -> Judged {
    carried_out(judge, [1, 3].map(|object| read(Path::object(object), None))).await
}

pub(super) async fn int_223(judge: &mut ServerJudge) -> Judged {
    carried_out(judge, [SERVER, DEVICE].map(|path| read(path, None))).await
}

pub(super) async fn int_224(judge: &mut ServerJudge) -> Judged {
    let mut paths: Vec<Path> = [0, 1, 6, 7].map(server).into();
    paths.push(Path::resource(3, 0, 16));
    carried_out(judge, paths.into_iter().map(|path| read(path, None))).await
}

pub(super) async fn int_225(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    carried_out(judge, [read(Path::resource_instance(3, 0, 11, 0), None)]).await
}

/// Lifetime and storing in one message, then the update that the device sends for it.
async fn partial(judge: &mut ServerJudge, format: Option<ContentFormat>) -> Judged {
    let entries = vec![Entry::new(server(1), 61), Entry::new(server(6), true)];
    let wanted = [instance(SERVER, WriteMode::PartialUpdate, format, entries)];
    carried_out_on(judge, wanted).await?;
    judge.updated(|update| update.lifetime = Some(61)).await
}

pub(super) async fn int_226(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    partial(judge, None).await?;
    carried_out_on(judge, [read(SERVER, None)]).await
}

pub(super) async fn int_227(judge: &mut ServerJudge) -> Judged {
    carried_out(judge, [write(server(1), None, 63)]).await?;
    judge.updated(|update| update.lifetime = Some(63)).await?;
    carried_out_on(judge, [read(server(1), None)]).await
}

/// An instance of the portfolio, which the registration shows.
fn portfolio(judge: &mut ServerJudge, instance: u16, texts: [&str; 4]) {
    for entry in identities(instance, texts) {
        judge.device.set(entry.path, entry.value);
    }
}

pub(super) fn identities(instance: u16, texts: [&str; 4]) -> Vec<Entry> {
    (0..)
        .zip(texts)
        .map(|(number, text)| Entry::new(Path::resource_instance(16, instance, 0, number), text))
        .collect()
}

pub(super) async fn int_228(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    portfolio(judge, 0, ["a", "b", "c", "d"]);
    let path = Path::resource_instance(16, 0, 0, 1);
    carried_out(judge, [write(path, None, "test"), read(path, None)]).await
}

pub(super) async fn int_230(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    portfolio(judge, 0, ["a", "b", "c", "d"]);
    judge.register().await?;
    let mut entries = vec![Entry::new(server(1), 61), Entry::new(server(6), true)];
    entries.extend(identities(0, ["aa", "bb", "cc", "dd"]));
    carried_out_on(judge, [Wanted::WriteComposite { entries }]).await?;
    judge.updated(|update| update.lifetime = Some(61)).await?;
    carried_out_on(judge, [read(SERVER, None), read(Path::object(16), None)]).await
}

async fn reads_at_all_levels(judge: &mut ServerJudge, format: ContentFormat) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let paths = [
        Path::object(1),
        DEVICE,
        Path::resource(3, 0, 16),
        Path::resource_instance(3, 0, 11, 0),
    ];
    carried_out(judge, paths.map(|path| read(path, Some(format)))).await
}

pub(super) async fn int_231(judge: &mut ServerJudge) -> Judged {
    reads_at_all_levels(judge, ContentFormat::SenmlJson).await
}

pub(super) async fn int_232(judge: &mut ServerJudge) -> Judged {
    reads_at_all_levels(judge, ContentFormat::SenmlCbor).await
}

async fn written_at_all_levels(judge: &mut ServerJudge, format: ContentFormat) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    portfolio(judge, 0, ["a", "b", "c", "d"]);
    judge.register().await?;
    let format = Some(format);
    partial(judge, format).await?;
    let path = Path::resource_instance(16, 0, 0, 0);
    let wanted = [
        read(Path::object(1), None),
        write(path, format, "test_value"),
        read(Path::object(16), None),
        write(server(1), format, 63),
    ];
    carried_out_on(judge, wanted).await?;
    judge.updated(|update| update.lifetime = Some(63)).await?;
    carried_out_on(judge, [read(server(1), None)]).await
}

pub(super) async fn int_233(judge: &mut ServerJudge) -> Judged {
    written_at_all_levels(judge, ContentFormat::SenmlCbor).await
}

pub(super) async fn int_234(judge: &mut ServerJudge) -> Judged {
    written_at_all_levels(judge, ContentFormat::SenmlJson).await
}

async fn read_composite(judge: &mut ServerJudge, paths: &[Path]) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let paths = paths.to_vec();
    carried_out(judge, [Wanted::ReadComposite { paths }]).await
}

pub(super) async fn int_235(judge: &mut ServerJudge) -> Judged {
    read_composite(judge, &[Path::ROOT]).await
}

pub(super) async fn int_236(judge: &mut ServerJudge) -> Judged {
    let paths = [
        SERVER,
        server(1),
        Path::resource_instance(3, 0, 11, 0),
        Path::resource(3339, 0, 5522),
        Path::resource(3353, 0, 6030),
    ];
    read_composite(judge, &paths).await
}

pub(super) async fn int_237(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    for object in [1, 3] {
        let wanted = read(Path::object(object), None);
        let asked = judge.operate(wanted).await?;
        // The case is about what a server does where it leaves the choice to the device.
        if let lwm2m_core::operation::DeviceOperation::Read(read) = &asked.operation
            && let Some(format) = read.accept
        {
            return not_applicable(format!("the server asks for {format:?}"));
        }
    }
    Ok(())
}

pub(super) async fn int_257(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let entries = vec![
        Entry::new(server(2), 101),
        Entry::new(server(6), true),
        Entry::new(Path::resource(3, 0, 13), Value::Time(0)),
    ];
    let wanted = [
        read(Path::object(1), None),
        read(Path::object(3), None),
        Wanted::WriteComposite { entries },
        read(Path::object(1), None),
        read(Path::object(3), None),
    ];
    carried_out(judge, wanted).await
}

fn discover(path: Path, depth: Option<u8>) -> Wanted {
    Wanted::Discover { path, depth }
}

fn attributes(path: Path, query: &'static str) -> Wanted {
    Wanted::WriteAttributes { path, query }
}

pub(super) async fn int_260(judge: &mut ServerJudge) -> Judged {
    let voltage = Path::resource(3, 0, 7);
    let wanted = [
        discover(Path::object(3), None),
        attributes(Path::object(3), "pmin=10&pmax=200"),
        discover(DEVICE, None),
        attributes(voltage, "lt=1&gt=6&st=1"),
        discover(DEVICE, None),
        discover(voltage, None),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_261(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let errors = Path::resource(3, 0, 11);
    let wanted = [
        discover(errors, None),
        attributes(Path::object(3), "pmin=10&pmax=200"),
        attributes(DEVICE, "pmax=320"),
        attributes(
            Path::resource_instance(3, 0, 11, 0),
            "pmax=100&epmin=1&epmax=20",
        ),
        discover(errors, None),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_264(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2)?;
    let wanted = [
        discover(Path::object(3), Some(1)),
        attributes(DEVICE, "pmax=200"),
        discover(Path::object(3), Some(1)),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_266(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2)?;
    let wanted = [
        discover(Path::object(3), Some(2)),
        attributes(Path::object(3), "pmin=10&pmax=200"),
        attributes(Path::resource(3, 0, 7), "lt=1&gt=6&st=1"),
        attributes(Path::resource_instance(3, 0, 7, 1), "gt=8"),
        discover(Path::object(3), Some(3)),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_280(judge: &mut ServerJudge) -> Judged {
    let paths = [
        Path::resource(3, 0, 16),
        Path::resource_instance(3, 0, 11, 0),
        SERVER,
    ];
    read_composite(judge, &paths).await
}

pub(super) async fn int_651(judge: &mut ServerJudge) -> Judged {
    let tlv = Some(ContentFormat::Tlv);
    let at = |id| Path::resource(3, 0, id);
    let update = vec![
        Entry::new(at(13), Value::Time(1_367_491_215)),
        Entry::new(at(14), "+02:00"),
        Entry::new(at(15), "Europe/Paris"),
    ];
    let replace = vec![
        Entry::new(at(13), Value::Time(1_700_000_000)),
        Entry::new(at(14), "+01:00"),
        Entry::new(at(15), "Europe/Berlin"),
    ];
    let wanted = [
        instance(DEVICE, WriteMode::PartialUpdate, tlv, update),
        read(DEVICE, None),
        instance(DEVICE, WriteMode::Replace, tlv, replace),
        read(DEVICE, None),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_652(judge: &mut ServerJudge) -> Judged {
    carried_out(judge, [read(Path::resource(3, 0, 3), None)]).await
}

pub(super) async fn int_1630(judge: &mut ServerJudge) -> Judged {
    portfolio(judge, 0, ["a", "b", "c", "d"]);
    let entries = identities(1, ["Host Device ID #2", "Manufacturer", "Model", "Version"]);
    let wanted = [
        discover(Path::object_instance(16, 0), None),
        Wanted::Create { entries },
        discover(Path::object_instance(16, 1), None),
        read(Path::object(16), None),
    ];
    carried_out(judge, wanted).await
}

pub(super) async fn int_1635(judge: &mut ServerJudge) -> Judged {
    portfolio(judge, 0, ["a", "b", "c", "d"]);
    let path = Path::object_instance(16, 0);
    let wanted = [
        discover(path, None),
        Wanted::Delete { path },
        discover(Path::object(16), None),
    ];
    carried_out(judge, wanted).await
}
