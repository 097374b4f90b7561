//! Bootstrap: int-0 to int-12. The device asks the bootstrap server, and registers with what it was given.

use super::{Access, ServerJudge, Wanted, device::Device, session::Asked};
use crate::judge::{
    dtls::{CertificateCredentials, PskCredentials},
    sitting::Sitting,
    values::expect_code,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    operation::{BootstrapPackRequest, BootstrapRequest, DeviceOperation},
    path::Path,
    secret::Secret,
    uri::Scheme,
    value::Value,
    version::LwM2mVersion,
};

/// Security modes of /0/x/2.
const PSK: i64 = 0;
const CERTIFICATE: i64 = 2;
const NO_SEC: i64 = 3;

impl ServerJudge {
    fn bootstrap_access(&self) -> Judged<Access> {
        match &self.settings.bootstrap {
            Some(access) => Ok(access.clone()),
            None => not_applicable("no bootstrap server is named: say it with --bootstrap-uri"),
        }
    }

    /// A whole bootstrap; what the bootstrap server asked, in order.
    async fn bootstrap(&mut self) -> Judged<Vec<Asked>> {
        let access = self.bootstrap_access()?;
        self.device = Device::unprovisioned(self.settings.version, &access.uri.to_string());
        let begin = self.ledger.asked.len();
        let peer = self.connect(&access).await?;
        let preferred = match self.settings.version {
            LwM2mVersion::V1_0 => None,
            _ => Some(ContentFormat::SenmlCbor),
        };
        let asking = BootstrapRequest::new(Some(self.settings.endpoint.clone()), preferred);
        let what = "the request for a bootstrap";
        let response = self.send(peer, asking.to_request(), what).await?;
        expect_code(&response, Code::CHANGED, what)?;
        let finished = self
            .awaited("the finish of the bootstrap", |ledger| {
                let asked = ledger.asked[begin..].iter();
                let mut finish =
                    asked.filter(|asked| asked.operation == DeviceOperation::BootstrapFinish);
                finish.next().map(|asked| asked.code)
            })
            .await?;
        // What was given is kept, the connection is not.
        self.device.bootstrapping = false;
        if let Err(error) = self.bench.station.close(peer).await {
            return fail(error.to_string());
        }
        if let Err(missing) = self.device.account() {
            return fail(format!("the bootstrap leaves no account: {missing}"));
        }
        ensure(finished == Code::CHANGED, || {
            format!("the finish was answered {finished}")
        })?;
        Ok(self.ledger.asked[begin..].to_vec())
    }

    /// The server that the bootstrap named, with what it gave for it.
    fn provided(&self) -> Judged<Access> {
        let (security, _) = match self.device.account() {
            Ok(account) => account,
            Err(missing) => return fail(missing),
        };
        let value = |id| {
            security
                .child(id)
                .ok()
                .and_then(|path| self.device.values.get(&path))
        };
        let bytes = |id| match value(id) {
            Some(Value::Opaque(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let uri = value(0).and_then(Value::as_str).unwrap_or_default();
        let uri = match uri.parse() {
            Ok(uri) => uri,
            Err(error) => return fail(format!("{security}/0: {error}")),
        };
        let mode = value(2).and_then(Value::as_i64);
        let (psk, certificate) = match mode {
            Some(PSK) => {
                let Ok(identity) = String::from_utf8(bytes(3)) else {
                    return fail(format!("{security}/3 is not UTF-8"));
                };
                let key = Secret::new(bytes(5));
                (Some(PskCredentials { identity, key }), None)
            }
            Some(CERTIFICATE) => {
                let given = CertificateCredentials {
                    certificate: bytes(3),
                    private_key: Secret::new(bytes(5)),
                    trust: bytes(4),
                };
                (None, Some(given))
            }
            Some(NO_SEC) => (None, None),
            other => return not_applicable(format!("the judge has no security mode {other:?}")),
        };
        Ok(Access {
            uri,
            psk,
            certificate,
        })
    }

    /// Registers with what the bootstrap gave.
    async fn register_as_provided(&mut self) -> Judged<Access> {
        let access = self.provided()?;
        self.register_at(&access).await?;
        Ok(access)
    }

    async fn register_at(&mut self, access: &Access) -> Judged {
        let peer = self.connect(access).await?;
        let (_, server) = match self.device.account() {
            Ok(account) => account,
            Err(missing) => return fail(missing),
        };
        let lifetime = server.child(1).ok();
        let lifetime = lifetime.and_then(|path| self.device.values.get(&path)?.as_i64());
        let mut register = self.registration();
        register.lifetime = lifetime.and_then(|lifetime| u32::try_from(lifetime).ok());
        self.register_on(peer, register).await
    }
}

/// Asserts the steps of int-0: writes of /0 and /1, a discover, the finish.
fn check_steps(asked: &[Asked]) -> Judged {
    for asked in asked {
        ensure(asked.code.is_success(), || {
            format!("{} was answered {}", asked.operation, asked.code)
        })?;
    }
    let writes = |object: u16| {
        asked.iter().any(|asked| {
            matches!(&asked.operation, DeviceOperation::Write(write)
                if write.path.object_id() == Some(object))
        })
    };
    for object in [0, 1] {
        ensure(writes(object), || format!("/{object} was not written"))?;
    }
    let discovers = asked
        .iter()
        .any(|asked| matches!(asked.operation, DeviceOperation::Discover(_)));
    match discovers {
        true => Ok(()),
        false => not_applicable(
            "the bootstrap server does not discover: it is not configured for the case",
        ),
    }
}

pub(super) async fn int_0(judge: &mut ServerJudge) -> Judged {
    let asked = judge.bootstrap().await?;
    check_steps(&asked)
}

pub(super) async fn int_1(judge: &mut ServerJudge) -> Judged {
    let access = judge.bootstrap_access()?;
    if access.uri.scheme() != Scheme::Coaps || access.psk.is_none() {
        return not_applicable("the device has no key for the bootstrap server");
    }
    let asked = judge.bootstrap().await?;
    let provided = judge.register_as_provided().await?;
    if provided.psk.is_none() {
        return not_applicable("the bootstrap gives no key");
    }
    let wanted = Wanted::Read {
        path: Path::object_instance(3, 0),
        format: Some(ContentFormat::Tlv),
    };
    judge.operate_if_possible(wanted).await?;
    check_steps(&asked)
}

pub(super) async fn int_2(judge: &mut ServerJudge) -> Judged {
    let asked = judge.bootstrap().await?;
    if judge.provided()?.certificate.is_none() {
        return not_applicable("the bootstrap gives no certificate");
    }
    judge.register_as_provided().await?;
    let wanted = Wanted::Read {
        path: Path::object_instance(3, 0),
        format: Some(ContentFormat::Tlv),
    };
    judge.operate_if_possible(wanted).await?;
    check_steps(&asked)
}

pub(super) async fn int_4(judge: &mut ServerJudge) -> Judged {
    let asked = judge.bootstrap().await?;
    let deletes = |object: u16| {
        asked.iter().any(|asked| {
            matches!(&asked.operation, DeviceOperation::Delete(delete)
                if delete.path.contains(&Path::object(object)))
        })
    };
    if !deletes(0) || !deletes(1) {
        return not_applicable("the bootstrap server is not configured to delete /0 and /1");
    }
    judge.register_as_provided().await.map(drop)
}

pub(super) async fn int_5(judge: &mut ServerJudge) -> Judged {
    judge.bootstrap_access()?;
    judge.register().await?;
    judge
        .operate(Wanted::Execute {
            path: Path::resource(1, 0, 9),
        })
        .await?;
    judge.leave().await;
    judge.bootstrap().await?;
    judge.register_as_provided().await.map(drop)
}

pub(super) async fn int_7(judge: &mut ServerJudge) -> Judged {
    judge.bootstrap().await?;
    judge.register_as_provided().await.map(drop)
}

pub(super) async fn int_8(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let asked = judge.bootstrap().await?;
    let reads = |object: u16| {
        asked.iter().any(|asked| {
            matches!(&asked.operation, DeviceOperation::Read(read)
                if read.path.object_id() == Some(object) && asked.code == Code::CONTENT)
        })
    };
    match reads(1) && reads(2) {
        true => judge.register_as_provided().await.map(drop),
        false => {
            not_applicable("the bootstrap server is not configured to write /2 and read /1 and /2")
        }
    }
}

pub(super) async fn int_12(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2)?;
    let access = judge.bootstrap_access()?;
    judge.device = Device::unprovisioned(judge.settings.version, &access.uri.to_string());
    let peer = judge.connect(&access).await?;
    let format = ContentFormat::SenmlCbor;
    let asking = BootstrapPackRequest::new(Some(judge.settings.endpoint.clone()), Some(format));
    let what = "the request for a bootstrap-pack";
    let response = judge.send(peer, asking.to_request(), what).await?;
    if matches!(
        response.code,
        Code::NOT_IMPLEMENTED | Code::METHOD_NOT_ALLOWED | Code::NOT_FOUND
    ) {
        let code = response.code;
        return not_applicable(format!("the bootstrap server gives no packs ({code})"));
    }
    expect_code(&response, Code::CONTENT, what)?;
    let entries = crate::judge::values::decode(
        &response,
        &Path::ROOT,
        Some(format),
        &judge.bench.definitions,
        what,
    )?;
    for entry in entries {
        judge.device.set(entry.path, entry.value);
    }
    judge.device.bootstrapping = false;
    if let Err(error) = judge.bench.station.close(peer).await {
        return fail(error.to_string());
    }
    judge.register_as_provided().await.map(drop)
}
