//! Writing rows into a table, in PostgreSQL's binary format.
//!
//! A table that is being built in bulk is filled with `copy`, which costs the server a third of what an
//! insert does. A live one takes the same bytes as arrays, since only an insert can say what happens to
//! rows that exist already.

use sqlx::{
    Encode, PgConnection, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, types::Oid},
};

use crate::{
    projection::{Phase, Target},
    table::Table,
};

/// A column's name and type.
pub(crate) type Column = (&'static str, ColumnType);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Date,
    Int4,
    Int8,
    Jsonb,
    Text,
    Timestamptz,
    Uuid,
}

impl ColumnType {
    fn name(self) -> &'static str {
        self.name_and_oids().0
    }

    /// The object ids of the type and of its array type, which are the same in every PostgreSQL.
    fn name_and_oids(self) -> (&'static str, u32, u32) {
        match self {
            ColumnType::Date => ("date", 1082, 1182),
            ColumnType::Int4 => ("int4", 23, 1007),
            ColumnType::Int8 => ("int8", 20, 1016),
            ColumnType::Jsonb => ("jsonb", 3802, 3807),
            ColumnType::Text => ("text", 25, 1009),
            ColumnType::Timestamptz => ("timestamptz", 1184, 1185),
            ColumnType::Uuid => ("uuid", 2950, 2951),
        }
    }
}

/// Rows of one table, appended or merged.
pub(crate) struct Rows {
    table: Table,
    columns: &'static [Column],
    /// In the format of `copy`: for each row the number of its fields in 16 bits, for each field its
    /// length in 32 bits (-1 for null) and its bytes.
    bytes: PgArgumentBuffer,
    count: usize,
    failure: Option<BoxDynError>,
}

/// The signature of the format, which a transfer cannot damage unnoticed; then no flags and no extension.
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_TRAILER: &[u8] = &(-1i16).to_be_bytes();

impl Rows {
    pub(crate) fn new(table: Table, columns: &'static [Column]) -> Rows {
        Rows {
            table,
            columns,
            bytes: PgArgumentBuffer::default(),
            count: 0,
            failure: None,
        }
    }

    /// Begins a row; it must be given a value for each column.
    pub(crate) fn row(&mut self) -> Row<'_> {
        self.count += 1;
        let fields = self.columns.len() as i16;
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        Row {
            missing: self.columns,
            rows: self,
        }
    }

    /// Writes the rows, in one statement.
    pub(crate) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        if let Some(failure) = &self.failure {
            return Err(sqlx::Error::Encode(failure.to_string().into()));
        }
        if self.count == 0 {
            return Ok(());
        }
        match target.phase {
            Phase::Live => self.insert(conn, target).await,
            Phase::Building => self.copy(conn, target).await,
        }
    }

    async fn copy(&self, conn: &mut PgConnection, target: &Target) -> Result<(), sqlx::Error> {
        let (table, columns) = (self.table.name, self.column_names());
        let statement = format!("copy {target}.{table} ({columns}) from stdin (format binary)");
        let mut copy = conn.copy_in_raw(&statement).await?;
        let sent = async {
            copy.send(COPY_HEADER).await?;
            copy.send(self.bytes.as_slice()).await?;
            copy.send(COPY_TRAILER).await?;
            Ok(())
        };
        match sent.await {
            Ok(()) => copy.finish().await.map(drop),
            Err(error) => {
                // If this fails too, the connection is no longer usable anyway.
                let _ = copy.abort("the rows could not be sent").await;
                Err(error)
            }
        }
    }

    async fn insert(&self, conn: &mut PgConnection, target: &Target) -> Result<(), sqlx::Error> {
        let (table, columns) = (self.table.name, self.column_names());
        let arrays: Vec<String> = (1..)
            .zip(self.columns)
            .map(|(number, (_, column_type))| format!("${number}::{}[]", column_type.name()))
            .collect();
        let statement = format!(
            "insert into {target}.{table} ({columns}) select * from unnest({}) {}",
            arrays.join(", "),
            self.table.on_conflict(target)
        );
        let mut query = sqlx::query(&statement);
        for array in self.arrays() {
            query = query.bind(array);
        }
        query.execute(conn).await?;
        Ok(())
    }

    fn column_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The rows by column. An array's elements are written like a row's fields.
    fn arrays(&self) -> Vec<Array> {
        let new = |(_, element): &Column| Array::new(*element, self.count);
        let mut arrays: Vec<Array> = self.columns.iter().map(new).collect();
        let mut rest = self.bytes.as_slice();
        while let Some((_count, mut fields)) = rest.split_first_chunk::<2>() {
            for array in &mut arrays {
                let Some((length, _)) = fields.split_first_chunk::<4>() else {
                    break;
                };
                let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
                let (field, following) = fields.split_at(4 + length);
                array.bytes.extend_from_slice(field);
                fields = following;
            }
            rest = fields;
        }
        arrays
    }
}

/// A row that is being written.
pub(crate) struct Row<'a> {
    rows: &'a mut Rows,
    missing: &'static [Column],
}

impl Row<'_> {
    /// Gives the next column its value, which must be of the column's type.
    pub(crate) fn field<'q, T>(mut self, value: T) -> Self
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        if let Some(((name, column_type), missing)) = self.missing.split_first() {
            debug_assert!(
                T::type_info() == PgTypeInfo::with_name(column_type.name())
                    || T::compatible(&PgTypeInfo::with_oid(Oid(column_type.name_and_oids().1))),
                "{name} is {}",
                column_type.name()
            );
            self.missing = missing;
        }
        let bytes = &mut self.rows.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        let length = match value.encode_by_ref(bytes) {
            Ok(IsNull::No) => (bytes.len() - start - 4) as i32,
            Ok(IsNull::Yes) => -1,
            Err(error) => {
                self.rows.failure.get_or_insert(error);
                -1
            }
        };
        self.rows.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        self
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        debug_assert!(
            self.missing.is_empty(),
            "{} lacks values",
            self.rows.table.name
        );
    }
}

/// The text of a `jsonb`.
pub(crate) struct Jsonb<'a>(pub(crate) &'a str);

impl Type<Postgres> for Jsonb<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(ColumnType::Jsonb.name_and_oids().1))
    }
}

impl Encode<'_, Postgres> for Jsonb<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // The format's version.
        buffer.push(1);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

/// A one-dimensional array of elements that are in their binary form already.
struct Array {
    element: ColumnType,
    bytes: Vec<u8>,
}

impl Array {
    fn new(element: ColumnType, length: usize) -> Array {
        let mut bytes = Vec::with_capacity(20 + length * 12);
        // One dimension, nulls allowed, the elements' type, how many elements, counted from 1.
        for word in [1, 1, element.name_and_oids().1, length as u32, 1] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        Array { element, bytes }
    }
}

impl Type<Postgres> for Array {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("anyarray")
    }
}

impl Encode<'_, Postgres> for Array {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.element.name_and_oids().2)))
    }

    fn size_hint(&self) -> usize {
        self.bytes.len()
    }
}
