//! The simulated language model: it reads its prompt, finds sentences that it knows, and answers in any schema. It
//! knows nothing of the simulated web but what its prompt contains.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value, json};

use super::world::World;

/// First messages that came before: a provider bills them at less.
#[derive(Debug, Default)]
pub(super) struct PromptCache(Mutex<HashSet<String>>);

impl PromptCache {
    pub(super) fn tokens_seen_before(&self, prompt: &str) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(prompt.to_owned()) {
            0
        } else {
            tokens(prompt)
        }
    }
}

/// About as many tokens as real tokenisers make of Persian and JSON.
pub(super) fn tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(3)
}

/// What the model says that a source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The field of the report, without the numbers of list items: `identity.founding_year`.
    pub field: &'static str,
    /// The product that it is about; empty for the brand itself.
    pub of: String,
    /// The value of the field.
    pub value: String,
    /// The id of the source, as the prompt gives it.
    pub source: String,
    /// The passage that says it.
    pub quote: String,
    /// The day that the source speaks of.
    pub as_of: Option<String>,
}

/// What stands before and after a value in a sentence; `@` is the brand's name.
const CUES: [(&str, &str, &str); 14] = [
    ("identity.name_fa", "شرکت ", " در سال "),
    ("identity.founding_year", "شرکت @ در سال ", " در "),
    ("identity.headquarters", " در سال * در ", " تأسیس شد"),
    ("identity.chief_executive", "مدیرعامل @ ", " است"),
    ("identity.legal_name", "نام ثبتی آن ", " است"),
    ("identity.employees", "@ ", " کارمند دارد"),
    ("relationships.parent", "مالک @ ", " است"),
    ("relationships.competitors", "", " رقیب @ است"),
    (
        "relationships.complementary_brands",
        "",
        " همکار مکمل @ است",
    ),
    ("categorisation.industry.fa", "@ در صنعت ", " فعالیت می‌کند"),
    (
        "categorisation.distribution_channels",
        "@ در ",
        " فروخته می‌شود",
    ),
    ("customers.segments.who", "مشتریان @ بیشتر ", " هستند"),
    ("customers.praise", "مشتریان از ", " راضی هستند"),
    ("customers.complaints", "مشتریان از ", " شکایت دارند"),
];

/// Answers a prompt in a schema.
pub(super) fn answer(world: &dyn World, schema: &Value, messages: &[&str]) -> Value {
    let prompt = messages.get(1).copied().unwrap_or_default();
    let mut model = Model::new(prompt);
    world.read(prompt, &mut model);
    let mut answer = model.fill(schema, "");
    world.distort(&model, &mut answer);
    answer
}

/// The simulated model while it answers one prompt.
#[derive(Debug)]
pub struct Model {
    /// The brand that the prompt is about.
    pub brand: String,
    /// What it claims, in the order of its answer.
    pub claims: Vec<Claim>,
    /// Facts that the prompt lists: path and value.
    pub facts: Vec<(String, String)>,
    /// Partners that it recommends: the path of the fact that each rests on, and the name.
    pub partners: Vec<(String, String)>,
    occasions: Vec<String>,
    languages: [bool; 2],
}

impl Model {
    /// Reads what the prompt says of the brand and of the answer that is asked for.
    fn new(prompt: &str) -> Self {
        let after = |cue: &str| {
            prompt
                .lines()
                .find_map(|line| line.strip_prefix(cue))
                .unwrap_or_default()
                .trim()
        };
        let brand = after("Brand as the client's list gives it:").to_owned();
        let languages = after("Languages asked for:");
        let facts: Vec<_> = prompt.lines().filter_map(listed_fact).collect();
        let partners = facts
            .iter()
            .filter(|(path, _)| path.contains("complementary_brands"));
        Self {
            claims: Vec::new(),
            partners: partners.cloned().collect(),
            facts,
            occasions: prompt
                .lines()
                .filter(|line| !line.contains("(too late to book)"))
                .filter_map(|line| Some(line.strip_prefix("- ")?.split_once(' ')?.0.to_owned()))
                .collect(),
            languages: [languages.contains("fa"), languages.contains("en")],
            brand,
        }
    }

    /// Claims something, unless the same was claimed before.
    pub fn claim(&mut self, claim: Claim) {
        let repeats = |known: &Claim| {
            known.field == claim.field && known.of == claim.of && known.value == claim.value
        };
        if !self.claims.iter().any(repeats) {
            self.claims.push(claim);
        }
    }

    /// Claims what the sentences of the built-in world say.
    pub(super) fn read_sentences(&mut self, prompt: &str) {
        let mut source = "";
        for line in prompt.lines() {
            if let Some(id) = line.strip_prefix("<source id=\"") {
                source = id.split('"').next().unwrap_or_default();
            }
            for sentence in line.split_inclusive(['.', '؟', '!']) {
                self.read_sentence(sentence.trim(), source);
            }
        }
    }

    fn read_sentence(&mut self, sentence: &str, source: &str) {
        let quote = sentence.trim_end_matches('.');
        let claim = |field, value: &str| Claim {
            field,
            value: value.into(),
            source: source.into(),
            quote: quote.into(),
            ..Claim::default()
        };
        for (path, before, after) in CUES {
            let (before, after) = (
                before.replace('@', &self.brand),
                after.replace('@', &self.brand),
            );
            if let Some(value) = between(quote, &before, &after) {
                self.claim(claim(path, value));
            }
        }
        let product = between(quote, "", &format!(" از محصولات {} است", self.brand));
        if let (Some(name), Some(price)) = (product, between(quote, "و قیمت آن ", " است"))
        {
            // A claim that names its product in `of` is enough for the product's name.
            self.claim(Claim {
                of: name.into(),
                ..claim("products.price", price)
            });
        }
    }

    fn fill(&mut self, schema: &Value, path: &str) -> Value {
        match schema["type"].as_str() {
            Some("object") => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                let below = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                let filled: Map<String, Value> = properties
                    .map(|(name, inner)| (name.clone(), self.fill(inner, &below(name))))
                    .collect();
                Value::Object(filled)
            }
            Some("array") => Value::Array(self.list(&schema["items"], path)),
            Some("string") => self.text(schema, path),
            Some("integer" | "number") => json!(0),
            Some("boolean") => json!(false),
            _ => Value::Null,
        }
    }

    fn list(&mut self, items: &Value, path: &str) -> Vec<Value> {
        match path {
            "claims" => {
                let fields = &items["properties"]["field"]["enum"];
                let claims = self.claims.iter();
                claims.map(|claim| claim_in(fields, claim)).collect()
            }
            "opportunities" => self
                .partners
                .clone()
                .into_iter()
                .map(|(path, partner)| {
                    let mut opportunity = self.fill(items, "opportunities");
                    opportunity["concept"] = self.bilingual(
                        &format!("بستهٔ مشترک {} و {partner} (شبیه‌سازی)", self.brand),
                        &format!("A joint offer of {} and {partner} (simulated)", self.brand),
                    );
                    opportunity["partner"] = json!(partner);
                    opportunity["rests_on"] = json!([path]);
                    let occasion = self.occasions.get(1).map_or("none", String::as_str);
                    opportunity["timing"] = json!(occasion);
                    opportunity
                })
                .collect(),
            "campaign_timing" => {
                let occasions: Vec<String> = self.occasions.iter().skip(1).take(3).cloned().collect();
                let why = self.grounded("segments.0.who", "{} در این روزها بیشتر خرید می‌کنند", "{} buy more in these days");
                let why = why.or_else(|| self.grounded("products.0", "{} هدیهٔ این روزهاست", "{} is a gift of these days"));
                let timing = |occasion| {
                    let mut timing = why.clone()?;
                    timing["why"] = timing["text"].take();
                    timing["occasion"] = json!(occasion);
                    Some(timing)
                };
                occasions.into_iter().filter_map(timing).collect()
            }
            "executive_summary" => self.every(&[
                ("industry.fa", "{brand} در صنعت {} کار می‌کند", "{brand} works in {}"),
                ("relationships.parent", "مالک آن {} است", "It is owned by {}"),
                ("competitors", "رقیب نزدیک آن {} است", "Its nearest competitor is {}"),
                ("praise", "نخستین کار تکیه بر {} است که مشتریان می‌پسندند", "First of all, build on {}, which customers praise"),
            ]),
            "competitive_strategy" => self.every(&[
                ("competitors", "در برابر {} بر آنچه مشتریان {brand} می‌پسندند تکیه کنید", "Against {}, build on what customers of {brand} praise"),
            ]),
            "creative_direction" => self.every(&[
                ("praise", "{} را در تصویرها نشان دهید", "Show {} in the pictures"),
                ("products.0", "{} قهرمان تصویرها باشد", "Let {} be the hero of the pictures"),
            ]),
            "success_metrics" => self.every(&[
                ("products.0", "رشد جست‌وجوی {}", "Growth of searches for {}"),
            ]),
            "channels" => [("television", 40), ("instagram", 35), ("outdoor", 25)]
                .iter()
                .map(|(medium, share)| {
                    let why = self.grounded("segments.0.who", "برای رسیدن به {}", "To reach {}");
                    let mut channel = why.unwrap_or_else(|| json!({"text": self.bilingual("(شبیه‌سازی)", "(simulated)"), "rests_on": []}));
                    channel["why"] = channel["text"].take();
                    channel["medium"] = json!(medium);
                    channel["share"] = json!(share);
                    channel
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn text(&self, schema: &Value, path: &str) -> Value {
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        let (stem, lang) = path.rsplit_once('.').unwrap_or((path, ""));
        let stem = stem.rsplit('.').next().unwrap_or_default();
        let fa = match stem {
            "audience" => "مخاطب مشترک دو برند (شبیه‌سازی)",
            "budget_basis" => "پس از گرفتن تعرفهٔ رسانه برآورد می‌شود (شبیه‌سازی)",
            _ => "به نکته‌های همین گزارش تکیه دارد (شبیه‌سازی).",
        };
        let en = match stem {
            "audience" => "The audience that both brands share (simulated)",
            "budget_basis" => "To be estimated from the media's rate card (simulated)",
            _ => "Rests on the facts of this report (simulated).",
        };
        match lang {
            "fa" if self.languages[0] => json!(fa),
            "en" if self.languages[1] => json!(en),
            _ => json!(""),
        }
    }

    /// A line for each of these fields that has a fact: the field, and the line in Persian and in English.
    fn every(&self, lines: &[(&str, &str, &str)]) -> Vec<Value> {
        let line = |(field, fa, en): &(&str, &str, &str)| self.grounded(field, fa, en);
        lines.iter().filter_map(line).collect()
    }

    /// Advice that names a fact of a field; `{}` is its value.
    fn grounded(&self, field: &str, fa: &str, en: &str) -> Option<Value> {
        let (path, value) = self.facts.iter().find(|(path, _)| path.contains(field))?;
        let filled = |line: &str| line.replace("{}", value).replace("{brand}", &self.brand);
        let fa = format!("{} (شبیه‌سازی).", filled(fa));
        let en = format!("{} (simulated).", filled(en));
        Some(json!({"text": self.bilingual(&fa, &en), "rests_on": [path]}))
    }

    fn bilingual(&self, fa: &str, en: &str) -> Value {
        let languages = [("fa", fa, self.languages[0]), ("en", en, self.languages[1])];
        let asked = languages.into_iter().filter(|(.., asked)| *asked);
        asked
            .map(|(code, text, _)| (code.to_owned(), json!(text)))
            .collect::<Map<String, Value>>()
            .into()
    }
}

/// A claim; its field is called as the schema calls it: by the path, or by the end of it.
fn claim_in(fields: &Value, claim: &Claim) -> Value {
    let path = claim.field;
    let known = |name: &&str| {
        let mut fields = fields.as_array().into_iter().flatten();
        fields.any(|field| field == name)
    };
    let ends = path.match_indices('.').map(|(at, _)| &path[at + 1..]);
    let field = std::iter::once(path).chain(ends).find(known);
    json!({
        "field": field.unwrap_or(path), "of": claim.of, "value": claim.value, "source": claim.source,
        "quote": claim.quote, "as_of": claim.as_of.as_deref().unwrap_or_default(), "concluded": false,
    })
}

/// `relationships.competitors.0 (supported): میهن`
fn listed_fact(line: &str) -> Option<(String, String)> {
    let (head, value) = line.split_once("): ")?;
    let (path, _) = head.split_once(" (")?;
    (path.contains('.') && path.is_ascii()).then(|| (path.to_owned(), value.to_owned()))
}

/// What stands between two cues; `*` in the first stands for one word.
fn between<'a>(sentence: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = match before.split_once('*') {
        None => &sentence[sentence.find(before)? + before.len()..],
        Some((head, tail)) => {
            let rest = &sentence[sentence.find(head)? + head.len()..];
            let rest = &rest[rest.find(' ')?..];
            rest.strip_prefix(tail)?
        }
    };
    let value = rest[..rest.find(after)?].trim();
    (!value.is_empty() && value.chars().count() < 60).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_cues_is_read() {
        let sentence = "شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد";
        assert_eq!(between(sentence, "شرکت کاله در سال ", " در "), Some("۱۳۷۰"));
        assert_eq!(between(sentence, " در سال * در ", " تأسیس شد"), Some("آمل"));
        assert_eq!(between(sentence, "مدیرعامل ", " است"), None);
    }
}
