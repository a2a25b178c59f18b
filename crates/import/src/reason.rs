use std::fmt;

/// Why a row was rejected, as written in the rejects file and in the summary: stable, kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    WrongNumberOfFields,
    UnclosedQuote,
    TooLong,
    Undecodable,
    NoOrder,
    BadOrder,
    NoDate,
    BadDate,
    FutureDate,
    NoSku,
    BadSku,
    NoQuantity,
    BadQuantity,
    NoPrice,
    BadPrice,
    NegativePrice,
    TooManyPlaces,
    PriceTooHigh,
    AmountTooHigh,
    BadCustomer,
    BadCountry,
    DescriptionTooLong,
    OrderTooLong,
    OtherCustomer,
    /// Rejected by the shop's own rules, with their code.
    Refused(&'static str),
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Reason::WrongNumberOfFields => "wrong-number-of-fields",
            Reason::UnclosedQuote => "unclosed-quote",
            Reason::TooLong => "too-long",
            Reason::Undecodable => "undecodable",
            Reason::NoOrder => "no-order",
            Reason::BadOrder => "bad-order",
            Reason::NoDate => "no-date",
            Reason::BadDate => "bad-date",
            Reason::FutureDate => "future-date",
            Reason::NoSku => "no-sku",
            Reason::BadSku => "bad-sku",
            Reason::NoQuantity => "no-quantity",
            Reason::BadQuantity => "bad-quantity",
            Reason::NoPrice => "no-price",
            Reason::BadPrice => "bad-price",
            Reason::NegativePrice => "negative-price",
            Reason::TooManyPlaces => "too-many-places",
            Reason::PriceTooHigh => "price-too-high",
            Reason::AmountTooHigh => "amount-too-high",
            Reason::BadCustomer => "bad-customer",
            Reason::BadCountry => "bad-country",
            Reason::DescriptionTooLong => "description-too-long",
            Reason::OrderTooLong => "order-too-long",
            Reason::OtherCustomer => "other-customer",
            Reason::Refused(code) => code,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
