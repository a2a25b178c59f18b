//! A list's own parameters beside those of its page, from one query string.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::page::PageParams;

/// `T`, which filters or sorts a list, and the page that is asked for. A struct of all of them would be refused the
/// same things in the same order; serde cannot make it of these two, as its `flatten` takes unknown fields.
pub(crate) struct Paged<T> {
    pub list: T,
    pub page: PageParams,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Paged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parameters<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parameters<T> {
            type Value = Paged<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, parameters: A) -> Result<Paged<T>, A::Error> {
                let mut page = PageParams::default();
                let list = T::deserialize(BesidePage {
                    parameters,
                    page: &mut page,
                    names: &[],
                })?;
                Ok(Paged { list, page })
            }
        }

        deserializer.deserialize_map(Parameters(PhantomData))
    }
}

/// Hands on the parameters that the list's struct has as `names`, and keeps those of the page.
struct BesidePage<'a, A> {
    parameters: A,
    page: &'a mut PageParams,
    names: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for BesidePage<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.names = names;
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BesidePage<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.parameters.next_key::<String>()? {
            match name.as_str() {
                "page" => take("page", &mut self.page.page, &mut self.parameters)?,
                "limit" => take("limit", &mut self.page.limit, &mut self.parameters)?,
                "cursor" => take("cursor", &mut self.page.cursor, &mut self.parameters)?,
                known if self.names.contains(&known) => {
                    return seed.deserialize(name.into_deserializer()).map(Some);
                }
                unknown => return Err(self.unknown(unknown)),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, A::Error> {
        self.parameters.next_value_seed(seed)
    }
}

fn take<'de, V: Deserialize<'de>, A: MapAccess<'de>>(
    name: &'static str,
    taken: &mut Option<V>,
    parameters: &mut A,
) -> Result<(), A::Error> {
    if taken.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *taken = parameters.next_value()?;
    Ok(())
}

impl<'de, A: MapAccess<'de>> BesidePage<'_, A> {
    /// In serde's words, which the extractor knows. serde's own function wants the names as one list that is static.
    fn unknown(&self, name: &str) -> A::Error {
        let names = self.names.iter().chain(&["page", "limit", "cursor"]);
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let names = names.join(", ");
        de::Error::custom(format_args!(
            "unknown field `{name}`, expected one of {names}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::read;
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Filter {
        q: Option<String>,
        user_id: Option<u32>,
    }

    /// What [`Paged`] stands for.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Whole {
        q: Option<String>,
        user_id: Option<u32>,
        page: Option<u32>,
        limit: Option<u32>,
        cursor: Option<String>,
    }

    #[test]
    fn both_parts_are_read_in_any_order() {
        for query in [
            "q=tea&userId=7&page=2&limit=5&cursor=c",
            "cursor=c&q=tea&limit=5&userId=7&page=2",
        ] {
            let Paged { list, page } = read::<Paged<Filter>>(query).unwrap();
            assert_eq!(list.q.as_deref(), Some("tea"));
            assert_eq!(list.user_id, Some(7));
            assert_eq!((page.page, page.limit), (Some(2), Some(5)));
            assert_eq!(page.cursor.as_deref(), Some("c"));
        }
        let Paged { list, page } = read::<Paged<Filter>>("").unwrap();
        assert_eq!((list.q, list.user_id), (None, None));
        assert_eq!((page.page, page.limit, page.cursor), (None, None, None));
    }

    #[test]
    fn what_one_struct_would_refuse_is_refused_in_the_same_words() {
        let whole = |query: &str| {
            let read = read::<Whole>(query).map(|all| {
                let Whole {
                    q,
                    user_id,
                    page,
                    limit,
                    cursor,
                } = all;
                (q, user_id, page, limit, cursor)
            });
            read.map_err(|problem| problem.render("", ""))
        };
        let paged = |query: &str| {
            let read = read::<Paged<Filter>>(query).map(|Paged { list, page }| {
                (list.q, list.user_id, page.page, page.limit, page.cursor)
            });
            read.map_err(|problem| problem.render("", ""))
        };
        let parts = [
            "q=a",
            "q=b",
            "userId=1",
            "userId=x",
            "page=2",
            "page=x",
            "page=",
            "limit=-1",
            "limit=3",
            "cursor=",
            "cursor=c",
            "%70age=4",
            "sorted=name",
            "user_id=1",
            "",
            "=",
            "page",
            "q=%00",
        ];
        let mut refused = 0;
        for first in parts {
            for second in parts {
                for third in parts {
                    let query = format!("{first}&{second}&{third}");
                    assert_eq!(paged(&query), whole(&query), "{query}");
                    refused += usize::from(whole(&query).is_err());
                }
            }
        }
        assert!(refused > 1_000, "{refused}");
    }
}
