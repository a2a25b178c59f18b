//! Who may read which trail: administrators read everything, others their own account and their own orders.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use daybook_domain::{AggregateType, StreamId};
use daybook_log::RecordedEvent;

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
    mut events: Vec<RecordedEvent>,
) -> ApiResult<Vec<RecordedEvent>> {
    if caller.is_admin {
        return Ok(events);
    }
    let mut theirs: HashMap<StreamId, bool> = HashMap::new();
    for event in &events {
        if let Entry::Vacant(unknown) = theirs.entry(event.stream) {
            unknown.insert(is_theirs(app, caller, event.stream).await?);
        }
    }
    events.retain(|event| theirs.get(&event.stream) == Some(&true));
    Ok(events)
}

async fn is_theirs(app: &App, caller: Customer, stream: StreamId) -> ApiResult<bool> {
    match stream.aggregate_type {
        AggregateType::User => Ok(stream == StreamId::user(caller.id)),
        AggregateType::Order => {
            let order = app.commands.load(stream).await?;
            let owner = order.state.as_order().and_then(|order| order.user_id);
            Ok(owner == Some(caller.id))
        }
        AggregateType::Category | AggregateType::Product | AggregateType::Stock => Ok(false),
    }
}
