use super::{Category, CategoryCommand, CategoryEvent, CategoryRejection};
use crate::rejection::InvalidField;
use crate::text;

impl Category {
    pub fn decide(
        &self,
        command: CategoryCommand,
    ) -> Result<Vec<CategoryEvent>, CategoryRejection> {
        match command {
            CategoryCommand::Create { name, description } => self.create(&name, &description),
            CategoryCommand::Change { name, description } => {
                self.change(name.as_deref(), description.as_deref())
            }
            CategoryCommand::Delete => {
                self.must_exist()?;
                Ok(vec![CategoryEvent::Deleted])
            }
        }
    }

    fn create(
        &self,
        name: &str,
        description: &str,
    ) -> Result<Vec<CategoryEvent>, CategoryRejection> {
        if self.created {
            return Err(CategoryRejection::AlreadyExists);
        }
        Ok(vec![CategoryEvent::Created {
            name: name.parse()?,
            description: description_of(description)?,
        }])
    }

    fn change(
        &self,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Vec<CategoryEvent>, CategoryRejection> {
        self.must_exist()?;
        let name = name.map_or_else(|| Ok(self.name.clone()), str::parse)?;
        let description =
            description.map_or_else(|| Ok(self.description.clone()), description_of)?;
        if name == self.name && description == self.description {
            return Ok(vec![]);
        }
        Ok(vec![CategoryEvent::Changed { name, description }])
    }

    fn must_exist(&self) -> Result<(), CategoryRejection> {
        if self.exists() {
            Ok(())
        } else {
            Err(CategoryRejection::NotFound)
        }
    }
}

fn description_of(description: &str) -> Result<String, InvalidField> {
    text::prose("/description", description, Category::DESCRIPTION_MAX_CHARS)
}
