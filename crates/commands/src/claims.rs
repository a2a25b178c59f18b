//! Values that only one owner may hold, and memberships.

use daybook_domain::{CategoryId, ProductId};
use daybook_log::Secrets;
use daybook_log::append::{Claim, Vacancy};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimKind {
    Email,
    CategoryName,
    Sku,
    /// A product's place in a category: the value is the product, the owner the category.
    CategoryMember,
}

/// A claim as a command states it; an e-mail is replaced by an HMAC before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaim {
    pub kind: ClaimKind,
    pub value: String,
    pub owner: String,
}

impl ClaimKind {
    const ALL: [ClaimKind; 4] = [
        ClaimKind::Email,
        ClaimKind::CategoryName,
        ClaimKind::Sku,
        ClaimKind::CategoryMember,
    ];

    /// The kind's name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            ClaimKind::Email => "email",
            ClaimKind::CategoryName => "category-name",
            ClaimKind::Sku => "sku",
            ClaimKind::CategoryMember => "category-member",
        }
    }

    pub(crate) fn named(name: &str) -> Option<ClaimKind> {
        ClaimKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    pub(crate) fn taken_code(self) -> &'static str {
        match self {
            ClaimKind::Email => "email-taken",
            ClaimKind::CategoryName => "category-name-taken",
            ClaimKind::Sku => "sku-taken",
            ClaimKind::CategoryMember => "category-member-taken",
        }
    }

    pub(crate) fn taken(self) -> &'static str {
        match self {
            ClaimKind::Email => {
                "an account with this e-mail address exists already; sign in, or use another address"
            }
            ClaimKind::CategoryName => {
                "a category of this name exists already; choose another name"
            }
            ClaimKind::Sku => "a product with this SKU exists already; choose another SKU",
            ClaimKind::CategoryMember => "the product is in a category already",
        }
    }

    pub(crate) fn stored(self, value: &str, secrets: &Secrets) -> Vec<u8> {
        match self {
            ClaimKind::Email => secrets.claim_value(self.as_str(), value),
            ClaimKind::CategoryName | ClaimKind::Sku | ClaimKind::CategoryMember => {
                value.as_bytes().to_vec()
            }
        }
    }
}

impl NewClaim {
    pub fn member(product: ProductId, category: CategoryId) -> NewClaim {
        NewClaim {
            kind: ClaimKind::CategoryMember,
            value: product.to_string(),
            owner: category.to_string(),
        }
    }

    pub(crate) fn stored(self, secrets: &Secrets) -> Claim {
        Claim {
            kind: self.kind.as_str(),
            value: self.kind.stored(&self.value, secrets),
            owner: self.owner,
        }
    }
}

/// No product may be in the category.
pub(crate) fn no_members(category: CategoryId) -> Vacancy {
    Vacancy {
        kind: ClaimKind::CategoryMember.as_str(),
        owner: category.to_string(),
    }
}
