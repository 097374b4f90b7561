//! Observations: int-301 to int-313.

use super::{ClientJudge, management::DEVICE, operate::Observed, registration::resource};
use crate::judge::{
    sitting::Sitting,
    values,
    verdict::{Judged, ensure, fail, not_applicable},
};
use lwm2m_core::{
    attributes::Attributes, coap::Code, content::ContentFormat, entry::Entry, operation::Observe,
    path::Path, time::Instant, version::LwM2mVersion,
};
use std::time::Duration;

const VOLTAGE: Path = Path::resource(3, 0, 7);
const CURRENT: Path = Path::resource(3, 0, 8);
const FORMAT: ContentFormat = ContentFormat::SenmlCbor;

/// How many notifications show a period.
const NOTIFICATIONS: usize = 2;

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Two resources that are observed, with their periods.
struct Pair {
    observed: [(Path, Observed, (u32, u32)); 2],
}

impl ClientJudge {
    /// The moments of the notifications of an observation so far, its first value included.
    fn times(&self, observed: Observed) -> Vec<Instant> {
        let notified = self.ledger.notifications.iter();
        let notified = notified.filter(|notified| notified.observation == observed.id);
        let mut times = vec![observed.at];
        times.extend(notified.map(|notified| notified.at));
        times
    }

    /// Waits for some notifications of an observation, whose last is given back.
    pub(super) async fn notified(
        &mut self,
        what: &str,
        observed: Observed,
        count: usize,
        periods: (u32, u32),
    ) -> Judged<lwm2m_core::coap::Response> {
        let pace = self.settings.pace;
        let within = (seconds(periods.1) + pace.slack) * u32::try_from(count).unwrap_or(1);
        let found = self.until(within, |ledger| {
            let notified = ledger.notifications.iter();
            let mut notified = notified.filter(|notified| notified.observation == observed.id);
            notified.nth(count - 1).cloned()
        });
        let Some(notified) = found.await else {
            let came = self.times(observed).len() - 1;
            let all = (self.bench.station.tape()).notifications(observed.mark, observed.token);
            // The endpoint takes them for late (RFC 7641, section 3.4), and their values are not looked at.
            let late = match all.saturating_sub(came) {
                0 => String::new(),
                late => {
                    format!(", and {late} whose Observe number is not newer than the one before")
                }
            };
            return fail(format!(
                "{what}: {came} notifications in {within:.0?}, with pmax {} s{late}",
                periods.1
            ));
        };
        ensure(notified.response.code == Code::CONTENT, || {
            format!("{what} was notified with {}", notified.response.code)
        })?;
        pace.check(what, &self.times(observed), periods)?;
        Ok(notified.response)
    }

    /// Asserts that nothing is notified of an observation from now on, for twice the period.
    async fn silent(&mut self, what: &str, observed: Observed, periods: (u32, u32)) -> Judged {
        let mark = self.bench.station.tape().mark();
        self.pass(seconds(periods.1) * 2).await;
        let came = self
            .bench
            .station
            .tape()
            .notifications(mark, observed.token);
        ensure(came == 0, || {
            format!("{what} is notified though its observation has ended")
        })
    }

    /// Steps 1 to 3 of int-301: voltage and current of the power sources, observed with their periods.
    async fn observe_pair(&mut self) -> Judged<Pair> {
        let sources = "the power sources (/3/0/6, 7, 8)";
        for path in [Path::resource(3, 0, 6), VOLTAGE, CURRENT] {
            self.read_optional(path, None, sources).await?;
        }
        let pace = self.settings.pace;
        let mut observed = Vec::new();
        for (path, periods) in [
            (VOLTAGE, pace.first_periods),
            (CURRENT, pace.second_periods),
        ] {
            let (pmin, pmax) = periods;
            self.attributes(path, &format!("pmin={pmin}&pmax={pmax}"))
                .await?;
            let (began, _) = self.observe_path(path).await?;
            observed.push((path, began, periods));
        }
        match <[_; 2]>::try_from(observed) {
            Ok(observed) => Ok(Pair { observed }),
            Err(_) => fail("two resources are observed"),
        }
    }
}

pub(super) async fn int_301(judge: &mut ClientJudge) -> Judged {
    let pair = judge.observe_pair().await?;
    for (path, observed, periods) in pair.observed {
        let what = path.to_string();
        let response = judge
            .notified(&what, observed, NOTIFICATIONS, periods)
            .await?;
        let entries = judge.values(&response, path, None).await?;
        ensure(!entries.is_empty(), || format!("{path} is notified empty"))?;
    }
    Ok(())
}

/// Both observations are going on; `end` ends one and then the other, and each falls silent while the other goes on.
async fn ended_one_by_one(
    judge: &mut ClientJudge,
    end: impl AsyncFn(&mut ClientJudge, Observed, (u32, u32)) -> Judged,
) -> Judged {
    let pair = judge.observe_pair().await?;
    for (path, observed, periods) in pair.observed {
        judge
            .notified(&path.to_string(), observed, 1, periods)
            .await?;
    }
    let [voltage, current] = pair.observed;
    end(judge, voltage.1, voltage.2).await?;
    judge.ledger.notifications.clear();
    judge.silent("/3/0/7", voltage.1, voltage.2).await?;
    let goes_on = judge
        .until(seconds(current.2.1) + judge.settings.pace.slack, |ledger| {
            let found = ledger
                .notifications
                .iter()
                .any(|notified| notified.observation == current.1.id);
            found.then_some(())
        })
        .await;
    ensure(goes_on.is_some(), || {
        "the observation of /3/0/8 has ended with that of /3/0/7".to_owned()
    })?;
    end(judge, current.1, current.2).await?;
    judge.silent("/3/0/8", current.1, current.2).await
}

pub(super) async fn int_302(judge: &mut ClientJudge) -> Judged {
    ended_one_by_one(judge, async |judge, observed, periods| {
        if let Err(error) = judge.bench.station.forget(observed.id).await {
            return fail(error.to_string());
        }
        judge.ledger.observations.retain(|id| *id != observed.id);
        let mark = judge.bench.station.tape().mark();
        let tape = judge.bench.station.tape().clone();
        let out = crate::judge::tape::Direction::Out;
        let within = seconds(periods.1) + judge.settings.pace.slack;
        // The reset is seen when something else happens, at the latest when the time is over.
        let reset = judge
            .until(within, |_| (tape.resets(mark, out) > 0).then_some(()))
            .await;
        ensure(reset.is_some(), || {
            "no notification came that could be reset".to_owned()
        })
    })
    .await
}

pub(super) async fn int_303(judge: &mut ClientJudge) -> Judged {
    // The procedure prints the instance as the path to cancel; an observation ends by its own path and token.
    ended_one_by_one(judge, async |judge, observed, _| {
        judge.cancel(observed).await.map(drop)
    })
    .await
}

/// The three paths of int-304 and int-305.
async fn three(judge: &mut ClientJudge) -> Judged<[Path; 3]> {
    judge.needs(LwM2mVersion::V1_1).await?;
    let account = judge.account().await?;
    let errors = judge.read(Path::resource(3, 0, 11), None).await?;
    let errors = errors.first().map(|entry| entry.path);
    Ok([
        resource(account, 1)?,
        errors.unwrap_or(Path::resource(3, 0, 11)),
        Path::resource(3, 0, 16),
    ])
}

fn check_three(entries: &[Entry], paths: [Path; 3]) -> Judged {
    for path in &paths {
        values::value(entries, path)?;
    }
    ensure(entries.len() == paths.len(), || {
        format!("{} values, not 3", entries.len())
    })
}

async fn composite_periods(judge: &mut ClientJudge, at: &[Path]) -> Judged<(u32, u32)> {
    let (pmin, pmax) = judge.settings.pace.composite_periods;
    for path in at {
        judge
            .attributes(*path, &format!("pmin={pmin}&pmax={pmax}"))
            .await?;
    }
    Ok((pmin, pmax))
}

pub(super) async fn int_304(judge: &mut ClientJudge) -> Judged {
    let paths = three(judge).await?;
    // The others have the periods of the server object, which might be shorter.
    let periods = composite_periods(judge, &[paths[0], DEVICE]).await?;
    let (observed, entries) = judge.observe_composite(&paths, FORMAT).await?;
    check_three(&entries, paths)?;
    let response = judge
        .notified("the composite observation", observed, 1, periods)
        .await?;
    let entries = judge.values(&response, Path::ROOT, Some(FORMAT)).await?;
    check_three(&entries, paths)
}

pub(super) async fn int_305(judge: &mut ClientJudge) -> Judged {
    let paths = three(judge).await?;
    let periods = composite_periods(judge, &[paths[0], DEVICE]).await?;
    let (observed, entries) = judge.observe_composite(&paths, FORMAT).await?;
    check_three(&entries, paths)?;
    let response = judge.cancel(observed).await?;
    let entries = judge.values(&response, Path::ROOT, Some(FORMAT)).await?;
    check_three(&entries, paths)?;
    judge
        .silent("the composite observation", observed, periods)
        .await
}

pub(super) async fn int_310(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_1).await?;
    let account = judge.account().await?;
    let paths = [resource(account, 1)?, DEVICE];
    let (observed, _) = judge.observe_composite(&paths, FORMAT).await?;
    let pmax = judge.settings.pace.first_periods.1;
    judge
        .attributes(Path::object(3), &format!("pmin=0&pmax={pmax}"))
        .await?;
    // The change counts from when it was made: what came before it is not measured.
    judge.ledger.notifications.clear();
    let now = Observed {
        at: judge.ledger_time(observed.at),
        mark: judge.bench.station.tape().mark(),
        ..observed
    };
    judge
        .notified("the composite observation", now, NOTIFICATIONS, (0, pmax))
        .await
        .map(drop)
}

impl ClientJudge {
    /// The moment of the last message on the tape.
    fn ledger_time(&self, or: Instant) -> Instant {
        let tape = self.bench.station.tape().since(self.bench.evidence);
        tape.last().map_or(or, |taped| taped.at)
    }

    async fn observe_with_query(&mut self, (pmin, pmax): (u32, u32)) -> Judged<Observed> {
        let mut attributes = Attributes::default();
        attributes.pmin = Some(pmin);
        attributes.pmax = Some(pmax);
        let observe = Observe {
            path: VOLTAGE,
            accept: None,
            attributes,
            cancel: false,
        };
        let (observed, entries) = self.observe(observe).await?;
        ensure(!entries.is_empty(), || format!("{VOLTAGE} is empty"))?;
        Ok(observed)
    }
}

async fn needs_query(judge: &mut ClientJudge) -> Judged {
    judge.needs(LwM2mVersion::V1_2).await?;
    match judge.read_optional(VOLTAGE, None, "/3/0/7").await {
        Ok(_) => Ok(()),
        Err(_) => not_applicable("the device has no power source voltage (/3/0/7)"),
    }
}

pub(super) async fn int_312(judge: &mut ClientJudge) -> Judged {
    needs_query(judge).await?;
    let periods = judge.settings.pace.first_periods;
    let observed = judge.observe_with_query(periods).await?;
    judge
        .notified("/3/0/7", observed, NOTIFICATIONS, periods)
        .await
        .map(drop)
}

pub(super) async fn int_313(judge: &mut ClientJudge) -> Judged {
    needs_query(judge).await?;
    let (pmin, pmax) = judge.settings.pace.first_periods;
    let longer = pmax * 4;
    judge
        .attributes(VOLTAGE, &format!("pmin={pmin}&pmax={longer}"))
        .await?;
    let observed = judge.observe_with_query((pmin, pmax)).await?;
    judge
        .notified("/3/0/7", observed, NOTIFICATIONS, (pmin, pmax))
        .await
        .map(drop)
}
