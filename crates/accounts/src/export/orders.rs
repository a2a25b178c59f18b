//! A person's orders, each with its shipping address, its history and its events.

use daybook_contract::Timestamp;
use daybook_domain::order::OrderStatus;
use daybook_domain::{OrderId, StreamId};
use daybook_history::past::{OrderRecord, order_at};
use daybook_history::trail::Entry;
use daybook_projections::Paging;
use daybook_projections::orders::{HistoryEntry, OrderFilter, Viewer};
use futures::{Stream, stream};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ExportError, Source};

const PAGE: u32 = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderExport {
    #[serde(flatten)]
    order: OrderRecord,
    history: Vec<StepExport>,
    events: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepExport {
    status: OrderStatus,
    at: Timestamp,
    actor: String,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Every order, the newest first.
pub(super) fn of_person(
    source: Source,
) -> impl Stream<Item = Result<Vec<OrderExport>, ExportError>> + Send {
    let first = Some(Paging::page(1, PAGE));
    stream::try_unfold((source, first), |(source, paging)| async move {
        let Some(paging) = paging else {
            return Ok(None);
        };
        let filter = OrderFilter {
            user_id: Some(source.id),
            statuses: Vec::new(),
        };
        let orders = source.accounts.parts.read_models.orders();
        let page = orders.list(Viewer::Admin, &filter, &paging).await;
        let page = page.map_err(ExportError::Orders)?;
        let mut exported = Vec::with_capacity(page.items.len());
        for order in page.items {
            exported.extend(source.order(order.id).await?);
        }
        let next = page.next.map(|cursor| Paging::cursor(cursor, PAGE));
        Ok(Some((exported, (source, next))))
    })
}

impl Source {
    /// `None` if it was placed after the export's position.
    async fn order(&self, id: OrderId) -> Result<Option<OrderExport>, ExportError> {
        let Some(past) = order_at(&self.accounts.parts.feed, id, self.position).await? else {
            return Ok(None);
        };
        let version = past.order.version;
        let mut walk = self
            .accounts
            .trail()
            .walk_stream(StreamId::order(id), version);
        let mut events = Vec::new();
        while let Some(entries) = walk.next().await? {
            events.extend(entries);
        }
        let orders = self.accounts.parts.read_models.orders();
        let history = orders.history(id, Viewer::Admin).await;
        let steps = history.map_err(ExportError::Orders)?.unwrap_or_default();
        Ok(Some(OrderExport {
            order: OrderRecord::of(&past),
            history: steps
                .into_iter()
                .filter(|step| step.sequence <= version)
                .map(StepExport::from)
                .collect(),
            events,
        }))
    }
}

impl From<HistoryEntry> for StepExport {
    fn from(entry: HistoryEntry) -> StepExport {
        StepExport {
            status: entry.status,
            at: entry.at.into(),
            actor: entry.actor,
            details: entry.details,
        }
    }
}
