//! The differences between two JSON documents, field by field. Values are compared as text, so that numbers stay
//! exactly as they were written.

use std::collections::BTreeMap;

use daybook_contract::pointer_token;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A field that is not the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldChange)]
pub struct Change {
    /// JSON pointer (RFC 6901) to the field: `/items/0/quantity`.
    pub pointer: String,
    /// Left out where the field was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub before: Option<Box<RawValue>>,
    /// Left out where the field is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub after: Option<Box<RawValue>>,
}

/// The fields in which `after` differs from `before`. Objects and arrays that are in both are compared inside; one that
/// is only in one of them is a single change.
pub(super) fn changes(before: &str, after: &str) -> Result<Vec<Change>, serde_json::Error> {
    let mut found = Vec::new();
    let (before, after) = (serde_json::from_str(before)?, serde_json::from_str(after)?);
    compare("", Some(before), Some(after), &mut found)?;
    Ok(found)
}

fn compare(
    pointer: &str,
    before: Option<&RawValue>,
    after: Option<&RawValue>,
    found: &mut Vec<Change>,
) -> Result<(), serde_json::Error> {
    let (then, now) = (before.map(RawValue::get), after.map(RawValue::get));
    if then == now {
        return Ok(());
    }
    let (Some(then), Some(now)) = (then, now) else {
        found.push(Change::at(pointer, before, after));
        return Ok(());
    };
    if then.starts_with('{') && now.starts_with('{') {
        return compare_parts(pointer, fields(then)?, fields(now)?, found);
    }
    if then.starts_with('[') && now.starts_with('[') {
        return compare_parts(pointer, elements(then)?, elements(now)?, found);
    }
    found.push(Change::at(pointer, before, after));
    Ok(())
}

fn compare_parts<K: Ord + ToString>(
    pointer: &str,
    before: BTreeMap<K, &RawValue>,
    mut after: BTreeMap<K, &RawValue>,
    found: &mut Vec<Change>,
) -> Result<(), serde_json::Error> {
    let mut pairs: BTreeMap<K, (Option<&RawValue>, Option<&RawValue>)> = before
        .into_iter()
        .map(|(key, value)| {
            let now = after.remove(&key);
            (key, (Some(value), now))
        })
        .collect();
    pairs.extend(
        after
            .into_iter()
            .map(|(key, value)| (key, (None, Some(value)))),
    );
    for (key, (before, after)) in pairs {
        let token = pointer_token(&key.to_string());
        compare(&format!("{pointer}/{token}"), before, after, found)?;
    }
    Ok(())
}

fn fields(object: &str) -> Result<BTreeMap<String, &RawValue>, serde_json::Error> {
    serde_json::from_str(object)
}

fn elements(array: &str) -> Result<BTreeMap<usize, &RawValue>, serde_json::Error> {
    let elements: Vec<&RawValue> = serde_json::from_str(array)?;
    Ok(elements.into_iter().enumerate().collect())
}

impl Change {
    fn at(pointer: &str, before: Option<&RawValue>, after: Option<&RawValue>) -> Change {
        Change {
            pointer: pointer.to_owned(),
            before: before.map(RawValue::to_owned),
            after: after.map(RawValue::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        changes(before, after)
            .unwrap()
            .iter()
            .map(|change| serde_json::to_string(change).unwrap())
            .collect()
    }

    #[test]
    fn fields_that_differ_are_named() {
        assert_eq!(
            shown(
                r#"{"price":12.50,"name":"Teapot","sku":null,"stock":1}"#,
                r#"{"price":11.00,"name":"Teapot","sku":"T-1","retired":true}"#
            ),
            [
                r#"{"pointer":"/price","before":12.50,"after":11.00}"#,
                r#"{"pointer":"/retired","after":true}"#,
                r#"{"pointer":"/sku","before":null,"after":"T-1"}"#,
                r#"{"pointer":"/stock","before":1}"#,
            ]
        );
        assert_eq!(shown(r#"{"price":12.50}"#, r#"{"price":12.50}"#), [""; 0]);
    }

    #[test]
    fn what_is_inside_is_gone_through_in_order() {
        let lines = |quantities: std::ops::Range<u32>| {
            let lines: Vec<String> = quantities.map(|n| format!(r#"{{"n":{n}}}"#)).collect();
            format!(r#"{{"a/b~c":[{}]}}"#, lines.join(","))
        };
        let grown = shown(&lines(0..9), &lines(0..12));
        assert_eq!(
            grown,
            [
                r#"{"pointer":"/a~1b~0c/9","after":{"n":9}}"#,
                r#"{"pointer":"/a~1b~0c/10","after":{"n":10}}"#,
                r#"{"pointer":"/a~1b~0c/11","after":{"n":11}}"#,
            ]
        );
        assert_eq!(
            shown(r#"{"a":[{"n":1}]}"#, r#"{"a":[{"n":2}]}"#),
            [r#"{"pointer":"/a/0/n","before":1,"after":2}"#]
        );
        assert_eq!(
            shown(r#"{"a":[1]}"#, r#"{"a":{"0":1}}"#),
            [r#"{"pointer":"/a","before":[1],"after":{"0":1}}"#]
        );
    }
}
