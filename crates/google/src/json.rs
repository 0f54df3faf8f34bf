//! The grammar of Google's JSON: what counts as an object, a text, an absent field.
//!
//! Texts stay where they arrived until they are kept, which is what makes reading fast.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use ringbook_core::contact::clean;

/// Reads a whole answer as one JSON object. The reason names no content.
pub(super) fn document<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    object(std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8 text")?)
}

/// The same of a text.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    if body.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    serde_json::from_str::<Obj<T>>(body).map(|it| it.0).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "breaks off",
            serde_json::error::Category::Data => "has a field of the wrong type",
            _ => "is not JSON",
        };
        format!("the answer {what} (line {}, column {})", error.line(), error.column())
    })
}

/// The text, made safe; empty when there is none.
pub(super) fn text(text: &Option<Text>, len_max: usize) -> String {
    text.as_ref().map_or_else(String::new, |it| clean(&it.0, len_max))
}

/// A text, borrowed from the answer unless it holds escapes.
///
/// `Option<Cow<str>>` would do, if serde did not copy every text that is inside an option.
#[derive(Debug, PartialEq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Read).map(Text)
    }
}

/// An object and nothing else.
///
/// What serde derives for a struct also takes a list of the fields' values, so that `[]` would be
/// a listing with nothing in it.
pub(super) struct Obj<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Obj<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Obj<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Obj<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Obj)
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}

/// A field that may be absent but, unlike an `Option`, not `null`.
///
/// Where absence means "there is no more", only true absence may say so.
pub(super) struct Strict<T>(pub(super) Option<T>);

impl<T> Default for Strict<T> {
    fn default() -> Strict<T> {
        Strict(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|it| Strict(Some(it)))
    }
}
