/// The parts of an order's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Order,
    PlacedAt,
    Customer,
    Sku,
    Description,
    Quantity,
    UnitPrice,
    Country,
}

impl Field {
    pub(crate) const ALL: [Field; 8] = [
        Field::Order,
        Field::PlacedAt,
        Field::Customer,
        Field::Sku,
        Field::Description,
        Field::Quantity,
        Field::UnitPrice,
        Field::Country,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Field::Order => "order",
            Field::PlacedAt => "placed_at",
            Field::Customer => "customer",
            Field::Sku => "sku",
            Field::Description => "description",
            Field::Quantity => "quantity",
            Field::UnitPrice => "unit_price",
            Field::Country => "country",
        }
    }

    pub(super) const fn is_required(self) -> bool {
        match self {
            Field::Order | Field::PlacedAt | Field::Sku | Field::Quantity | Field::UnitPrice => {
                true
            }
            Field::Customer | Field::Description | Field::Country => false,
        }
    }

    /// Headers that common exports use, the more likely first, in lower case, letters and digits only.
    pub(super) const fn usual_headers(self) -> &'static [&'static str] {
        match self {
            Field::Order => &[
                "order",
                "ordernumber",
                "orderno",
                "orderid",
                "ordername",
                "invoice",
                "invoiceno",
                "invoicenumber",
                "invoiceid",
                "incrementid",
            ],
            Field::PlacedAt => &[
                "placedat",
                "orderdate",
                "invoicedate",
                "orderedat",
                "createdat",
                "datecreated",
                "purchasedate",
                "purchasedon",
                "date",
                "timestamp",
            ],
            Field::Customer => &[
                "customer",
                "customerid",
                "customerno",
                "customernumber",
                "userid",
                "clientid",
                "buyerid",
            ],
            Field::Sku => &[
                "sku",
                "stockcode",
                "lineitemsku",
                "itemsku",
                "productsku",
                "itemcode",
                "productcode",
                "productid",
                "itemnumber",
                "articlenumber",
            ],
            Field::Description => &[
                "description",
                "lineitemname",
                "itemname",
                "productname",
                "product",
                "itemdescription",
                "title",
            ],
            Field::Quantity => &[
                "quantity",
                "qty",
                "lineitemquantity",
                "itemquantity",
                "quantityordered",
                "qtyordered",
                "units",
            ],
            Field::UnitPrice => &[
                "unitprice",
                "price",
                "lineitemprice",
                "itemprice",
                "itemcost",
                "priceeach",
            ],
            Field::Country => &[
                "country",
                "shippingcountry",
                "billingcountry",
                "countryname",
                "shipcountry",
            ],
        }
    }
}
