//! What goes into a statement and what comes out of a row, the same for both databases.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::DbError;

/// One value handed to a statement.
#[derive(Clone, Debug)]
pub(crate) enum Arg<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Arg::Int(value)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Arg::Int(value.into())
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(value: Timestamp) -> Self {
        Arg::Int(value.as_microsecond())
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Arg::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Arg<'_> {
    fn from(value: String) -> Self {
        Arg::Text(Cow::Owned(value))
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Arg::Bytes(Cow::Borrowed(value))
    }
}

impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Arg::Null, Into::into)
    }
}

/// A count, as the databases keep it.
pub(crate) fn int(count: impl TryInto<i64>) -> Arg<'static> {
    Arg::Int(count.try_into().unwrap_or(i64::MAX))
}

impl rusqlite::ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Arg::Null => ValueRef::Null,
            Arg::Int(value) => ValueRef::Integer(*value),
            Arg::Text(value) => ValueRef::Text(value.as_bytes()),
            Arg::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Arg::Null => Ok(IsNull::Yes),
            Arg::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Arg::Int(value) => value.to_sql(ty, out),
            Arg::Text(value) => value.as_ref().to_sql(ty, out),
            Arg::Bytes(value) => value.as_ref().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::BYTEA)
    }

    to_sql_checked!();
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// One row of an answer. Columns are counted from 0.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(super) Vec<Value>);

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, DbError> {
        self.opt_int(column)?.ok_or(DbError::Shape { column, expected: "a number" })
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(DbError::Shape { column, expected: "a number" }),
        }
    }

    /// A number that cannot be negative.
    pub(crate) fn count(&self, column: usize) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|_| DbError::Shape { column, expected: "a count" })
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, DbError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, DbError> {
        self.opt_time(column)?.ok_or(DbError::Shape { column, expected: "a time" })
    }

    pub(crate) fn opt_time(&self, column: usize) -> Result<Option<Timestamp>, DbError> {
        self.opt_int(column)?
            .map(|micros| {
                Timestamp::from_microsecond(micros)
                    .map_err(|_| DbError::Shape { column, expected: "a time" })
            })
            .transpose()
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, DbError> {
        self.opt_text(column)?.ok_or(DbError::Shape { column, expected: "a text" })
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<&str>, DbError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(DbError::Shape { column, expected: "a text" }),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<&[u8], DbError> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => Ok(value),
            _ => Err(DbError::Shape { column, expected: "bytes" }),
        }
    }

    /// One of an enum's words.
    pub(crate) fn word<T>(&self, column: usize) -> Result<T, DbError>
    where
        T: std::str::FromStr<Err = ringbook_core::sync::UnknownWord>,
    {
        Ok(self.text(column)?.parse()?)
    }

    pub(crate) fn opt_word<T>(&self, column: usize) -> Result<Option<T>, DbError>
    where
        T: std::str::FromStr<Err = ringbook_core::sync::UnknownWord>,
    {
        Ok(self.opt_text(column)?.map(str::parse).transpose()?)
    }
}
