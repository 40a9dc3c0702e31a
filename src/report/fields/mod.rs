//! The field table: everything that a report can know about a brand, one row a field.
//!
//! Schema, prompt, searches, verification, pages, tables, comparison and the file format read this table. To add a field
//! is to add a row.

mod table;

pub use self::table::Field;
use self::table::TABLE;

/// Of what a field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The brand itself.
    Brand,
    /// One of its products.
    Product,
    /// One of its groups of customers.
    Segment,
}

/// What a value is, which decides when two values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A phrase that describes.
    Text,
    /// The name of the brand in one script.
    Name,
    /// The name of a product, a trademark or a certificate: another figure or variety is another one.
    Thing,
    /// A company or brand: legal forms and general words do not count.
    Company,
    /// A person: titles do not count, and a name may be given in part.
    Person,
    /// A place: one may be given more exactly than the other.
    Place,
    /// A slogan: most of its words have to be others.
    Slogan,
    /// An identifier: its letters and digits alone count.
    Code,
    /// A way to reach the brand; there may be several.
    Contact,
    /// A year in either calendar.
    Year,
    /// A count or a share.
    Number,
    /// A sum of money.
    Money,
}

impl ValueKind {
    /// Whether two values of a field that holds one contradict each other. Two phrases may both be true.
    pub fn is_exclusive(self) -> bool {
        match self {
            Self::Company
            | Self::Person
            | Self::Place
            | Self::Code
            | Self::Year
            | Self::Number
            | Self::Money => true,
            Self::Text | Self::Name | Self::Thing | Self::Slogan | Self::Contact => false,
        }
    }
}

/// What one company or person is to the brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Owner, parent company, shareholder.
    Owner,
    /// What the brand's company owns.
    Owned,
    Sister,
    Rival,
    Chief,
    /// Named beside the brand in another way.
    Neighbour,
}

/// The search that covers a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Who owns and leads it.
    Ownership,
    /// What it sells, at which price, and what customers say.
    Products,
    /// What it did lately, and how it advertises.
    News,
    /// Its trade and its rivals.
    Market,
    /// Anything that says who it is; no search is made for it alone.
    Profile,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its place in `brand_report.json`, without the numbers of products and segments.
    pub path: &'static str,
    pub subject: Subject,
    /// Whether several values may be true at once.
    pub many: bool,
    pub kind: ValueKind,
    /// What it is called above its values.
    label: [&'static str; 2],
    /// What one of its values is called, where that is another word.
    each: Option<[&'static str; 2]>,
    /// What the model is told of it; empty where its id says enough.
    pub told: &'static str,
    pub topic: Topic,
    /// Words that the search of its topic has for it; empty where others bring it along.
    pub search: &'static str,
    /// What a company or person in it is to the brand.
    pub role: Option<Role>,
    /// How tables for scripts call the relationship.
    pub relation: Option<&'static str>,
    /// Whether a new value is news.
    pub tracked: bool,
    /// What the client is asked where it is not known.
    question: Option<[&'static str; 2]>,
}

/// The sections of a report that hold facts, in their order, with their titles.
pub const SECTIONS: [(&str, [&str; 2]); 5] = [
    ("identity", ["هویت", "Identity"]),
    (
        "relationships",
        ["مالکیت و روابط", "Ownership and relationships"],
    ),
    ("categorisation", ["صنعت و بازار", "Industry and market"]),
    ("products", ["محصولات و خدمات", "Products and services"]),
    ("customers", ["مشتریان", "Customers"]),
];

impl Field {
    /// Its row in the table.
    pub const fn spec(self) -> &'static FieldSpec {
        &TABLE[self as usize]
    }

    /// What claims call it: its path, without the section where nothing else has that name.
    pub fn id(self) -> &'static str {
        let path = self.spec().path;
        match self.spec().subject {
            Subject::Product => path,
            Subject::Brand | Subject::Segment => {
                path.split_once('.').map_or(path, |(_, rest)| rest)
            }
        }
    }

    /// The section of the report that it stands in.
    pub fn section(self) -> &'static str {
        let path = self.spec().path;
        path.split_once('.').map_or(path, |(section, _)| section)
    }

    /// Its label above its values, in Persian or in English.
    pub const fn label(self, persian: bool) -> &'static str {
        self.spec().label[!persian as usize]
    }

    /// What one of its values is called, in Persian or in English.
    pub const fn each(self, persian: bool) -> &'static str {
        match self.spec().each {
            Some(each) => each[!persian as usize],
            None => self.label(persian),
        }
    }

    /// What the client is asked where it is not known, in Persian and in English.
    pub fn question(self) -> Option<[&'static str; 2]> {
        self.spec().question
    }

    /// The field of a path in a report, with or without the numbers of places in lists.
    pub fn of_path(path: &str) -> Option<Self> {
        let names = path
            .split('.')
            .filter(|part| part.parse::<usize>().is_err());
        let names: Vec<&str> = names.collect();
        let path = names.join(".");
        Self::ALL
            .iter()
            .copied()
            .find(|field| field.spec().path == path)
    }

    /// The field that a claim names: by its id or path, or by its last word where only one field has that.
    pub fn of_claim(name: &str) -> Option<Self> {
        // The sign of fields with several values is none of the name, and some models write paths as files have them.
        let name = name.trim().trim_end_matches('+').replace('/', ".");
        let name = name.to_ascii_lowercase();
        let by_id = Self::ALL.iter().find(|field| field.id() == name);
        if let Some(field) = by_id.copied().or_else(|| Self::of_path(&name)) {
            return Some(field);
        }
        let last = |path: &'static str| path.rsplit('.').next();
        let wanted = name.rsplit('.').next();
        let mut named = Self::ALL.iter().filter(|field| last(field.id()) == wanted);
        match (named.next(), named.next()) {
            (Some(field), None) => Some(*field),
            _ => None,
        }
    }

    /// Fields of one topic that its search has words for.
    pub fn searched_by(topic: Topic) -> impl Iterator<Item = &'static str> {
        let specs = Self::ALL.iter().map(|field| field.spec());
        let of_topic = specs.filter(move |spec| spec.topic == topic && !spec.search.is_empty());
        of_topic.map(|spec| spec.search)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_field_has_one_path_one_id_and_one_label_in_its_section() {
        let mut seen = HashSet::new();
        for field in Field::ALL {
            let path = field.spec().path;
            assert!(
                SECTIONS
                    .iter()
                    .any(|(section, _)| *section == field.section()),
                "{path}"
            );
            for name in [path, field.id()] {
                assert_eq!(Field::of_claim(name), Some(*field), "{name}");
            }
            assert_eq!(Field::of_path(path), Some(*field));
            for persian in [true, false] {
                assert!(
                    seen.insert((field.spec().subject as u8, field.label(persian))),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn a_claim_may_name_a_field_by_its_last_word_where_that_is_unambiguous() {
        assert_eq!(Field::of_claim("Founding_Year"), Some(Field::FoundingYear));
        assert_eq!(Field::of_claim("phone"), Some(Field::Phone));
        assert_eq!(Field::of_claim("price"), Some(Field::ProductPrice));
        assert_eq!(
            Field::of_claim("products.3.price"),
            Some(Field::ProductPrice)
        );
        assert_eq!(Field::of_claim("name_fa"), Some(Field::NameFa));
        assert_eq!(Field::of_claim("competitors+"), Some(Field::Competitors));
        assert_eq!(
            Field::of_claim("identity/founding_year"),
            Some(Field::FoundingYear)
        );
        assert_eq!(Field::of_claim("favourite_colour"), None);
    }
}
