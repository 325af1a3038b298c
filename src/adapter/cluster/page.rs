//! One page of a list, read object by object.
//!
//! Decides that no more than one object of a page is held whole: of each only what is wanted is kept, and all of a page at once
//! would take many times the room of its text. Depends on serde.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What is kept of an object.
pub(super) type Kept<'a> = &'a dyn Fn(Value) -> Option<Value>;

/// Where a list stands after a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListPlace {
    /// Its version.
    pub(super) version: Option<String>,
    /// How the next page is asked for; none: there is none.
    pub(super) next: Option<String>,
}

/// Reads a page; none of what is no list. What is kept of its objects is added to `items`.
pub(super) fn read(text: &[u8], kept: Kept<'_>, items: &mut Vec<Value>) -> Option<ListPlace> {
    let mut source = serde_json::Deserializer::from_slice(text);
    let place = PageReader { kept, items, objects: false }.deserialize(&mut source).ok()?;
    source.end().ok()?;
    Some(place)
}

/// Reads the whole page, or (`objects`) the list of its objects.
struct PageReader<'a> {
    kept: Kept<'a>,
    items: &'a mut Vec<Value>,
    objects: bool,
}

impl<'de> DeserializeSeed<'de> for PageReader<'_> {
    type Value = ListPlace;
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<ListPlace, D::Error> {
        if self.objects { source.deserialize_seq(self) } else { source.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for PageReader<'_> {
    type Value = ListPlace;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListPlace, A::Error> {
        let (mut place, mut is_list) = (ListPlace::default(), false);
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "metadata" => {
                    let metadata: Value = map.next_value()?;
                    let text = |field: &str| metadata.get(field)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
                    place = ListPlace { version: text("resourceVersion"), next: text("continue") };
                }
                "items" => {
                    map.next_value_seed(PageReader { kept: self.kept, items: &mut *self.items, objects: true })?;
                    is_list = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_list { Ok(place) } else { Err(serde::de::Error::missing_field("items")) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ListPlace, A::Error> {
        while let Some(object) = list.next_element()? {
            self.items.extend((self.kept)(object));
        }
        Ok(ListPlace::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_each_object_only_what_is_wanted_is_kept() {
        let odd = |object: Value| object["n"].as_i64().filter(|n| n % 2 == 1).map(|n| json!(n));
        let mut items = Vec::new();
        let mut read = |page: &str| read(page.as_bytes(), &odd, &mut items);
        let first =
            r#"{"kind": "L", "items": [{"n": 1}, {"n": 2}, 5], "metadata": {"resourceVersion": "7", "continue": "t"}}"#;
        assert_eq!(read(first), Some(ListPlace { version: Some("7".into()), next: Some("t".into()) }));
        let last = r#"{"metadata": {"resourceVersion": "7", "continue": ""}, "items": [{"n": 3}]}"#;
        assert_eq!(read(last), Some(ListPlace { version: Some("7".into()), next: None }));
        for no_list in
            ["", "[]", "{}", r#"{"kind": "Page"}"#, r#"{"items": null}"#, r#"{"items": {}}"#, r#"{"items": []} x"#]
        {
            assert_eq!(read(no_list), None, "{no_list}");
        }
        assert_eq!(items, [json!(1), json!(3)]);
    }
}
