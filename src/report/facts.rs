//! The facts of a report: by field, for the brand, for each of its products and for each customer segment.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Map, Value};

use super::fields::{Field, SECTIONS, Subject};

/// How well a fact stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The value can be read in a quote that stands in a source about this brand.
    Supported,
    /// Concluded from quotes that stand in sources.
    Inferred,
    /// The check failed, or there is nothing to check.
    #[default]
    Unverified,
    /// Sources disagree.
    Conflicted,
    /// It was so.
    Outdated,
}

/// A statement with what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fact {
    pub value: String,
    pub status: Status,
    /// The year, month or day that the source speaks of.
    pub as_of: Option<String>,
    pub evidence: Vec<Citation>,
}

/// A passage of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Citation {
    /// Id of the source.
    pub source: String,
    /// The passage, word for word.
    pub quote: String,
}

/// The facts of one subject, by field, in the order of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(BTreeMap<Field, Vec<Fact>>);

/// The facts of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub brand: Record,
    pub products: Vec<Record>,
    pub segments: Vec<Record>,
}

/// Where a fact stands in a report: `relationships.competitors.0`, `products.2.price`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactPath {
    pub field: Field,
    /// The number of the product or segment.
    pub item: Option<usize>,
    /// The number among the values of a field that holds several.
    pub place: Option<usize>,
}

impl Fact {
    /// Whether it says more than that a check failed.
    pub fn is_known(&self) -> bool {
        self.status != Status::Unverified
    }
}

impl Record {
    /// The first value of a field.
    pub fn one(&self, field: Field) -> Option<&Fact> {
        self.all(field).first()
    }

    /// All values of a field.
    pub fn all(&self, field: Field) -> &[Fact] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    /// Puts values in the place of those of a field.
    pub fn set(&mut self, field: Field, facts: impl IntoIterator<Item = Fact>) {
        let facts: Vec<Fact> = facts.into_iter().collect();
        if facts.is_empty() {
            self.0.remove(&field);
        } else {
            self.0.insert(field, facts);
        }
    }

    /// The name of a product: the Persian one, or else that in Latin letters.
    pub fn product_name(&self) -> Option<&Fact> {
        let persian = self.one(Field::ProductNameFa);
        persian.or_else(|| self.one(Field::ProductNameEn))
    }

    /// Fields with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &Vec<Fact>)> {
        self.0.iter().map(|(field, facts)| (*field, facts))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn paths(&self, item: Option<usize>) -> impl Iterator<Item = (FactPath, &Fact)> {
        self.0.iter().flat_map(move |(field, facts)| {
            let path = move |place| FactPath {
                field: *field,
                item,
                place: field.spec().many.then_some(place),
            };
            facts
                .iter()
                .enumerate()
                .map(move |(place, fact)| (path(place), fact))
        })
    }
}

impl Facts {
    /// The first value of a field of the brand.
    pub fn one(&self, field: Field) -> Option<&Fact> {
        self.brand.one(field)
    }

    /// All values of a field, whichever product or segment has them.
    pub fn all(&self, field: Field) -> impl Iterator<Item = &Fact> {
        self.records(field.spec().subject)
            .iter()
            .flat_map(move |record| record.all(field))
    }

    /// The industry in Persian or in English, or else in the other language.
    pub fn industry(&self, persian: bool) -> Option<&Fact> {
        let (first, second) = match persian {
            true => (Field::IndustryFa, Field::IndustryEn),
            false => (Field::IndustryEn, Field::IndustryFa),
        };
        self.one(first).or_else(|| self.one(second))
    }

    /// The records of one subject.
    pub fn records(&self, subject: Subject) -> &[Record] {
        match subject {
            Subject::Brand => std::slice::from_ref(&self.brand),
            Subject::Product => &self.products,
            Subject::Segment => &self.segments,
        }
    }

    /// Every fact with the place where it stands, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (FactPath, &Fact)> {
        let items = self.products.iter().enumerate();
        let items = items.chain(self.segments.iter().enumerate());
        let of_items = items.flat_map(|(item, record)| record.paths(Some(item)));
        self.brand.paths(None).chain(of_items)
    }
}

impl fmt::Display for FactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.field.spec().path;
        match (self.item, path.rsplit_once('.')) {
            (Some(item), Some((list, name))) => write!(f, "{list}.{item}.{name}")?,
            _ => f.write_str(path)?,
        }
        match self.place {
            Some(place) => write!(f, ".{place}"),
            None => Ok(()),
        }
    }
}

/// The place of a field inside its section, or inside its item.
fn place_of(field: Field) -> impl Iterator<Item = &'static str> + Clone {
    let skip = match field.spec().subject {
        Subject::Brand | Subject::Product => 1,
        Subject::Segment => 2,
    };
    field.spec().path.split('.').skip(skip)
}

/// The fields of a subject in a section.
fn fields_of(section: &str, subject: Subject) -> impl Iterator<Item = Field> + '_ {
    let all = Field::ALL.iter().copied();
    all.filter(move |field| field.section() == section && field.spec().subject == subject)
}

/// One section, or one item, as the file has it: what is not known is `null`, or an empty list.
fn written(
    record: &Record,
    section: &str,
    subject: Subject,
) -> serde_json::Result<Map<String, Value>> {
    let mut object = Map::new();
    for field in fields_of(section, subject) {
        let facts = record.all(field);
        let value = match field.spec().many {
            true => serde_json::to_value(facts)?,
            false => serde_json::to_value(facts.first())?,
        };
        let mut at = &mut object;
        let mut names = place_of(field).peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                at.insert(name.to_owned(), value);
                break;
            }
            let inner = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { break };
            at = inner;
        }
    }
    Ok(object)
}

/// Reads one section, or one item. What is absent is not known.
fn read(
    object: &mut Value,
    section: &str,
    subject: Subject,
    record: &mut Record,
) -> serde_json::Result<()> {
    for field in fields_of(section, subject) {
        let place = place_of(field).try_fold(&mut *object, |at, name| at.get_mut(name));
        let facts: Vec<Fact> = match place.map(Value::take) {
            None | Some(Value::Null) => continue,
            Some(list @ Value::Array(_)) => serde_json::from_value(list)?,
            Some(fact) => vec![serde_json::from_value(fact)?],
        };
        let mut facts: Vec<Fact> = facts
            .into_iter()
            .filter(|fact| !fact.value.is_empty())
            .collect();
        if !field.spec().many {
            facts.truncate(1);
        }
        record.set(field, facts);
    }
    Ok(())
}

fn read_items(list: Value, section: &str, subject: Subject) -> serde_json::Result<Vec<Record>> {
    let Value::Array(items) = list else {
        return Ok(Vec::new());
    };
    let mut records = Vec::new();
    for mut item in items {
        let mut record = Record::default();
        read(&mut item, section, subject, &mut record)?;
        if !record.is_empty() {
            records.push(record);
        }
    }
    Ok(records)
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = serde::ser::Error::custom;
        let items = |records: &[Record], section, subject| {
            let items = records
                .iter()
                .map(|record| written(record, section, subject));
            items.collect::<Result<Vec<_>, _>>()
        };
        let mut map = serializer.serialize_map(Some(SECTIONS.len()))?;
        for (section, _) in SECTIONS {
            if section == "products" {
                let products = items(&self.products, section, Subject::Product).map_err(failed)?;
                map.serialize_entry(section, &products)?;
                continue;
            }
            let mut object = Map::new();
            if section == "customers" {
                let segments = items(&self.segments, section, Subject::Segment).map_err(failed)?;
                object.insert("segments".to_owned(), segments.into());
            }
            object.extend(written(&self.brand, section, Subject::Brand).map_err(failed)?);
            map.serialize_entry(section, &object)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FactsVisitor)
    }
}

struct FactsVisitor;

impl<'de> Visitor<'de> for FactsVisitor {
    type Value = Facts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sections of a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
        let mut facts = Facts::default();
        while let Some(section) = map.next_key::<String>()? {
            if !SECTIONS.iter().any(|(known, _)| *known == section) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let mut value: Value = map.next_value()?;
            let done = match section.as_str() {
                "products" => read_items(value, &section, Subject::Product)
                    .map(|products| facts.products = products),
                _ => read(&mut value, &section, Subject::Brand, &mut facts.brand).and_then(|()| {
                    let segments = value
                        .get_mut("segments")
                        .map(Value::take)
                        .unwrap_or_default();
                    let mut read = read_items(segments, &section, Subject::Segment)?;
                    facts.segments.append(&mut read);
                    Ok(())
                }),
            };
            done.map_err(|error| A::Error::custom(format!("{section}: {error}")))?;
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(value: &str) -> Fact {
        Fact {
            value: value.to_owned(),
            ..Fact::default()
        }
    }

    /// A fact in every field, two where it holds several, of two products and two segments.
    fn everything() -> Facts {
        let mut facts = Facts::default();
        for field in Field::ALL {
            let values = ["one", "two"].map(fact);
            let values = values
                .into_iter()
                .take(if field.spec().many { 2 } else { 1 });
            let records = match field.spec().subject {
                Subject::Brand => std::slice::from_mut(&mut facts.brand),
                Subject::Product => {
                    facts.products.resize_with(2, Record::default);
                    &mut facts.products[..]
                }
                Subject::Segment => {
                    facts.segments.resize_with(2, Record::default);
                    &mut facts.segments[..]
                }
            };
            for record in records {
                record.set(*field, values.clone());
            }
        }
        facts
    }

    #[test]
    fn what_is_written_is_read_and_stands_where_its_path_says() {
        let facts = everything();
        let json = serde_json::to_value(&facts).unwrap();
        for (path, fact) in facts.iter() {
            let pointer = format!("/{}", path.to_string().replace('.', "/"));
            assert_eq!(
                json.pointer(&pointer),
                Some(&serde_json::to_value(fact).unwrap()),
                "{path}"
            );
            assert_eq!(Field::of_path(&path.to_string()), Some(path.field));
        }
        assert_eq!(serde_json::from_value::<Facts>(json).unwrap(), facts);
    }

    #[test]
    fn what_is_not_known_is_null_or_an_empty_list() {
        let json = serde_json::to_value(Facts::default()).unwrap();
        assert_eq!(json["identity"]["contact"]["phone"], Value::Null);
        assert_eq!(json["relationships"]["competitors"], serde_json::json!([]));
        assert_eq!(json["products"], serde_json::json!([]));
        assert_eq!(json["customers"]["segments"], serde_json::json!([]));
        assert_eq!(
            serde_json::from_str::<Facts>("{}").unwrap(),
            Facts::default()
        );
    }
}
