//! Firmware update: int-751 to int-770.

use super::{ServerJudge, Wanted};
use crate::judge::{
    values,
    verdict::{Judged, ensure, fail},
};
use lwm2m_core::{content::ContentFormat, path::Path};

const FIRMWARE: Path = Path::object_instance(5, 0);
const STATE: Path = Path::resource(5, 0, 3);

async fn read(judge: &mut ServerJudge, path: Path, format: Option<ContentFormat>) -> Judged {
    judge.operate(Wanted::Read { path, format }).await.map(drop)
}

async fn push(judge: &mut ServerJudge, image: Vec<u8>) -> Judged {
    let asked = judge.operate(Wanted::PushFirmware { image }).await?;
    ensure(asked.code.is_success(), || {
        format!("the package was answered {}", asked.code)
    })
}

pub(super) async fn int_751(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    read(judge, FIRMWARE, Some(ContentFormat::Tlv)).await
}

pub(super) async fn int_755(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    push(judge, vec![0]).await?;
    read(judge, STATE, None).await?;
    push(judge, values::some_image()).await?;
    read(judge, STATE, None).await
}

pub(super) async fn int_760(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    let asked = judge
        .operate(Wanted::Observe {
            path: STATE,
            query: "",
        })
        .await?;
    push(judge, values::some_image()).await?;
    judge.notify_acknowledged(&asked).await
}

pub(super) async fn int_770(judge: &mut ServerJudge) -> Judged {
    judge.register().await?;
    push(judge, values::some_image()).await?;
    let update = Wanted::Execute {
        path: Path::resource(5, 0, 2),
    };
    judge.operate(update).await?;
    // The device restarts with its new firmware.
    let before = judge.session()?;
    if let Err(error) = judge.bench.station.close(before.peer).await {
        return fail(error.to_string());
    }
    judge.device.updated();
    judge.register().await?;
    read(judge, FIRMWARE, None).await?;
    read(judge, Path::resource(3, 0, 3), None).await
}
