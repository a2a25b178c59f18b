//! What a command needs before it can be decided: its slots, and the key of the person that it is about.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_log::Metadata;

use super::Bus;
use crate::answer::CommandError;
use crate::attempt::Attempt;
use crate::command::{Aggregates, Command, Person, StreamUse};
use crate::draft::{Circumstances, SealingKey};
use crate::idempotency::KeyTags;
use crate::slot::Slot;

impl Bus {
    /// A command with what all attempts at it have in common.
    pub(super) async fn attempt<C: Command, R>(
        &self,
        command: C,
        metadata: &Metadata,
        now: DateTime<Utc>,
        key: Option<KeyTags>,
        respond: R,
    ) -> Result<Arc<Attempt<C, R>>, CommandError> {
        let person = match command.person() {
            Some(person) => self.sealing_key(person).await?,
            None => None,
        };
        let metadata = serde_json::to_string(metadata)
            .map_err(|error| CommandError::Internal(format!("metadata: {error}")))?;
        let circumstances = Circumstances {
            codec: self.codec.clone(),
            now,
            metadata: metadata.into(),
            key,
            person,
        };
        Ok(Arc::new(Attempt {
            command,
            respond,
            circumstances,
        }))
    }

    /// The slots that a command needs, loaded, each once and in the order of their streams.
    pub(super) async fn slots_of<C: Command>(
        &self,
        command: &C,
        now: DateTime<Utc>,
    ) -> Result<Vec<Arc<Slot>>, CommandError> {
        let first = self.loaded(command.streams()).await?;
        let further = {
            let locked: Vec<_> = first.iter().map(|slot| slot.lock()).collect();
            let states = first
                .iter()
                .zip(&locked)
                .map(|(slot, states)| (slot.stream, &states.speculative))
                .collect();
            command.further_streams(&Aggregates { now, states })
        };
        if further.is_empty() {
            return Ok(first);
        }
        let mut slots = self.loaded(further).await?;
        slots.extend(first);
        slots.sort_by_key(|slot| slot.stream);
        slots.dedup_by_key(|slot| slot.stream);
        Ok(slots)
    }

    async fn loaded(&self, mut uses: Vec<StreamUse>) -> Result<Vec<Arc<Slot>>, CommandError> {
        uses.sort_by_key(|stream_use| stream_use.stream());
        uses.dedup_by_key(|stream_use| stream_use.stream());
        let slots: Vec<Arc<Slot>> = uses
            .into_iter()
            .map(|stream_use| self.slots.slot(stream_use))
            .collect();
        let missing: Vec<Arc<Slot>> = slots
            .iter()
            .filter(|slot| !slot.is_current())
            .cloned()
            .collect();
        if !missing.is_empty() {
            self.loader.load(missing).await?;
        }
        Ok(slots)
    }

    async fn sealing_key(&self, person: Person) -> Result<Option<SealingKey>, CommandError> {
        Ok(match person {
            Person::New(person) => {
                let (key, wrapped) = self.codec.create_key(person)?;
                Some(SealingKey {
                    person,
                    key,
                    wrapped: Some(wrapped),
                })
            }
            Person::Known(person) => self.codec.key_of(person).await?.map(|key| SealingKey {
                person,
                key,
                wrapped: None,
            }),
        })
    }
}
