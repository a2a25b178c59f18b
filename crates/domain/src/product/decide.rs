use super::{Product, ProductCommand, ProductEvent, ProductRejection};
use crate::ids::CategoryId;
use crate::money::Money;
use crate::rejection::InvalidField;
use crate::text;

impl Product {
    pub fn decide(&self, command: ProductCommand) -> Result<Vec<ProductEvent>, ProductRejection> {
        match command {
            ProductCommand::Create {
                name,
                description,
                price,
                category_id,
                sku,
            } => {
                self.must_be_new()?;
                Ok(vec![ProductEvent::Created {
                    name: name_of(&name)?,
                    description: description_of(&description)?,
                    price: price_of(price)?,
                    category_id,
                    sku: sku.map(sku_of).transpose()?,
                }])
            }
            ProductCommand::Change {
                name,
                description,
                price,
                category_id,
            } => {
                self.must_be_for_sale()?;
                let changes = [
                    self.describe(name.as_deref(), description.as_deref())?,
                    self.reprice(price)?,
                    self.categorise(category_id),
                ];
                Ok(changes.into_iter().flatten().collect())
            }
            ProductCommand::Retire => {
                self.must_be_for_sale()?;
                Ok(vec![ProductEvent::Retired])
            }
        }
    }

    fn describe(
        &self,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Option<ProductEvent>, ProductRejection> {
        let name = name.map_or_else(|| Ok(self.name.clone()), name_of)?;
        let description =
            description.map_or_else(|| Ok(self.description.clone()), description_of)?;
        let differs = name != self.name || description != self.description;
        Ok(differs.then_some(ProductEvent::Described { name, description }))
    }

    fn reprice(&self, price: Option<Money>) -> Result<Option<ProductEvent>, ProductRejection> {
        let Some(to) = price else { return Ok(None) };
        let from = self.price;
        if to.currency != from.currency {
            return Err(ProductRejection::CurrencyMismatch {
                current: from.currency,
                given: to.currency,
            });
        }
        let to = price_of(to)?;
        Ok((to != from).then_some(ProductEvent::Repriced { from, to }))
    }

    fn categorise(&self, category_id: Option<Option<CategoryId>>) -> Option<ProductEvent> {
        let category_id = category_id?;
        (category_id != self.category_id).then_some(ProductEvent::Categorised { category_id })
    }

    fn must_be_new(&self) -> Result<(), ProductRejection> {
        if self.exists() {
            Err(ProductRejection::AlreadyExists)
        } else {
            Ok(())
        }
    }

    fn must_be_for_sale(&self) -> Result<(), ProductRejection> {
        if !self.exists() {
            return Err(ProductRejection::NotFound);
        }
        if self.retired {
            Err(ProductRejection::Retired)
        } else {
            Ok(())
        }
    }
}

fn name_of(name: &str) -> Result<String, InvalidField> {
    text::line("/name", name, Product::NAME_MAX_CHARS)
}

fn description_of(description: &str) -> Result<String, InvalidField> {
    text::prose("/description", description, Product::DESCRIPTION_MAX_CHARS)
}

fn price_of(price: Money) -> Result<Money, InvalidField> {
    if !price.currency.has_minor_unit() {
        let detail = "Give a currency that prices are in, such as EUR.";
        return Err(InvalidField::new("/currency", "unknown-currency", detail));
    }
    if !(0..=Product::PRICE_MAX_MINOR).contains(&price.minor) {
        let most = Money::new(Product::PRICE_MAX_MINOR, price.currency);
        let detail = format!("Give a price from 0 to {most}.");
        return Err(InvalidField::new("/price", "out-of-range", detail));
    }
    Ok(price)
}

/// A SKU is another system's key, so a wrong one is refused rather than corrected.
fn sku_of(sku: String) -> Result<String, InvalidField> {
    const FIELD: &str = "/sku";
    if sku.is_empty() || sku.len() > Product::SKU_MAX_CHARS {
        let detail = format!(
            "Give 1 to {} characters, or leave it out.",
            Product::SKU_MAX_CHARS
        );
        let code = if sku.is_empty() {
            "required"
        } else {
            "too-long"
        };
        return Err(InvalidField::new(FIELD, code, detail));
    }
    let printable = sku.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable || sku.trim() != sku {
        let detail = "Use printable ASCII characters, without spaces at either end.";
        return Err(InvalidField::new(FIELD, "invalid-sku", detail));
    }
    Ok(sku)
}
