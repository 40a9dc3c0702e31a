//! The merging of equal statements into one fact with several citations; two values of a single-valued field become a
//! contradiction.

use std::collections::BTreeMap;

use super::{
    contradictions::{self, is_same},
    evidence::Evidence,
    extraction::Statement,
    numbers,
};
use crate::{
    report::{
        Contradiction, Fact, FactPath, Field, Record, Status,
        fields::{Subject, ValueKind},
    },
    text,
};

/// Citations that a fact keeps.
const MOST_CITATIONS: usize = 3;

/// Puts together what was said.
pub(super) struct Merging<'a> {
    evidence: &'a Evidence,
    brand: &'a str,
    others: &'a [String],
    contradictions: Vec<Contradiction>,
}

/// What was said of one product or segment, under all names that it was given.
struct MergedItem {
    names: Vec<String>,
    statements: Vec<Statement>,
}

impl<'a> Merging<'a> {
    /// Nothing is put together yet. `others` are the folded names of other companies that play a part.
    pub fn new(evidence: &'a Evidence, brand: &'a str, others: &'a [String]) -> Self {
        Self {
            evidence,
            brand,
            others,
            contradictions: Vec::new(),
        }
    }

    /// The contradictions that were found.
    pub fn into_contradictions(self) -> Vec<Contradiction> {
        self.contradictions
    }

    /// Products or segments, each with what was said of it. `kind` tells when two names are one.
    pub fn items(&mut self, statements: Vec<Statement>, kind: ValueKind) -> Vec<Record> {
        let mut items: Vec<MergedItem> = Vec::new();
        for statement in statements {
            let names = names_in(&statement, self.brand);
            if names.is_empty() {
                continue;
            }
            let known = items.iter_mut().find(|item| {
                let is_same =
                    |known: &String, name: &String| is_same(kind, known, name, self.brand);
                let pairs = || {
                    let known = item.names.iter();
                    known.flat_map(|known| names.iter().map(move |name| (known, name)))
                };
                // A name without a figure is like those of every size; two sizes are two products.
                let is_another_size =
                    |(known, name)| !is_same(known, name) && differ_in_figures(known, name);
                pairs().any(|(known, name)| is_same(known, name)) && !pairs().any(is_another_size)
            });
            match known {
                Some(item) => {
                    item.names.extend(names);
                    item.statements.push(statement);
                }
                None => items.push(MergedItem {
                    names,
                    statements: vec![statement],
                }),
            }
        }
        let named = items.into_iter().map(|item| self.with_name(item));
        let named: Vec<MergedItem> = named.collect();
        let records = named
            .into_iter()
            .enumerate()
            .map(|(number, item)| self.record(item.statements, Some(number)));
        records.collect()
    }

    /// An item of which only other things are claimed gets its name from where these were read.
    fn with_name(&self, mut item: MergedItem) -> MergedItem {
        if item.statements.iter().any(|said| is_name(said.field)) {
            return item;
        }
        let (Some(said), Some(name)) = (item.statements.first(), item.names.first()) else {
            return item;
        };
        let field = match said.field.spec().subject {
            Subject::Segment => Field::SegmentWho,
            _ if name.is_ascii() => Field::ProductNameEn,
            _ => Field::ProductNameFa,
        };
        let read_in = item
            .statements
            .iter()
            .find(|said| self.evidence.reads(name, &said.fact))
            .unwrap_or(said);
        let mut fact = Fact {
            value: name.clone(),
            status: Status::Supported,
            as_of: None,
            evidence: read_in.fact.evidence.clone(),
        };
        self.evidence.judge(field, &mut fact, self.others);
        let of = name.clone();
        item.statements.insert(0, Statement { field, of, fact });
        item
    }

    /// The facts of one subject.
    pub fn record(&mut self, statements: Vec<Statement>, item: Option<usize>) -> Record {
        let mut by_field: BTreeMap<Field, Vec<Fact>> = BTreeMap::new();
        for Statement { field, fact, .. } in statements {
            let values = by_field.entry(field).or_default();
            let kind = field.spec().kind;
            let same = values
                .iter_mut()
                .find(|known| is_same(kind, &known.value, &fact.value, self.brand));
            match same {
                Some(known) => self.merge(known, fact),
                None => values.push(fact),
            }
        }
        let mut record = Record::default();
        for (field, values) in by_field {
            let kept = match field.spec().many {
                true => values,
                false => self.choose(field, item, values).into_iter().collect(),
            };
            record.set(field, kept);
        }
        record
    }

    /// Takes another claim of the same value into a fact. The better of the two leads.
    fn merge(&self, known: &mut Fact, mut other: Fact) {
        if rank(other.status) < rank(known.status) {
            std::mem::swap(known, &mut other);
        }
        if known.as_of.is_none() && rank(other.status) == rank(known.status) {
            known.as_of = other.as_of.take();
        }
        for citation in other.evidence {
            let repeats = known
                .evidence
                .iter()
                .any(|kept| kept.source == citation.source);
            let says_it = || {
                let said = Fact {
                    evidence: vec![citation.clone()],
                    ..Fact::default()
                };
                self.evidence.reads(&known.value, &said)
            };
            if known.evidence.len() < MOST_CITATIONS && !repeats && says_it() {
                known.evidence.push(citation);
            }
        }
    }

    /// The value of a field that holds one, out of several that differ. Those that stand against it are contradictions,
    /// where both cannot be true.
    fn choose(&mut self, field: Field, item: Option<usize>, mut values: Vec<Fact>) -> Option<Fact> {
        values.sort_by_key(|fact| rank(fact.status));
        let mut values = values.into_iter();
        let mut chosen = values.next()?;
        if !field.spec().kind.is_exclusive() || chosen.status != Status::Supported {
            return Some(chosen);
        }
        let mut rivals = Vec::new();
        for mut rival in values.filter(|fact| fact.status == Status::Supported) {
            contradictions::settle(&mut chosen, &mut rival, self.evidence);
            rivals.push(rival);
        }
        if rivals.is_empty() {
            return Some(chosen);
        }
        chosen.status = Status::Conflicted;
        let path = FactPath {
            field,
            item,
            place: None,
        };
        for mut second in rivals {
            // The reason is that of the pair as it is shown, whichever pair brought the chosen value to the front.
            let reason =
                contradictions::settle(&mut chosen.clone(), &mut second.clone(), self.evidence);
            second.status = Status::Conflicted;
            self.contradictions.push(Contradiction {
                about: path.to_string(),
                first: chosen.clone(),
                second,
                reason,
            });
        }
        Some(chosen)
    }
}

/// Whether both names have figures, and not the same.
fn differ_in_figures(one: &str, other: &str) -> bool {
    let (one, other) = (numbers::read(one).figures, numbers::read(other).figures);
    let same = one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.same(*b));
    !one.is_empty() && !other.is_empty() && !same
}

/// Lower is better.
fn rank(status: Status) -> u8 {
    match status {
        Status::Supported | Status::Conflicted => 0,
        Status::Outdated => 1,
        Status::Inferred => 2,
        Status::Unverified => 3,
    }
}

/// Whether a field holds the name of a product or segment.
pub(super) fn is_name(field: Field) -> bool {
    matches!(
        field,
        Field::ProductNameFa | Field::ProductNameEn | Field::SegmentWho
    )
}

/// Names of the product or segment that a statement is about. Some models put the brand where the product is due; beside a
/// name that says nothing, and would make one product of all.
fn names_in(statement: &Statement, brand: &str) -> Vec<String> {
    let own = is_name(statement.field).then_some(&statement.fact.value);
    let of = Some(&statement.of).filter(|of| own.is_none() || text::key(of) != text::key(brand));
    let names = [of, own].into_iter().flatten();
    let names = names.filter(|name| !name.trim().is_empty());
    names.map(|name| text::clean(name)).collect()
}
