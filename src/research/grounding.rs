//! The grounding of recommendations: each names facts of the report, says something about them, and adds no figure,
//! name or address that no fact has.

use super::{
    numbers::{self, Figure},
    persian_style, relationships,
};
use crate::{
    report::{Bilingual, Facts, Field, Status, fields::Role},
    text::{self, lang::Lang},
};

/// Numbers up to this are counts of things that are planned, not figures that were found.
const SMALL: f64 = 12.0;

/// A fact that recommendations may rest on.
struct Ground {
    field: Field,
    path: String,
    value: String,
    words: String,
}

/// The facts of a report.
pub struct Grounds {
    facts: Vec<Ground>,
    figures: Vec<Figure>,
    /// All values, folded.
    words: String,
    brand: String,
    lang: Lang,
    /// Recommendations that were taken out.
    pub taken_out: usize,
    /// Whether anything is held against the facts at all.
    pub strict: bool,
}

impl Grounds {
    /// The facts that can be relied on.
    pub fn new(brand: &str, facts: &Facts, lang: Lang) -> Self {
        let mut grounds = Self {
            facts: Vec::new(),
            figures: Vec::new(),
            words: text::words(brand),
            brand: text::words(brand),
            lang,
            taken_out: 0,
            strict: true,
        };
        for (path, fact) in facts.iter() {
            if fact.status == Status::Unverified {
                continue;
            }
            let words = text::words(&fact.value);
            grounds.figures.extend(numbers::read(&fact.value).figures);
            grounds.words.push_str(&words);
            grounds.facts.push(Ground {
                field: path.field,
                path: path.to_string(),
                value: fact.value.clone(),
                words,
            });
        }
        grounds
    }

    /// Keeps the paths that lead to facts.
    pub fn known(&self, rests_on: &mut Vec<String>) {
        rests_on.retain(|path| self.facts.iter().any(|fact| fact.path == *path));
    }

    /// Whether a fact that makes partners names this company, and none names it as a rival.
    pub fn is_partner(&self, partner: &str) -> bool {
        let words = text::words(partner);
        let names = |fact: &&Ground| {
            fact.field.spec().relation.is_some()
                && !words.trim().is_empty()
                && fact.words.contains(&words)
        };
        let mut facts = self.facts.iter().filter(names).peekable();
        facts.peek().is_some() && facts.all(|fact| fact.field.spec().role != Some(Role::Rival))
    }

    /// Whether a sum of money has a basis among the facts that it rests on.
    pub fn has_sum(&self, rests_on: &[String]) -> bool {
        let money = |fact: &Ground| {
            let figures = numbers::read(&fact.value).figures;
            figures
                .iter()
                .any(|figure| matches!(figure, Figure::Rial(_)))
        };
        self.facts
            .iter()
            .any(|fact| rests_on.contains(&fact.path) && money(fact))
    }

    /// Keeps what may be said in each language that was asked for. Returns whether anything is left, and counts what is
    /// not.
    pub fn hold(&mut self, text: &mut Bilingual, rests_on: &[String], telling: bool) -> bool {
        let had = !text.is_empty();
        let fa = text.fa.take().filter(|_| self.lang.persian());
        let en = text.en.take().filter(|_| self.lang.english());
        text.fa = fa.map(|fa| persian_style::polish(&fa)).filter(|fa| {
            persian_style::faults(fa, &self.latin_names()).is_empty()
                && self.may_be_said(fa, rests_on, telling)
        });
        text.en = en.filter(|en| !en.trim().is_empty() && self.may_be_said(en, rests_on, telling));
        let left = !text.is_empty();
        self.taken_out += usize::from(had && !left);
        left
    }

    fn latin_names(&self) -> Vec<&str> {
        let values = self.facts.iter().map(|fact| fact.value.as_str());
        values
            .filter(|value| value.bytes().any(|b| b.is_ascii_alphabetic()))
            .collect()
    }

    fn may_be_said(&self, text: &str, rests_on: &[String], telling: bool) -> bool {
        if !self.strict {
            return true;
        }
        let words = text::words(text);
        !self.has_foreign_address(text)
            && self.has_no_new_figure(text)
            && self.has_no_new_name(text)
            && self.keeps_roles(&words)
            && (!telling || self.tells(&words, rests_on))
    }

    /// Addresses and handles that no fact has.
    fn has_foreign_address(&self, text: &str) -> bool {
        text.split_whitespace().any(|word| {
            let word = word.trim_matches(|c: char| c.is_ascii_punctuation() || "،؛«»".contains(c));
            let dotted = word.split_once('.').is_some_and(|(a, b)| {
                a.bytes().any(|c| c.is_ascii_alphabetic())
                    && b.bytes().any(|c| c.is_ascii_alphabetic())
            });
            let address = word.contains("://") || word.contains('@') || dotted;
            address && !self.words.contains(&text::words(word))
        })
    }

    fn has_no_new_figure(&self, text: &str) -> bool {
        numbers::read(text).figures.iter().all(|figure| {
            let small = matches!(figure, Figure::Number(n) if *n <= SMALL);
            small || self.figures.iter().any(|known| known.same(*figure))
        })
    }

    /// What stands in quotation marks is a name, and names come from facts.
    fn has_no_new_name(&self, text: &str) -> bool {
        let quoted = text
            .split('«')
            .skip(1)
            .filter_map(|rest| rest.split_once('»'));
        quoted
            .map(|(name, _)| text::words(name))
            .all(|name| self.words.contains(name.trim_end()))
    }

    /// Who says whose a brand is, or who leads it, names whom the facts name.
    fn keeps_roles(&self, words: &str) -> bool {
        let names = |roles: &[Role]| {
            let of = |fact: &&Ground| {
                let role = fact.field.spec().role;
                role.is_some_and(|role| roles.contains(&role))
            };
            self.facts
                .iter()
                .filter(of)
                .any(|fact| words.contains(fact.words.trim_end()))
        };
        let owner = !relationships::speaks_of_owner(words)
            || names(&[Role::Owner, Role::Owned, Role::Sister]);
        let chief = !relationships::speaks_of_chief(words) || names(&[Role::Chief]);
        owner && chief
    }

    /// Whether the text says something of a fact that it rests on: else it would fit any brand. Facts in another script
    /// than the text's cannot be looked for in it.
    fn tells(&self, words: &str, rests_on: &[String]) -> bool {
        let latin = |text: &str| text.bytes().any(|b| b.is_ascii_alphabetic());
        let facts: Vec<&Ground> = self
            .facts
            .iter()
            .filter(|fact| rests_on.contains(&fact.path))
            .collect();
        if facts.is_empty() {
            return false;
        }
        let same_script = facts
            .iter()
            .filter(|fact| latin(&fact.words) == latin(words));
        let mut comparable = same_script.peekable();
        if comparable.peek().is_none() {
            return true;
        }
        comparable.any(|fact| {
            let telling = fact.words.split_whitespace().filter(|word| {
                let word = format!(" {word} ");
                word.chars().count() > 4 && !self.brand.contains(&word)
            });
            let mut telling = telling.peekable();
            let nothing_else = telling.peek().is_none();
            nothing_else && words.contains(&fact.words)
                || telling.any(|word| words.contains(&format!(" {word}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Fact;

    fn grounds() -> Grounds {
        let fact = |value: &str, status| Fact {
            value: value.into(),
            status,
            as_of: None,
            evidence: Vec::new(),
        };
        let mut facts = Facts::default();
        for (field, value, status) in [
            (Field::FoundingYear, "۱۳۷۰", Status::Supported),
            (Field::Parent, "گروه سولیکو", Status::Supported),
            (Field::Competitors, "میهن", Status::Supported),
            (Field::ComplementaryBrands, "نان سحر", Status::Supported),
            (Field::Praise, "کیفیت پنیر", Status::Supported),
            (Field::Complaints, "قیمت بالا", Status::Unverified),
        ] {
            facts.brand.set(field, [fact(value, status)]);
        }
        Grounds::new("کاله", &facts, Lang::Both)
    }

    fn may(text: &str, rests_on: &str) -> bool {
        let mut text = Bilingual {
            fa: Some(text.into()),
            en: None,
        };
        let mut rests_on = vec![rests_on.to_owned()];
        let mut grounds = grounds();
        grounds.known(&mut rests_on);
        grounds.hold(&mut text, &rests_on, true)
    }

    #[test]
    fn what_follows_from_facts_stays() {
        assert!(may("بر کیفیت پنیر کاله تکیه کنید.", "customers.praise.0"));
        assert!(may("کاله از ۱۳۷۰ در بازار است.", "identity.founding_year"));
        assert!(may(
            "کاله زیرمجموعهٔ گروه سولیکو است.",
            "relationships.parent"
        ));
    }

    #[test]
    fn what_no_fact_says_goes() {
        for (text, rests_on) in [
            ("در شبکه‌های اجتماعی فعال باشید.", "customers.praise.0"),
            ("بر کیفیت پنیر تکیه کنید.", "customers.praise.7"),
            ("قیمت بالا را پایین بیاورید.", "customers.complaints.0"),
            (
                "با ۵۰۰ میلیون تومان بر کیفیت پنیر تکیه کنید.",
                "customers.praise.0",
            ),
            (
                "کیفیت پنیر را در sayeh.example ببینید.",
                "customers.praise.0",
            ),
            (
                "کاله متعلق به شرکت سایه است و پنیر دارد.",
                "customers.praise.0",
            ),
            (
                "با «سایه» دربارهٔ کیفیت پنیر همکاری کنید.",
                "customers.praise.0",
            ),
        ] {
            assert!(!may(text, rests_on), "{text}");
        }
    }

    #[test]
    fn partners_are_named_by_facts_and_are_no_rivals() {
        let grounds = grounds();
        assert!(grounds.is_partner("نان سحر"));
        assert!(!grounds.is_partner("میهن"));
        assert!(!grounds.is_partner("سایه"));
        assert!(!grounds.is_partner(""));
    }
}
