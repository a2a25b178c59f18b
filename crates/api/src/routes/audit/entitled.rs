//! Who may read which trail: administrators read everything, others their own account and their own orders.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use daybook_domain::{AggregateType, StreamId};
use daybook_history::past::PastOrder;
use daybook_log::ReadEvent;

use crate::app::App;
use crate::auth::Customer;
use crate::problem::{ApiResult, Problem};

/// A stream that is not the caller's is refused as if it did not exist.
pub(crate) async fn may_read(app: &App, caller: Customer, stream: StreamId) -> ApiResult<()> {
    if caller.is_admin || is_theirs(app, caller, stream).await? {
        Ok(())
    } else {
        Err(Problem::nothing_here())
    }
}

/// The events that the caller may read.
pub(super) async fn readable(
    app: &App,
    caller: Customer,
    mut events: Vec<ReadEvent>,
) -> ApiResult<Vec<ReadEvent>> {
    if caller.is_admin {
        return Ok(events);
    }
    let mut theirs: HashMap<StreamId, bool> = HashMap::new();
    for stream in events.iter().filter_map(ReadEvent::stream) {
        if let Entry::Vacant(unknown) = theirs.entry(stream) {
            unknown.insert(is_theirs(app, caller, stream).await?);
        }
    }
    events.retain(|event| {
        event
            .stream()
            .is_some_and(|stream| theirs.get(&stream) == Some(&true))
    });
    Ok(events)
}

async fn is_theirs(app: &App, caller: Customer, stream: StreamId) -> ApiResult<bool> {
    match stream.aggregate_type {
        AggregateType::User => Ok(stream == StreamId::user(caller.id)),
        AggregateType::Order => {
            // The first event says whose it is; a later one need not be known.
            let first = app.feed.read_each_of(stream, 0, 1).await?;
            let mut order = PastOrder::empty(stream.id.into());
            if let Some(ReadEvent::Known(first)) = first.first() {
                order.apply(first);
            }
            Ok(order.order.state.user_id == Some(caller.id))
        }
        AggregateType::Category | AggregateType::Product | AggregateType::Stock => Ok(false),
    }
}
