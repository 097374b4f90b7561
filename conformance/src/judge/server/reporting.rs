//! Observations and Send: int-301 to int-313.

use super::{ServerJudge, Wanted, management::identities, session::Asked};
use crate::judge::{
    Ending,
    sitting::Sitting,
    tape::Direction,
    values::expect_code,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    coap::Code,
    content::{self, ContentFormat},
    entry::Entry,
    operation::{Binding, Payload, Send, WriteMode},
    path::Path,
    version::LwM2mVersion,
};

const VOLTAGE: Path = Path::resource(3, 0, 7);
const CURRENT: Path = Path::resource(3, 0, 8);
const MUTE: Path = Path::resource(1, 0, 23);
const LIFETIME: Path = Path::resource(1, 0, 1);

impl ServerJudge {
    async fn observed(&mut self, wanted: Wanted) -> Judged<Asked> {
        let what = wanted.to_string();
        let asked = self.operate(wanted).await?;
        ensure(asked.observer.is_some(), || format!("{what} was refused"))?;
        Ok(asked)
    }

    /// Steps 1 to 3 of int-301.
    async fn observed_pair(&mut self) -> Judged<[(Path, Asked); 2]> {
        self.register().await?;
        let path = Path::resource(3, 0, 6);
        self.operate(Wanted::Read { path, format: None }).await?;
        for (path, query) in [(VOLTAGE, "pmin=5&pmax=15"), (CURRENT, "pmin=10&pmax=20")] {
            self.operate(Wanted::WriteAttributes { path, query })
                .await?;
        }
        let voltage = self
            .observed(Wanted::Observe {
                path: VOLTAGE,
                query: "",
            })
            .await?;
        let current = self
            .observed(Wanted::Observe {
                path: CURRENT,
                query: "",
            })
            .await?;
        Ok([(VOLTAGE, voltage), (CURRENT, current)])
    }

    /// Has the server give up an observation without a word. Some do so only where the device cannot hear them.
    async fn forgotten(&mut self, path: Path) -> Judged {
        let awake = self.order(Wanted::Forget { path }).await;
        let Err(Ending::NotApplicable(_)) = awake else {
            return awake;
        };
        self.needs(LwM2mVersion::V1_1)?;
        self.updated(|update| {
            update.binding = Some(Binding::U);
            update.queue_mode = true;
        })
        .await?;
        let awake = self.settings.pace.awake;
        self.pass(awake + awake / 4).await;
        self.order(Wanted::Forget { path }).await
    }

    /// Asserts that Observe = 1 has ended an observation: it does where it has its token.
    async fn cancelled(&mut self, asked: &Asked, what: &str) -> Judged {
        let (observer, patience) = (asked.observer, self.settings.pace.patience);
        let gone = self.until(patience, |ledger| {
            let mut gone = ledger.gone.iter();
            gone.any(|gone| Some(*gone) == observer).then_some(())
        });
        ensure(gone.await.is_some(), || {
            format!("Observe = 1 does not have the token of the observation of {what}")
        })
    }
}

pub(super) async fn int_301(judge: &mut ServerJudge) -> Judged {
    let pair = judge.observed_pair().await?;
    for step in 1..=3 {
        for (path, asked) in &pair {
            if let Ok(instance) = path.child(0) {
                judge.device.set(instance, 3000 + step);
            }
            judge.notify_acknowledged(asked).await?;
        }
    }
    Ok(())
}

pub(super) async fn int_302(judge: &mut ServerJudge) -> Judged {
    let pair = judge.observed_pair().await?;
    for (_, asked) in &pair {
        judge.notify_acknowledged(asked).await?;
    }
    for (index, (path, asked)) in pair.iter().enumerate() {
        judge.forgotten(*path).await?;
        let mark = judge.bench.station.tape().mark();
        judge.notify(asked).await?;
        let observer = asked.observer;
        judge
            .awaited("the reset of a notification", |ledger| {
                let gone = ledger.gone.iter().any(|gone| Some(*gone) == observer);
                gone.then_some(())
            })
            .await?;
        ensure(
            judge.bench.station.tape().resets(mark, Direction::In) > 0,
            || format!("the observation of {path} ended without a reset"),
        )?;
        // The other goes on.
        for (_, other) in &pair[index + 1..] {
            judge.notify_acknowledged(other).await?;
        }
    }
    Ok(())
}

pub(super) async fn int_303(judge: &mut ServerJudge) -> Judged {
    let pair = judge.observed_pair().await?;
    for (_, asked) in &pair {
        judge.notify_acknowledged(asked).await?;
    }
    for (index, (path, asked)) in pair.iter().enumerate() {
        judge.operate(Wanted::Cancel { path: *path }).await?;
        judge.cancelled(asked, &path.to_string()).await?;
        for (_, other) in &pair[index + 1..] {
            judge.notify_acknowledged(other).await?;
        }
    }
    Ok(())
}

fn three() -> Vec<Path> {
    vec![
        LIFETIME,
        Path::resource_instance(3, 0, 11, 0),
        Path::resource(3, 0, 16),
    ]
}

pub(super) async fn int_304(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    judge
        .operate(Wanted::WriteAttributes {
            path: LIFETIME,
            query: "pmin=30&pmax=45",
        })
        .await?;
    let paths = three();
    let asked = judge.observed(Wanted::ObserveComposite { paths }).await?;
    judge.notify_acknowledged(&asked).await
}

pub(super) async fn int_305(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    let paths = three();
    let wanted = Wanted::ObserveComposite {
        paths: paths.clone(),
    };
    let asked = judge.observed(wanted).await?;
    judge.notify_acknowledged(&asked).await?;
    judge.operate(Wanted::CancelComposite { paths }).await?;
    judge.cancelled(&asked, "three paths").await
}

/// Two instances of the portfolio, of which the second comes or goes.
async fn observed_instances(judge: &mut ServerJudge, created: bool) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    let (first, second) = (Path::object_instance(16, 0), Path::object_instance(16, 1));
    judge.register().await?;
    let entries = identities(0, ["aa", "bb", "cc", "dd"]);
    judge.operate(Wanted::Create { entries }).await?;
    let more = || Wanted::Create {
        entries: identities(1, ["11", "22", "33", "44"]),
    };
    if !created {
        judge.operate(more()).await?;
    }
    judge
        .operate(Wanted::WriteAttributes {
            path: first,
            query: "pmin=30&pmax=45",
        })
        .await?;
    let paths = vec![first, second];
    let asked = judge.observed(Wanted::ObserveComposite { paths }).await?;
    judge.notify_acknowledged(&asked).await?;
    let change = match created {
        true => more(),
        false => Wanted::Delete { path: second },
    };
    judge.operate(change).await?;
    judge.notify_acknowledged(&asked).await
}

pub(super) async fn int_308(judge: &mut ServerJudge) -> Judged {
    observed_instances(judge, true).await
}

pub(super) async fn int_309(judge: &mut ServerJudge) -> Judged {
    observed_instances(judge, false).await
}

pub(super) async fn int_310(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    let paths = vec![Path::resource(1, 0, 3), Path::object_instance(3, 0)];
    let asked = judge.observed(Wanted::ObserveComposite { paths }).await?;
    judge.notify_acknowledged(&asked).await?;
    judge
        .operate(Wanted::WriteAttributes {
            path: Path::object(3),
            query: "pmax=5",
        })
        .await?;
    judge.notify_acknowledged(&asked).await
}

/// int-312 and int-313: the second attaches other attributes before.
pub(super) async fn int_312(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2)?;
    judge.register().await?;
    judge
        .operate(Wanted::WriteAttributes {
            path: VOLTAGE,
            query: "pmin=5&pmax=60",
        })
        .await?;
    let asked = judge
        .observed(Wanted::Observe {
            path: VOLTAGE,
            query: "pmin=5&pmax=15",
        })
        .await?;
    judge.notify_acknowledged(&asked).await
}

async fn send(judge: &mut ServerJudge, format: ContentFormat, entries: &[Entry]) -> Judged {
    let session = judge.session()?;
    let data = content::encode(format, entries, &Path::ROOT, &judge.bench.definitions);
    let data = match data {
        Ok(data) => data.into(),
        Err(error) => return fail(error.to_string()),
    };
    let request = Send {
        payload: Payload { format, data },
    }
    .to_request();
    let what = format!("a Send as {format:?}");
    let response = judge.send(session.peer, request, &what).await?;
    expect_code(&response, Code::CHANGED, &what)
}

pub(super) async fn int_306(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    let entries = judge.device.readable(&Path::object_instance(3, 0));
    for format in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson] {
        send(judge, format, &entries).await?;
    }
    Ok(())
}

pub(super) async fn int_311(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    let entries = [
        Entry::new(LIFETIME, 86_400),
        Entry::new(Path::resource_instance(3, 0, 11, 0), 0),
    ];
    send(judge, ContentFormat::SenmlCbor, &entries).await
}

pub(super) async fn int_307(judge: &mut ServerJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1)?;
    judge.register().await?;
    let entries = judge.device.readable(&Path::resource(3, 0, 0));
    send(judge, ContentFormat::SenmlCbor, &entries).await?;
    for muted in [true, false] {
        let write = Wanted::Write {
            path: MUTE,
            mode: WriteMode::Replace,
            format: None,
            entries: vec![Entry::new(MUTE, muted)],
        };
        let asked = judge.operate(write).await?;
        if !asked.code.is_success() {
            return not_applicable(format!("the device answers {}", asked.code));
        }
    }
    send(judge, ContentFormat::SenmlCbor, &entries).await
}
