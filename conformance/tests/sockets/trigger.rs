//! What a vendor's hook does, for our server.

use lwm2m_conformance::judge::server::{Trigger, TriggerError, Triggering, Wanted};
use lwm2m_core::{
    attributes::{AttributeChange, Attributes},
    entry::Entry,
    value::Value,
};
use lwm2m_server::{Device, DeviceError, Presence, Server};

/// Orders operations at our server.
pub(crate) struct Operator(pub(crate) Server);

impl Trigger for Operator {
    fn ask(&self, endpoint: &str, wanted: &Wanted) -> Triggering {
        let (server, endpoint, wanted) = (self.0.clone(), endpoint.to_owned(), wanted.clone());
        Box::pin(async move {
            let failed = |error: DeviceError| TriggerError::Failed(error.to_string());
            let device = server.device(&endpoint).await.map_err(failed)?;
            if let Wanted::Forget { .. } = wanted
                && device.registration().await.map_err(failed)?.presence != Presence::Asleep
            {
                // Our server tells a device that hears it.
                return Err(TriggerError::NotOffered);
            }
            carry_out(&device, wanted).await.map_err(failed)
        })
    }
}

fn attributes(query: &str) -> Attributes {
    match query.is_empty() {
        true => Attributes::default(),
        false => AttributeChange::from_queries(query.split('&')).unwrap().set,
    }
}

/// The values as a page of a server would show them.
fn shown(entries: &[Entry]) -> Option<String> {
    let text = |value: &Value| match value {
        Value::Opaque(bytes) => hex::encode(bytes),
        other => other.to_string(),
    };
    let lines = entries
        .iter()
        .map(|entry| format!("{}={}", entry.path, text(&entry.value)));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

async fn carry_out(device: &Device, wanted: Wanted) -> Result<Option<String>, DeviceError> {
    match wanted {
        Wanted::Read {
            path,
            format: Some(format),
        } => {
            let entries = device.read_with(path, Some(format)).await?;
            return Ok(shown(&entries));
        }
        // The choice is the device's: what int-237 is about, and good for the others.
        Wanted::Read { path, format: None } => {
            return Ok(shown(&device.read_with(path, None).await?));
        }
        Wanted::Discover { path, depth } => device.discover(path, depth).await.map(drop)?,
        Wanted::Write {
            path,
            mode,
            format,
            entries,
        } => device.write_with(path, mode, entries, format).await?,
        Wanted::WriteAttributes { path, query } => {
            device.write_attributes(path, attributes(query)).await?;
        }
        Wanted::Execute { path } => device.execute(path, &[]).await?,
        Wanted::Create { entries } => {
            let object = entries[0].path.object_id().unwrap();
            let instance = entries[0].path.object_instance_id();
            device.create(object, instance, entries).await.map(drop)?;
        }
        Wanted::Delete { path } => device.delete(path).await?,
        Wanted::Observe { path, query } => {
            let mut observation = device.observe_with(path, attributes(query)).await?;
            let first = observation.next().await;
            return Ok(first.and_then(|first| shown(&first.entries)));
        }
        Wanted::Cancel { path } | Wanted::Forget { path } => {
            device.cancel_observation(&[path]).await.map(drop)?;
        }
        Wanted::ReadComposite { paths } => {
            return Ok(shown(&device.read_composite(&paths).await?));
        }
        Wanted::WriteComposite { entries } => device.write_composite(entries).await?,
        Wanted::ObserveComposite { paths } => {
            device.observe_composite(&paths).await.map(drop)?;
        }
        Wanted::CancelComposite { paths } => {
            device.cancel_observation(&paths).await.map(drop)?;
        }
        Wanted::PushFirmware { image } => device.write("/5/0/0", image).await?,
        other => panic!("{other}"),
    }
    Ok(None)
}
