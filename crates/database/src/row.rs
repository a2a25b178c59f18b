/// Lets sqlx make a struct of a row: each field of the column of its name, or of the column that is given.
///
/// It stands for `#[derive(FromRow)]`, for which sqlx would be compiled a second time, with its TLS, for the compiler.
///
/// ```text
/// from_row!(Message { id, person = "person_id", sent_at });
/// ```
#[macro_export]
macro_rules! from_row {
    ($name:ident { $($field:ident $(= $column:literal)?),+ $(,)? }) => {
        impl<'r> ::sqlx::FromRow<'r, ::sqlx::postgres::PgRow> for $name {
            fn from_row(row: &'r ::sqlx::postgres::PgRow) -> Result<$name, ::sqlx::Error> {
                use ::sqlx::Row as _;
                Ok($name {
                    $($field: row.try_get($crate::column!($field $(, $column)?))?),+
                })
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! column {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $column:literal) => {
        $column
    };
}
