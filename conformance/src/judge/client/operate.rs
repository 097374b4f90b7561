//! Asking the client, with the criteria that every answer has to meet.

use super::{ClientJudge, PUT_BACK, ledger::Answered};
use crate::judge::{
    sitting::Sitting,
    values::{self, expect_code},
    verdict::{Judged, fail, not_applicable},
};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::{Code, Response, Token},
    content::{Codec, ContentFormat},
    endpoint::ObservationId,
    entry::Entry,
    link::{self, Link},
    operation::{
        DeviceOperation, Discover, Execute, Observe, ObserveComposite, Payload, Read,
        ReadComposite, Write, WriteAttributes, WriteMode,
    },
    path::Path,
    value::Value,
};

/// An observation that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observed {
    pub(super) id: ObservationId,
    /// When the first value came.
    pub(super) at: lwm2m_core::time::Instant,
    /// The token of its notifications.
    pub(super) token: Token,
    /// Where the tape tells of them.
    pub(super) mark: usize,
}

impl ClientJudge {
    /// Where the client's object tree begins.
    pub(super) async fn root(&mut self) -> Judged<String> {
        Ok(self.registered().await?.supported.root().to_owned())
    }

    async fn answered(&mut self, operation: &DeviceOperation) -> Judged<Answered> {
        let registration = self.registered().await?;
        let request = operation.to_request_below(registration.supported.root());
        let patience = self.settings.pace.patience;
        let asked = self
            .bench
            .station
            .request(registration.peer, request, patience);
        let id = match asked.await {
            Ok(id) => id,
            Err(error) => return fail(format!("{operation} could not be sent: {error}")),
        };
        // The endpoint ends every request within the deadline.
        let answered = self
            .awaited(&format!("the answer to {operation}"), |ledger| {
                ledger.answers.remove(&id)
            })
            .await?;
        if let Ok(response) = &answered.result {
            let valid = operation.answers().contains(&response.code)
                || matches!(response.code.class(), 5)
                // Options and blocks have codes of their own (RFC 7252, RFC 7959).
                || matches!(
                    response.code,
                    Code::BAD_OPTION | Code::REQUEST_ENTITY_INCOMPLETE | Code::REQUEST_ENTITY_TOO_LARGE
                );
            if !valid {
                return fail(format!(
                    "{operation} was answered {}, which is no answer to it",
                    response.code
                ));
            }
        }
        Ok(answered)
    }

    /// Asks the client, and takes any answer.
    pub(super) async fn ask(&mut self, operation: impl Into<DeviceOperation>) -> Judged<Response> {
        let operation = operation.into();
        match self.answered(&operation).await?.result {
            Ok(response) => Ok(response),
            Err(failure) => fail(format!("{operation}: {failure}")),
        }
    }

    /// Asks the client, who must answer with this code.
    pub(super) async fn must(
        &mut self,
        operation: impl Into<DeviceOperation>,
        code: Code,
    ) -> Judged<Response> {
        let operation = operation.into();
        let response = self.ask(operation.clone()).await?;
        expect_code(&response, code, &operation.to_string())?;
        Ok(response)
    }

    /// Asks the client for something optional, which it may refuse with a code that says that it has it not.
    pub(super) async fn may(
        &mut self,
        operation: impl Into<DeviceOperation>,
        code: Code,
        feature: &str,
    ) -> Judged<Response> {
        let operation = operation.into();
        let response = self.ask(operation.clone()).await?;
        if matches!(
            response.code,
            Code::NOT_FOUND
                | Code::METHOD_NOT_ALLOWED
                | Code::NOT_ACCEPTABLE
                | Code::UNSUPPORTED_CONTENT_FORMAT
                | Code::NOT_IMPLEMENTED
        ) {
            let answer = response.code;
            return not_applicable(format!("the client does not offer {feature} ({answer})"));
        }
        expect_code(&response, code, &operation.to_string())?;
        Ok(response)
    }

    fn read_of(&self, path: Path, accept: Option<ContentFormat>) -> DeviceOperation {
        Read { path, accept }.into()
    }

    /// The values of an answer, in the format that was asked for.
    pub(super) async fn values(
        &mut self,
        response: &Response,
        base: Path,
        accept: Option<ContentFormat>,
    ) -> Judged<Vec<Entry>> {
        let root = self.root().await?;
        let what = format!("the request for {base}");
        let format = values::expect_format(response, accept, &what)?;
        let codec = Codec::new(&self.bench.definitions).below(&root);
        match codec.decode_answer(format, &response.payload, &base) {
            Ok(entries) => Ok(entries),
            Err(error) => fail(format!("the answer to {what} cannot be decoded: {error}")),
        }
    }

    /// Reads; the answer must be 2.05 in the format that was asked for.
    pub(super) async fn read(
        &mut self,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Judged<Vec<Entry>> {
        let response = self.must(self.read_of(path, accept), Code::CONTENT).await?;
        self.values(&response, path, accept).await
    }

    /// Reads in a format, or of a place, that the client need not have.
    pub(super) async fn read_optional(
        &mut self,
        path: Path,
        accept: Option<ContentFormat>,
        feature: &str,
    ) -> Judged<Vec<Entry>> {
        let read = self.read_of(path, accept);
        let response = self.may(read, Code::CONTENT, feature).await?;
        self.values(&response, path, accept).await
    }

    /// The value of one resource, in a format of the client's choice.
    pub(super) async fn value(&mut self, path: Path) -> Judged<Value> {
        let entries = self.read(path, None).await?;
        match <[Entry; 1]>::try_from(entries) {
            Ok([entry]) if entry.path == path => Ok(entry.value),
            Ok([entry]) => fail(format!("a read of {path} gave {}", entry.path)),
            Err(entries) => fail(format!("a read of {path} gave {} values", entries.len())),
        }
    }

    /// These values as a payload for the client.
    pub(super) fn payload(
        &self,
        format: ContentFormat,
        entries: &[Entry],
        base: Path,
        root: &str,
    ) -> Judged<Payload> {
        let codec = Codec::new(&self.bench.definitions).below(root);
        match codec.encode(format, entries, &base) {
            Ok(data) => Ok(Payload {
                format,
                data: data.into(),
            }),
            Err(error) => fail(format!("the values for {base} cannot be written: {error}")),
        }
    }

    /// A write of these values.
    pub(super) async fn write_of(
        &mut self,
        path: Path,
        mode: WriteMode,
        format: ContentFormat,
        entries: &[Entry],
    ) -> Judged<DeviceOperation> {
        let root = self.root().await?;
        let payload = self.payload(format, entries, path, &root)?;
        Ok(Write {
            path,
            mode,
            payload,
        }
        .into())
    }

    /// Writes one value, which must be answered 2.04.
    pub(super) async fn write(
        &mut self,
        path: Path,
        format: ContentFormat,
        value: impl Into<Value>,
    ) -> Judged {
        let entries = [Entry::new(path, value)];
        let write = self
            .write_of(path, WriteMode::Replace, format, &entries)
            .await?;
        self.must(write, Code::CHANGED).await.map(drop)
    }

    /// When the case ends, writes these values again.
    pub(super) async fn put_back_values(&mut self, entries: &[Entry]) -> Judged {
        for entry in entries {
            let format = match entry.value {
                Value::Opaque(_) => ContentFormat::Opaque,
                _ => ContentFormat::Text,
            };
            let entries = [entry.clone()];
            let write = self
                .write_of(entry.path, WriteMode::Replace, format, &entries)
                .await?;
            self.undo.push(write);
        }
        Ok(())
    }

    /// Executes an optional resource.
    pub(super) async fn execute_optional(&mut self, path: Path, feature: &str) -> Judged {
        let execute = Execute::new(path);
        self.may(execute, Code::CHANGED, feature).await.map(drop)
    }

    /// Discovers; the answer must be 2.05 in link format.
    pub(super) async fn discover(&mut self, path: Path, depth: Option<u8>) -> Judged<Vec<Link>> {
        let response = self.must(Discover { path, depth }, Code::CONTENT).await?;
        let what = format!("discover of {path}");
        values::expect_format(&response, Some(ContentFormat::Link), &what)?;
        match link::parse(&response.payload) {
            Ok(links) => Ok(links),
            Err(error) => fail(format!("the links of {path} cannot be read: {error}")),
        }
    }

    /// Writes attributes in the form of a query, and unsets them when the case ends.
    pub(super) async fn attributes(&mut self, path: Path, query: &str) -> Judged {
        let change = values::change(query)?;
        let unset = AttributeChange::unset(change.names());
        self.must(WriteAttributes { path, change }, Code::CHANGED)
            .await?;
        let undo = WriteAttributes {
            path,
            change: unset,
        };
        self.undo.push(undo.into());
        Ok(())
    }

    /// Observes; the answer must be 2.05 with an Observe option.
    pub(super) async fn observe(&mut self, operation: Observe) -> Judged<(Observed, Vec<Entry>)> {
        let path = operation.path;
        let operation = DeviceOperation::from(operation);
        let (observed, response) = self.begin(operation).await?;
        let entries = self.values(&response, path, None).await?;
        Ok((observed, entries))
    }

    /// Observes one path in a format of the client's choice.
    pub(super) async fn observe_path(&mut self, path: Path) -> Judged<(Observed, Vec<Entry>)> {
        self.observe(Observe {
            path,
            accept: None,
            attributes: Default::default(),
            cancel: false,
        })
        .await
    }

    /// Observes several paths as one.
    pub(super) async fn observe_composite(
        &mut self,
        paths: &[Path],
        format: ContentFormat,
    ) -> Judged<(Observed, Vec<Entry>)> {
        let read = ReadComposite {
            paths: paths.to_vec(),
            format,
            accept: Some(format),
        };
        // Tells a client without composite operations from one that fails in this one.
        self.may(read, Code::CONTENT, "composite operations")
            .await?;
        let operation = ObserveComposite {
            paths: paths.to_vec(),
            format,
            accept: Some(format),
            attributes: Default::default(),
            cancel: false,
        };
        let (observed, response) = self.begin(operation.into()).await?;
        let entries = self.values(&response, Path::ROOT, Some(format)).await?;
        Ok((observed, entries))
    }

    async fn begin(&mut self, operation: DeviceOperation) -> Judged<(Observed, Response)> {
        let before = self.bench.station.tape().mark();
        let answered = self.answered(&operation).await?;
        let response = match answered.result {
            Ok(response) => response,
            Err(failure) => return fail(format!("{operation}: {failure}")),
        };
        expect_code(&response, Code::CONTENT, &operation.to_string())?;
        let Some(id) = answered.observation else {
            return fail(format!(
                "{operation} was answered without an Observe option"
            ));
        };
        let tape = self.bench.station.tape();
        match tape.observing(before) {
            Some(token) => Ok((
                Observed {
                    id,
                    at: answered.at,
                    token,
                    mark: tape.mark(),
                },
                response,
            )),
            None => fail(format!("{operation} is not on the tape")),
        }
    }

    /// Ends an observation by Observe = 1, which must be answered 2.05.
    pub(super) async fn cancel(&mut self, observed: Observed) -> Judged<Response> {
        let id = match self.bench.station.cancel(observed.id).await {
            Ok(id) => id,
            Err(error) => return fail(format!("the observation has ended by itself: {error}")),
        };
        self.ledger
            .observations
            .retain(|other| *other != observed.id);
        let answered = self
            .awaited("the answer to Observe = 1", |ledger| {
                ledger.answers.remove(&id)
            })
            .await?;
        match answered.result {
            Ok(response) => {
                expect_code(&response, Code::CONTENT, "Observe = 1")?;
                Ok(response)
            }
            Err(failure) => fail(format!("Observe = 1: {failure}")),
        }
    }

    /// Undoes what the case has done, as far as the client lets.
    pub(super) async fn put_back(&mut self) {
        let undo: Vec<DeviceOperation> = self.undo.drain(..).rev().collect();
        let observations = std::mem::take(&mut self.ledger.observations);
        let lifetime = self.lifetime_before.take();
        if self.ledger.registration.is_none() {
            return;
        }
        for observation in observations {
            if let Ok(id) = self.bench.station.cancel(observation).await {
                let patience = self.settings.pace.patience;
                self.until(patience, |ledger| ledger.answers.remove(&id))
                    .await;
            }
        }
        for operation in undo {
            if let Err(ending) = self.ask(operation.clone()).await {
                tracing::debug!(?ending, %operation, "not put back");
            }
        }
        if let Some(seconds) = lifetime {
            // Else the update would fall into the next case.
            self.until(PUT_BACK, |ledger| {
                let known = ledger.registration.as_ref();
                known
                    .is_none_or(|known| known.lifetime == seconds)
                    .then_some(())
            })
            .await;
        }
    }
}
