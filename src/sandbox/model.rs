//! The simulated language model: it reads the prompt that it was sent, finds sentences that it knows, and answers in
//! whatever schema was asked for. It knows nothing of the simulated web but what stands in the prompt.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value, json};

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

/// A statement that was found in the prompt.
#[derive(Clone, Debug)]
struct Said {
    value: String,
    source: String,
    quote: String,
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
pub(super) fn answer(schema: &Value, messages: &[&str]) -> Value {
    let prompt = messages.get(1).copied().unwrap_or_default();
    let mut model = Model::read(prompt);
    model.fill(schema, "")
}

struct Model {
    brand: String,
    said: Vec<(&'static str, Said)>,
    products: Vec<(Said, Said)>,
    /// Facts that the prompt lists: path and value.
    facts: Vec<(String, String)>,
    occasions: Vec<String>,
    languages: [bool; 2],
}

impl Model {
    fn read(prompt: &str) -> Self {
        let after = |cue: &str| {
            prompt
                .lines()
                .find_map(|line| line.strip_prefix(cue))
                .unwrap_or_default()
                .trim()
        };
        let brand = after("Brand as the client's list gives it:").to_owned();
        let languages = after("Languages asked for:");
        let mut model = Self {
            said: Vec::new(),
            products: Vec::new(),
            facts: prompt.lines().filter_map(listed_fact).collect(),
            occasions: prompt
                .lines()
                .filter_map(|line| Some(line.strip_prefix("- ")?.split_once(' ')?.0.to_owned()))
                .collect(),
            languages: [languages.contains("fa"), languages.contains("en")],
            brand,
        };
        let mut source = "";
        for line in prompt.lines() {
            if let Some(id) = line.strip_prefix("<source id=\"") {
                source = id.split('"').next().unwrap_or_default();
            }
            for sentence in line.split_inclusive(['.', '؟', '!']) {
                model.read_sentence(sentence.trim(), source);
            }
        }
        model
    }

    fn read_sentence(&mut self, sentence: &str, source: &str) {
        let quote = sentence.trim_end_matches('.');
        let said = |value: &str| Said {
            value: value.into(),
            source: source.into(),
            quote: quote.into(),
        };
        for (path, before, after) in CUES {
            let (before, after) = (
                before.replace('@', &self.brand),
                after.replace('@', &self.brand),
            );
            if let Some(value) = between(quote, &before, &after) {
                self.said.push((path, said(value)));
            }
        }
        let product = between(quote, "", &format!(" از محصولات {} است", self.brand));
        if let (Some(name), Some(price)) = (product, between(quote, "و قیمت آن ", " است"))
        {
            self.products.push((said(name), said(price)));
        }
    }

    fn fill(&mut self, schema: &Value, path: &str) -> Value {
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if is_fact(schema) {
            let found = self.find(path).into_iter().next();
            return match found {
                Some(said) => fact(&said),
                None if kinds.contains(&"null") => Value::Null,
                None => fact(&Said {
                    value: String::new(),
                    source: String::new(),
                    quote: String::new(),
                }),
            };
        }
        match kinds.first() {
            Some(&"object") => {
                let properties = schema["properties"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                let below = |name: &str| {
                    if path.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{path}.{name}")
                    }
                };
                let filled: Map<String, Value> = properties
                    .iter()
                    .map(|(name, inner)| (name.clone(), self.fill(inner, &below(name))))
                    .collect();
                Value::Object(filled)
            }
            Some(&"array") => Value::Array(self.list(&schema["items"], path)),
            Some(&"string") => self.text(schema, &kinds, path),
            Some(&"integer" | &"number") if kinds.contains(&"null") => Value::Null,
            Some(&"integer" | &"number") => json!(0),
            Some(&"boolean") => json!(false),
            _ => Value::Null,
        }
    }

    fn list(&mut self, items: &Value, path: &str) -> Vec<Value> {
        if is_fact(items) {
            return self.find(path).iter().map(fact).collect();
        }
        match path {
            "products" => {
                let products = std::mem::take(&mut self.products);
                let mut filled = Vec::new();
                for (name, price) in products {
                    let mut product = self.fill(items, "products");
                    product["name_fa"] = fact(&name);
                    product["price"] = fact(&price);
                    filled.push(product);
                }
                filled
            }
            "customers.segments" => {
                let segments = self.find("customers.segments.who");
                segments
                    .iter()
                    .map(|who| {
                        let mut segment = self.fill(items, path);
                        segment["who"] = fact(who);
                        segment
                    })
                    .collect()
            }
            "contradictions" => self.contradictions(),
            "opportunities" => self
                .partners()
                .into_iter()
                .map(|(path, partner)| {
                    let mut opportunity = self.fill(items, "opportunities");
                    opportunity["partner"] = json!(partner);
                    opportunity["rests_on"] = json!([path]);
                    opportunity["timing"] = json!(self.occasions.get(1));
                    opportunity
                })
                .collect(),
            "campaign_timing" => self
                .occasions
                .clone()
                .into_iter()
                .skip(1)
                .take(3)
                .map(|occasion| {
                    let mut timing = self.fill(items, "campaign_timing");
                    timing["occasion"] = json!(occasion);
                    timing["rests_on"] = json!(
                        self.facts
                            .first()
                            .map(|(path, _)| vec![path])
                            .unwrap_or_default()
                    );
                    timing
                })
                .collect(),
            "competitive_strategy" | "creative_direction" => {
                let mut advice = self.fill(items, path);
                let rests_on: Vec<&String> = self
                    .facts
                    .iter()
                    .filter(|(p, _)| p.contains("competitors") || p.contains("praise"))
                    .map(|(p, _)| p)
                    .collect();
                advice["rests_on"] = json!(rests_on);
                vec![advice]
            }
            "channels" => [
                ("تلویزیون", "Television", 40),
                ("شبکه‌های اجتماعی", "Social networks", 35),
                ("تبلیغات محیطی", "Outdoor", 25),
            ]
            .iter()
            .map(|(fa, en, share)| {
                let mut channel = self.fill(items, "channels");
                channel["share"] = json!(share);
                channel["name"] = self.bilingual(fa, en);
                channel
            })
            .collect(),
            "success_metrics" => {
                vec![self.bilingual(
                    "رشد جست‌وجوی نام برند (شبیه‌سازی)",
                    "Growth of branded search (simulated)",
                )]
            }
            _ => Vec::new(),
        }
    }

    fn text(&self, schema: &Value, kinds: &[&str], path: &str) -> Value {
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        let brand = &self.brand;
        let known = self.facts.len();
        let rival = self
            .facts
            .iter()
            .find(|(path, _)| path.contains("competitors"))
            .map_or("—", |(_, value)| value);
        let (stem, lang) = path.rsplit_once('.').unwrap_or((path, ""));
        let stem = stem.rsplit('.').next().unwrap_or_default();
        let fa = match stem {
            "executive_summary" => format!(
                "این متن شبیه‌سازی شده است. برای {brand} {known} نکته در منبع‌ها پیدا شد و رقیب نزدیک آن {rival} است. پیش از هر کار، پرسش‌های باز را از کارفرما بپرسید."
            ),
            "concept" => format!("بستهٔ مشترک با {brand} (شبیه‌سازی)"),
            "audience" => "مخاطب مشترک دو برند (شبیه‌سازی)".into(),
            "budget_basis" => "پس از گرفتن تعرفهٔ رسانه برآورد می‌شود (شبیه‌سازی)".into(),
            "text" => format!(
                "بر آنچه مشتریان {brand} می‌پسندند تکیه کنید تا از {rival} متمایز شوید (شبیه‌سازی)."
            ),
            _ => "به نکته‌های همین گزارش تکیه دارد (شبیه‌سازی).".to_owned(),
        };
        let en = match stem {
            "executive_summary" => format!(
                "This text is simulated. The sources gave {known} facts about {brand}; its nearest competitor is {rival}. Ask the client the open questions before anything else."
            ),
            "concept" => format!("A joint offer with {brand} (simulated)"),
            "audience" => "The audience that both brands share (simulated)".into(),
            "budget_basis" => "To be estimated from the media's rate card (simulated)".into(),
            "text" => format!(
                "Build on what customers of {brand} praise, to stand apart from {rival} (simulated)."
            ),
            _ => "Rests on the facts of this report (simulated).".to_owned(),
        };
        match lang {
            "fa" if self.languages[0] => json!(fa),
            "en" if self.languages[1] => json!(en),
            _ if kinds.contains(&"null") => Value::Null,
            _ => json!(""),
        }
    }

    fn bilingual(&self, fa: &str, en: &str) -> Value {
        json!({"fa": self.languages[0].then_some(fa), "en": self.languages[1].then_some(en)})
    }

    /// What was said of a field, each value once.
    fn find(&self, path: &str) -> Vec<Said> {
        let mut found: Vec<Said> = Vec::new();
        for (_, said) in self.said.iter().filter(|(of, _)| *of == path) {
            if !found.iter().any(|known| known.value == said.value) {
                found.push(said.clone());
            }
        }
        found
    }

    fn contradictions(&self) -> Vec<Value> {
        match &self.find("identity.founding_year")[..] {
            [first, second, ..] => {
                vec![
                    json!({"about": "founding year", "first": fact(first), "second": fact(second)}),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn partners(&self) -> Vec<(String, String)> {
        self.facts
            .iter()
            .filter(|(path, _)| path.contains("complementary_brands"))
            .cloned()
            .collect()
    }
}

fn is_fact(schema: &Value) -> bool {
    ["value", "evidence"]
        .iter()
        .all(|name| schema["properties"].get(name).is_some())
}

fn fact(said: &Said) -> Value {
    json!({
        "value": said.value, "status": "supported", "as_of": null,
        "evidence": [{"source": said.source, "quote": said.quote}],
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
