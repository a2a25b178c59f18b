//! Commands on categories.

use daybook_domain::category::{Category, CategoryCommand, CategoryEvent, CategoryRejection};
use daybook_domain::{CategoryId, StreamId, Versioned};

use crate::claims::{ClaimKind, NewClaim, no_members};
use crate::command::{Aggregates, Command, Decision, StreamUse};
use crate::refusal::{Refusal, check_version};

#[derive(Clone)]
pub struct CreateCategory {
    pub id: CategoryId,
    pub name: String,
    pub description: String,
}

#[derive(Clone)]
pub struct ChangeCategory {
    pub id: CategoryId,
    pub name: Option<String>,
    pub description: Option<String>,
    pub expected_version: Option<i64>,
}

/// Refused while products are in the category.
#[derive(Clone)]
pub struct DeleteCategory {
    pub id: CategoryId,
    pub expected_version: Option<i64>,
}

impl Command for CreateCategory {
    type Outcome = Versioned<Category>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Fresh(StreamId::category(self.id))]
    }

    fn decide(
        &self,
        aggregates: &Aggregates<'_>,
    ) -> Result<Decision<Versioned<Category>>, Refusal> {
        let command = CategoryCommand::Create {
            name: self.name.clone(),
            description: self.description.clone(),
        };
        decide(aggregates, self.id, command)
    }
}

impl Command for ChangeCategory {
    type Outcome = Versioned<Category>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::category(self.id))]
    }

    fn decide(
        &self,
        aggregates: &Aggregates<'_>,
    ) -> Result<Decision<Versioned<Category>>, Refusal> {
        check_exists_at(aggregates, self.id, self.expected_version)?;
        let command = CategoryCommand::Change {
            name: self.name.clone(),
            description: self.description.clone(),
        };
        decide(aggregates, self.id, command)
    }
}

impl Command for DeleteCategory {
    type Outcome = Versioned<Category>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::category(self.id))]
    }

    fn decide(
        &self,
        aggregates: &Aggregates<'_>,
    ) -> Result<Decision<Versioned<Category>>, Refusal> {
        check_exists_at(aggregates, self.id, self.expected_version)?;
        Ok(decide(aggregates, self.id, CategoryCommand::Delete)?.vacant(no_members(self.id)))
    }
}

/// A category that does not exist has no version to compare.
fn check_exists_at(
    aggregates: &Aggregates<'_>,
    id: CategoryId,
    expected_version: Option<i64>,
) -> Result<(), Refusal> {
    let category = aggregates.category(id);
    if !category.state.exists() {
        return Err(CategoryRejection::NotFound.into());
    }
    check_version(expected_version, category.version)
}

/// Decides, and moves the claim on the name together with the category.
fn decide(
    aggregates: &Aggregates<'_>,
    id: CategoryId,
    command: CategoryCommand,
) -> Result<Decision<Versioned<Category>>, Refusal> {
    let category = aggregates.category(id);
    let events: Vec<CategoryEvent> = category.state.decide(command)?;
    let changed = category.after(&events, Category::evolve, aggregates.now);
    let (before, after) = (
        name_claim(id, category.state),
        name_claim(id, &changed.state),
    );
    let moved = before != after;
    Ok(Decision::new(changed)
        .append(StreamId::category(id), events)
        .release(before.filter(|_| moved))
        .take(after.filter(|_| moved)))
}

fn name_claim(id: CategoryId, category: &Category) -> Option<NewClaim> {
    category.exists().then(|| NewClaim {
        kind: ClaimKind::CategoryName,
        value: category.name.claim_key(),
        owner: id.to_string(),
    })
}
