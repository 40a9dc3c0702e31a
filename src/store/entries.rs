//! The entries of a JSON object as far as they can be read, when it was cut or changed by hand.

use std::{collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// What stood before the place where nothing can be read any more.
#[derive(Debug, Default)]
pub struct EntryFound {
    /// The entries of the field that was asked for.
    pub entries: BTreeMap<String, Value>,
    /// The other fields.
    pub other: BTreeMap<String, Value>,
}

/// Reads the fields of an object; `wanted` is itself an object, of which each entry counts.
pub fn fields(bytes: &[u8], wanted: &'static str) -> EntryFound {
    let mut found = EntryFound::default();
    let reader = EntryFields {
        found: &mut found,
        wanted: Some(wanted),
    };
    // The error is where reading ends; what came before it has been found.
    let _ = reader.deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    found
}

/// Entries of an object that is written with indents, each for itself: what is broken between them is passed over.
pub fn scattered(bytes: &[u8]) -> Vec<(String, Value)> {
    const BEGIN: &[u8] = b"\n    \"";
    let begins = bytes.windows(BEGIN.len()).enumerate();
    let begins = begins.filter(|(_, window)| *window == BEGIN);
    let entries = begins.filter_map(|(at, _)| entry_at(bytes.get(at..)?));
    entries.collect()
}

/// The key and the value with which a text begins.
fn entry_at(bytes: &[u8]) -> Option<(String, Value)> {
    let mut keys = serde_json::Deserializer::from_slice(bytes).into_iter();
    let key = keys.next()?.ok()?;
    let rest = bytes.get(keys.byte_offset()..)?.strip_prefix(b":")?;
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
    Some((key, values.next()?.ok()?))
}

/// Puts down each field as soon as it has been read.
struct EntryFields<'a> {
    found: &'a mut EntryFound,
    /// The field to go down into; `None` inside of it.
    wanted: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for EntryFields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntryFields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.wanted {
                None => {
                    let value = map.next_value()?;
                    self.found.entries.insert(name, value);
                }
                Some(wanted) if wanted == name => map.next_value_seed(EntryFields {
                    found: &mut *self.found,
                    wanted: None,
                })?,
                Some(_) => {
                    let value = map.next_value()?;
                    self.found.other.insert(name, value);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Wherever a file is cut, whole entries before the cut are found and nothing else is.
        #[test]
        fn whole_entries_before_the_cut_are_found(count in 0usize..8, share in 0.0f64..1.0) {
            let entries: BTreeMap<String, Value> =
                (0..count).map(|i| (format!("کلید {i}"), serde_json::json!({"n": i, "text": "{\"[]"}))).collect();
            let whole = serde_json::json!({"version": 1, "brands": entries}).to_string();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a length")]
            let cut = (whole.len() as f64 * share) as usize;
            let found = fields(&whole.as_bytes()[..cut], "brands").entries;
            let complete = entries.iter().filter(|(key, value)| {
                let entry = format!("\"{key}\":{value}");
                whole.find(&entry).is_some_and(|at| at + entry.len() <= cut)
            });
            prop_assert_eq!(found, complete.map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>());
        }

        /// Wherever a bit of a file is flipped, at most the entries next to it are lost.
        #[test]
        fn a_flipped_bit_costs_no_more_than_two_entries(count in 1usize..8, at in 0.0f64..1.0, bit in 0u8..8) {
            let entries: BTreeMap<String, Value> =
                (0..count).map(|i| (format!("کلید {i}"), serde_json::json!({"n": i, "text": "{\"[]"}))).collect();
            let whole = serde_json::json!({"version": 1, "brands": entries});
            let mut damaged = serde_json::to_vec_pretty(&whole).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a length")]
            let at = (damaged.len() as f64 * at) as usize;
            damaged[at] ^= 1 << bit;
            let mut found = fields(&damaged, "brands").entries;
            found.extend(scattered(&damaged));
            let left = entries.iter().filter(|(key, value)| found.get(*key) == Some(value)).count();
            prop_assert!(left + 2 >= count, "{} of {count} are left", left);
        }
    }
}
