use super::{Category, CategoryEvent};

impl Category {
    pub fn evolve(&mut self, event: &CategoryEvent) {
        match event {
            CategoryEvent::Created { name, description } => {
                self.created = true;
                self.name = name.clone();
                self.description = description.clone();
            }
            CategoryEvent::Changed { name, description } => {
                self.name = name.clone();
                self.description = description.clone();
            }
            CategoryEvent::Deleted => self.deleted = true,
        }
    }
}
