use super::{Product, ProductEvent};

impl Product {
    pub fn evolve(&mut self, event: &ProductEvent) {
        match event {
            ProductEvent::Created {
                name,
                description,
                price,
                category_id,
                sku,
            } => {
                self.created = true;
                self.name = name.clone();
                self.description = description.clone();
                self.price = *price;
                self.category_id = *category_id;
                self.sku = sku.clone();
            }
            ProductEvent::Described { name, description } => {
                self.name = name.clone();
                self.description = description.clone();
            }
            ProductEvent::Repriced { from: _, to } => self.price = *to,
            ProductEvent::Categorised { category_id } => self.category_id = *category_id,
            ProductEvent::Retired => self.retired = true,
        }
    }
}
