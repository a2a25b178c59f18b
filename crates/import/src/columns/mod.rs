//! Which column of a table holds which field.

mod field;

use std::str::FromStr;

pub(crate) use field::Field;

use super::fields::Fields;

/// A part of `--columns`: `order=InvoiceNo`, or by number from 1, `order=3`.
#[derive(Clone, Debug)]
pub struct NamedColumn {
    field: Field,
    header: String,
}

impl FromStr for NamedColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedColumn, String> {
        let fields = || Field::ALL.map(Field::as_str).join(", ");
        let Some((field, header)) = text.split_once('=') else {
            return Err(format!("write field=header; the fields are {}", fields()));
        };
        let field = Field::ALL
            .into_iter()
            .find(|known| known.as_str() == field.trim())
            .ok_or_else(|| format!("there is no field {field}; the fields are {}", fields()))?;
        let header = header.trim().to_owned();
        if header.is_empty() {
            return Err(format!("name the column of {}", field.as_str()));
        }
        Ok(NamedColumn { field, header })
    }
}

/// Where a table's first row leaves us guessing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ColumnsError(String);

/// The column of each field that the table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    indices: [Option<usize>; Field::ALL.len()],
    /// The number of fields that each row must have.
    width: usize,
}

impl Columns {
    /// Finds the columns by the headers in a table's first row; `named` ones take precedence over the usual ones.
    pub(crate) fn by_header(
        header: &Fields,
        named: &[NamedColumn],
    ) -> Result<Columns, ColumnsError> {
        let headers: Vec<&str> = header.iter().collect();
        Columns::find(headers.len(), named, |field, named| match named {
            Some(name) => find_named(&headers, field, name).map(Some),
            None => match field
                .usual_headers()
                .iter()
                .find_map(|usual| headers.iter().position(|header| plain(header) == *usual))
            {
                Some(index) => only(&headers, index, field).map(Some),
                None => Ok(None),
            },
        })
        .map_err(|missing| missing.with(&format!("the file has {}", headers.join(", "))))
    }

    /// Finds the columns by number only, for a table that begins with its first order.
    pub(crate) fn by_number(
        first: &Fields,
        named: &[NamedColumn],
    ) -> Result<Columns, ColumnsError> {
        let width = first.len();
        Columns::find(width, named, |field, named| match named {
            Some(name) => match number(name, width) {
                Some(index) => Ok(Some(index)),
                None => Err(Missing::one(field, &format!("there is no column {name}"))),
            },
            None => Ok(None),
        })
        .map_err(|missing| missing.with(&format!("the first row has {width} fields")))
    }

    /// The field's text in a row; empty if the table has no such column.
    pub(crate) fn get<'f>(&self, fields: &'f Fields, field: Field) -> &'f str {
        self.indices[field as usize].map_or("", |index| fields.get(index))
    }

    pub(crate) fn fits(&self, fields: &Fields) -> bool {
        fields.len() == self.width
    }

    fn find(
        width: usize,
        named: &[NamedColumn],
        index_of: impl Fn(Field, Option<&str>) -> Result<Option<usize>, Missing>,
    ) -> Result<Columns, Missing> {
        let mut indices = [None; Field::ALL.len()];
        let mut missing = Vec::new();
        for field in Field::ALL {
            let name = named.iter().rev().find(|column| column.field == field);
            let index = index_of(field, name.map(|column| column.header.as_str()))?;
            if index.is_none() && field.is_required() {
                missing.push(field.as_str());
            }
            indices[field as usize] = index;
        }
        if missing.is_empty() {
            return Ok(Columns { indices, width });
        }
        let what = missing.join(", ");
        let how = missing[0];
        Err(Missing(format!(
            "no column was found for {what} (--columns {how}=…)"
        )))
    }
}

/// What was looked for and was not found.
struct Missing(String);

impl Missing {
    fn one(field: Field, why: &str) -> Missing {
        Missing(format!("{why} for {}", field.as_str()))
    }

    fn with(self, what_there_is: &str) -> ColumnsError {
        ColumnsError(format!("{}; {what_there_is}", self.0))
    }
}

fn find_named(headers: &[&str], field: Field, name: &str) -> Result<usize, Missing> {
    let exact = headers.iter().position(|header| *header == name);
    let alike = || {
        headers
            .iter()
            .position(|header| plain(header) == plain(name))
    };
    if let Some(index) = exact.or_else(alike) {
        return only(headers, index, field);
    }
    number(name, headers.len())
        .ok_or_else(|| Missing::one(field, &format!("there is no column {name}")))
}

/// A header that occurs twice does not tell which column is meant.
fn only(headers: &[&str], index: usize, field: Field) -> Result<usize, Missing> {
    let header = headers[index];
    match headers.iter().filter(|other| **other == header).count() {
        1 => Ok(index),
        _ => Err(Missing::one(
            field,
            &format!("several columns are called {header}: give the number of one"),
        )),
    }
}

fn number(name: &str, width: usize) -> Option<usize> {
    let number: usize = name.parse().ok()?;
    (1..=width).contains(&number).then(|| number - 1)
}

/// `Invoice No.`, `invoice_no` and `InvoiceNo` count as the same header.
fn plain(header: &str) -> String {
    header
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(row: &str) -> Fields {
        let mut fields = Fields::separated_by(b',');
        fields.split(row);
        fields
    }

    fn named(columns: &[&str]) -> Vec<NamedColumn> {
        columns.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn common_headers_need_no_naming() {
        let header = fields(
            "Invoice No,StockCode,Description,Qty,Invoice Date,Unit_Price,Customer ID,Country",
        );
        let columns = Columns::by_header(&header, &[]).unwrap();
        let row = fields("536365,85123A,LANTERN,6,2010-12-01,2.55,17850,France");
        assert!(columns.fits(&row));
        let texts = Field::ALL.map(|field| columns.get(&row, field));
        assert_eq!(
            texts,
            [
                "536365",
                "2010-12-01",
                "17850",
                "85123A",
                "LANTERN",
                "6",
                "2.55",
                "France"
            ]
        );
    }

    #[test]
    fn a_named_column_goes_before_a_usual_one_by_header_or_number() {
        let header = fields("order,no,date,sku,qty,price");
        let columns = Columns::by_header(&header, &named(&["order=No", "sku=4"])).unwrap();
        let row = fields("a,b,c,d,e,f");
        assert_eq!(columns.get(&row, Field::Order), "b");
        assert_eq!(columns.get(&row, Field::Sku), "d");
        assert_eq!(columns.get(&row, Field::Country), "");
    }

    #[test]
    fn missing_columns_are_told_by_name_with_what_there_is() {
        let told = Columns::by_header(&fields("order,menge,preis,date"), &[])
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "no column was found for sku, quantity, unit_price (--columns sku=…); \
             the file has order, menge, preis, date"
        );
        let told = Columns::by_header(&fields("order,date"), &named(&["quantity=Menge"]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "there is no column Menge for quantity; the file has order, date"
        );
    }

    #[test]
    fn a_header_that_stands_twice_is_not_guessed() {
        let header = fields("order,date,sku,price,qty,price");
        for named in [&[][..], &named(&["unit_price=Price"])] {
            let told = Columns::by_header(&header, named).unwrap_err().to_string();
            assert_eq!(
                told,
                "several columns are called price: give the number of one for unit_price; \
                 the file has order, date, sku, price, qty, price"
            );
        }
        let columns = Columns::by_header(&header, &named(&["unit_price=6"])).unwrap();
        assert_eq!(columns.get(&fields("a,b,c,d,e,f"), Field::UnitPrice), "f");
    }

    #[test]
    fn a_table_without_headers_goes_by_number() {
        let all = named(&[
            "order=1",
            "placed_at=2",
            "sku=3",
            "quantity=4",
            "unit_price=5",
        ]);
        let row = fields("a,b,c,d,e");
        let columns = Columns::by_number(&row, &all).unwrap();
        assert_eq!(columns.get(&row, Field::UnitPrice), "e");
        let told = Columns::by_number(&row, &named(&["order=6"])).unwrap_err();
        assert_eq!(
            told.to_string(),
            "there is no column 6 for order; the first row has 5 fields"
        );
        assert!(Columns::by_number(&row, &named(&["order=order"])).is_err());
    }

    #[test]
    fn a_wrong_name_is_told() {
        for (wrong, told) in [
            ("order", "write field=header"),
            ("number=1", "there is no field number"),
            ("order=", "name the column of order"),
        ] {
            let error = wrong.parse::<NamedColumn>().unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
