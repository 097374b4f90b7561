//! The event stream.

use crate::{
    HttpState,
    events::{Record, Start, lag, live, rendered},
    extract::ApiQuery,
    problem::Problem,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Deserialize;
use std::{collections::VecDeque, convert::Infallible, sync::Arc};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
};
use utoipa::IntoParams;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Begin with the events that are kept, with `live` behind the last of them, and not with what happens from now on.
    #[serde(default)]
    backlog: bool,
    /// Only events about this endpoint.
    endpoint: Option<String>,
    /// Only events of these kinds, with commas between.
    kinds: Option<String>,
}

struct Stream {
    state: HttpState,
    query: EventsQuery,
    replay: VecDeque<Arc<Record>>,
    missed: u64,
    /// Whether the end of the backlog is still to be said.
    backlog: bool,
    receiver: Receiver<Arc<Record>>,
    /// When the program ends: how many events are still to be told.
    ending: Option<usize>,
    _permit: OwnedSemaphorePermit,
}

/// Events as they happen, as server-sent events: the data of each is JSON, `{id, kind, time, endpoint, data}`.
///
/// Kinds: `registered`, `updated`, `deregistered`, `expired`, `refused`, `awake`, `asleep`, `observed`, `cancelled`,
/// `notification`, `sent`, `firmware`, `bootstrap`, and those of the program itself. Whoever reads too slowly gets
/// `lag` with the number of events `missed`; `live` says where the backlog ends. A stream that connects again with `Last-Event-ID` gets what it missed, as
/// far as it is kept.
#[utoipa::path(
    get, path = "/api/events", tag = "events", params(EventsQuery),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many streams are open"),
    ),
)]
pub(crate) async fn stream(
    State(state): State<HttpState>,
    ApiQuery(query): ApiQuery<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = state.stream_permits().clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many event streams are open",
        )
    })?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let subscription = state.hub().subscribe(match last {
        Some(id) => Start::After(id),
        None if query.backlog => Start::Backlog,
        None => Start::Now,
    });
    let keep_alive = KeepAlive::new().interval(state.config().keep_alive);
    let stream = Stream {
        backlog: last.is_none() && query.backlog,
        replay: subscription.replay,
        missed: subscription.missed,
        receiver: subscription.receiver,
        ending: None,
        state,
        query,
        _permit: permit,
    };
    let events = futures_util::stream::unfold(stream, |mut stream| async {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

impl Stream {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.missed > 0 {
                return Some(Event::default().data(lag(std::mem::take(&mut self.missed))));
            }
            let record = match self.replay.pop_front() {
                Some(record) => record,
                None if self.backlog => {
                    self.backlog = false;
                    return Some(Event::default().data(live()));
                }
                None => match self.received().await? {
                    Ok(record) => record,
                    Err(missed) => {
                        self.missed = missed;
                        continue;
                    }
                },
            };
            if self.query.wants(&record) {
                let data = rendered(&record, &self.state).await;
                return Some(Event::default().id(record.id.to_string()).data(&*data));
            }
        }
    }

    /// The next event, or how many were lost; none behind the end of the program.
    async fn received(&mut self) -> Option<Result<Arc<Record>, u64>> {
        if self.ending.is_none() {
            tokio::select! {
                biased;
                () = self.state.all_told() => {}
                received = self.receiver.recv() => return match received {
                    Ok(record) => Some(Ok(record)),
                    Err(RecvError::Lagged(missed)) => Some(Err(missed)),
                    Err(RecvError::Closed) => None,
                },
            }
        }
        // What had happened by then is told, and what goes on happening is not.
        let left = self.ending.get_or_insert(self.receiver.len());
        *left = left.checked_sub(1)?;
        match self.receiver.try_recv() {
            Ok(record) => Some(Ok(record)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

impl EventsQuery {
    fn wants(&self, record: &Record) -> bool {
        let endpoint = self.endpoint.as_deref();
        let kinds = self.kinds.as_deref();
        endpoint.is_none_or(|endpoint| record.endpoint() == Some(endpoint))
            && kinds.is_none_or(|kinds| kinds.split(',').any(|kind| kind == record.kind()))
    }
}
