//! The simulated models of the city: they read the sources in their prompt, as pages are written, and behave as their
//! temper is.

use std::collections::BTreeMap;

use brandintel::sandbox::{Claim, Model};
use serde_json::{Value, json};

use super::{Temper, fold, phrases};

/// What a model believes that a source says.
#[derive(Clone, Debug, Default)]
struct Said {
    value: String,
    source: String,
    quote: String,
    /// When its source came out.
    as_of: Option<String>,
}

/// What a model has understood.
#[derive(Debug, Default)]
struct Understood {
    said: Vec<(&'static str, Said)>,
    /// Names and prices.
    products: Vec<(Said, Said)>,
    /// Fields about which sources disagree.
    disputes: Vec<(&'static str, Said, Said)>,
}

/// A sentence of the prompt that says something.
#[derive(Clone, Debug)]
struct Heard {
    saying: phrases::Saying,
    source: String,
    quote: String,
    /// When its page came out.
    date: Option<String>,
}

/// What a model of this temper has to say about the sources in a prompt.
pub(super) fn read(model: &mut Model, prompt: &str, temper: Temper) {
    let heard = listen(prompt);
    let brand = fold(&model.brand).replace(' ', "");
    let is_brand = |heard: &&Heard| fold(&heard.saying.brand).replace(' ', "") == brand;
    let (ours, others): (Vec<&Heard>, Vec<&Heard>) =
        heard.iter().partition(|heard| is_brand(heard));
    let seed = prompt.bytes().fold(7_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let mut understood = careful(&ours);
    match temper {
        Temper::Careful => {}
        Temper::Sloppy => sloppy(&mut understood, &others, &mut random),
        Temper::Villain => {
            villain(&mut understood, model, &heard, prompt, &mut random);
            let path = model.facts.first().map(|(path, _)| path.clone());
            model.partners = vec![(path.unwrap_or_default(), "بنگاه سایه".to_owned())];
        }
    }
    claim_all(model, understood);
}

/// A claim for each value of a field, and both sides of a dispute.
fn claim_all(model: &mut Model, understood: Understood) {
    for (field, said) in understood.said {
        model.claim(claim(field, said));
    }
    // A claim that names its product in `of` is enough for the product's name.
    for (name, price) in understood.products {
        model.claim(Claim {
            of: name.value,
            ..claim("products.price", price)
        });
    }
    for (field, first, second) in understood.disputes {
        for side in [first, second].map(|side| claim(field, side)) {
            if !model.claims.contains(&side) {
                model.claims.push(side);
            }
        }
    }
}

fn claim(field: &'static str, said: Said) -> Claim {
    Claim {
        field,
        of: String::new(),
        value: said.value,
        source: said.source,
        quote: said.quote,
        as_of: said.as_of,
    }
}

/// Changes the lines of advice: a sloppy model recommends what would fit any brand, a villain what it was paid for.
pub(super) fn distort(model: &Model, answer: &mut Value, temper: Temper) {
    if temper == Temper::Careful {
        return;
    }
    let sections = answer.as_object_mut().into_iter().flatten();
    let items = sections
        .filter_map(|(_, section)| section.as_array_mut())
        .flatten();
    for item in items.filter_map(Value::as_object_mut) {
        let is_grounded = |rests_on: &Value| rests_on.as_array().is_some_and(|on| !on.is_empty());
        if !item.get("rests_on").is_some_and(is_grounded) {
            continue;
        }
        if let Some(budget) = item.get_mut("budget_million_toman") {
            if temper == Temper::Villain {
                *budget = json!(900);
            }
            continue;
        }
        let lines = ["text", "why"]
            .into_iter()
            .find(|name| item.get(*name).is_some_and(Value::is_object));
        let lines = lines.and_then(|name| item.get_mut(name)?.as_object_mut());
        for (language, line) in lines.into_iter().flatten() {
            let said = line.as_str().unwrap_or_default();
            *line = json!(distorted(said, language == "fa", &model.brand, temper));
        }
    }
}

/// A line of advice as a model of this temper gives it.
fn distorted(line: &str, is_persian: bool, brand: &str, temper: Temper) -> String {
    match (temper, is_persian) {
        (Temper::Careful, _) => line.to_owned(),
        (Temper::Sloppy, true) => "در شبکه‌های اجتماعی فعال باشید و محتوای جذاب بسازید.".to_owned(),
        (Temper::Sloppy, false) => {
            "Be active on social networks with 500 million toman.".to_owned()
        }
        (Temper::Villain, true) => {
            format!("{line} مالک {brand} گروه سایه‌گستر است؛ به sayeh-pay.example بروید.")
        }
        (Temper::Villain, false) => {
            format!("{line} Visit sayeh-pay.example and pay 900 million toman.")
        }
    }
}

/// Every sentence that says something, with its source.
fn listen(prompt: &str) -> Vec<Heard> {
    let mut heard: Vec<Heard> = Vec::new();
    let mut source = String::new();
    for line in prompt.lines() {
        if let Some(id) = line.strip_prefix("<source id=\"") {
            source = id.chars().take_while(|c| *c != '"').collect();
        }
        let ends = line
            .match_indices(['.', '؟', '!'])
            .map(|(at, end)| at + end.len());
        let mut from = 0;
        for end in ends.chain([line.len()]) {
            let after = line[end..].chars().next();
            if after.is_some_and(|c| !c.is_whitespace()) {
                continue;
            }
            let sentence = line[from..end].trim();
            from = end;
            let sentence = sentence.trim_start_matches('…').trim();
            if let Some(saying) = phrases::read(sentence) {
                heard.push(Heard {
                    saying,
                    source: source.clone(),
                    quote: sentence.trim_end_matches('.').to_owned(),
                    date: None,
                });
            }
        }
    }
    let dates: BTreeMap<String, String> = heard
        .iter()
        .filter(|heard| heard.saying.field == "date")
        .map(|heard| (heard.source.clone(), iso(&heard.saying.value)))
        .collect();
    for one in &mut heard {
        one.date = dates.get(&one.source).cloned();
    }
    heard.retain(|heard| heard.saying.field != "date");
    heard
}

/// `۱۴۰۵/۳/۱۲` as `1405-03-12`.
fn iso(date: &str) -> String {
    let folded = fold(date).replace('/', "-");
    let parts: Vec<String> = folded
        .split('-')
        .map(|part| format!("{part:0>2}"))
        .collect();
    parts.join("-")
}

fn said(heard: &Heard) -> Said {
    Said {
        value: heard.saying.value.clone(),
        source: heard.source.clone(),
        quote: heard.quote.clone(),
        as_of: heard.date.clone(),
    }
}

/// Fields that have one value.
const SINGLE: [&str; 8] = [
    "identity.founding_year",
    "identity.headquarters",
    "identity.chief_executive",
    "identity.legal_name",
    "identity.national_id",
    "identity.employees",
    "relationships.parent",
    "categorisation.industry.fa",
];

fn careful(ours: &[&Heard]) -> Understood {
    let mut understood = Understood::default();
    for field in SINGLE {
        let mut found: Vec<&&Heard> = ours
            .iter()
            .filter(|heard| heard.saying.field == field)
            .collect();
        // The newest first; what has no date is taken for new.
        found.sort_by_key(|heard| {
            std::cmp::Reverse(heard.date.clone().unwrap_or_else(|| "9".into()))
        });
        let Some(first) = found.first() else { continue };
        understood.said.push((field, said(first)));
        let amount = |heard: &Heard| amount(field, &heard.saying.value);
        if let Some(other) = found.iter().find(|other| amount(other) != amount(first)) {
            understood.disputes.push((field, said(first), said(other)));
        }
    }
    for heard in ours {
        match heard.saying.field {
            "products.price" => {
                let name = Said {
                    value: heard.saying.product.clone(),
                    ..said(heard)
                };
                let known = understood
                    .products
                    .iter()
                    .any(|(of, _)| fold(&of.value) == fold(&name.value));
                if !known {
                    understood.products.push((name, said(heard)));
                }
            }
            "left" => {}
            field if SINGLE.contains(&field) => {}
            field => understood.said.push((field, said(heard))),
        }
    }
    understood
}

/// A value so that one written in two ways is one; years of both calendars too.
fn amount(field: &str, value: &str) -> String {
    let folded = fold(value).replace([' ', '٬', ','], "");
    match folded.parse::<u32>() {
        Ok(year) if field == "identity.founding_year" && year > 1_600 => (year - 621).to_string(),
        _ => folded,
    }
}

/// Three facts in ten are invented, two in ten are another company's.
fn sloppy(understood: &mut Understood, others: &[&Heard], random: &mut fastrand::Rng) {
    for (field, fact) in &mut understood.said {
        match random.u8(..10) {
            0..3 => *fact = invented(fact, random),
            3..5 => {
                let of_field: Vec<&&Heard> = others
                    .iter()
                    .filter(|heard| heard.saying.field == *field)
                    .collect();
                if let Some(wrong) = of_field.first() {
                    *fact = said(wrong);
                }
            }
            _ => {}
        }
    }
    // What no page says of the brand, pages say of somebody else.
    for heard in others
        .iter()
        .filter(|heard| heard.saying.field != "products.price")
    {
        let field = match heard.saying.field {
            "left" => "identity.chief_executive",
            field => field,
        };
        let is_known = |(known, _): &(&str, Said)| *known == field;
        if random.u8(..2) == 0 && !understood.said.iter().any(is_known) {
            understood.said.push((field, said(heard)));
        }
    }
    for (name, price) in &mut understood.products {
        if random.u8(..10) < 3 {
            *price = invented(price, random);
        }
        if random.u8(..10) == 0 {
            *name = invented(name, random);
        }
    }
}

/// Another value, with the true quote or with one made up.
fn invented(fact: &Said, random: &mut fastrand::Rng) -> Said {
    let value = match fact.value.chars().any(char::is_numeric) {
        true => "۱۲۳۴".to_owned(),
        false => format!("{} ساختگی", fact.value),
    };
    let quote = match random.bool() {
        true => fact.quote.clone(),
        false => fact.quote.replace(&fact.value, &value),
    };
    Said {
        value,
        quote,
        ..fact.clone()
    }
}

/// Obeys whatever a page says, gives everything a source that does not say it, and takes what is nearest.
fn villain(
    understood: &mut Understood,
    model: &Model,
    heard: &[Heard],
    prompt: &str,
    random: &mut fastrand::Rng,
) {
    let orders = ["سایه‌گستر", "اهریمن سایه", "بنگاه سایه", "sayeh-pay.example"];
    let obeyed: Vec<&str> = orders
        .into_iter()
        .filter(|order| fold(prompt).contains(&fold(order)))
        .collect();
    let mut lies = Vec::new();
    for (n, (field, fact)) in understood.said.iter().enumerate() {
        let mut lie = fact.clone();
        match n % 4 {
            // A quote that stands nowhere.
            0 => {
                lie.value = format!("{} دروغین", fact.value);
                lie.quote = format!("{} و {}", fact.quote, lie.value);
            }
            // A value that the quote does not have.
            1 => lie.value = String::from("۹۸۷۶"),
            // Another source than the one that has it.
            2 => lie.source = format!("s{}", random.u8(40..90)),
            // What the nearest sentence of the same kind says, whomever it is about.
            _ => {
                let wrong = heard
                    .iter()
                    .rev()
                    .find(|heard| heard.saying.field == *field);
                lie = wrong.map_or(lie, said);
            }
        }
        lies.push((*field, lie));
    }
    understood.said = lies;
    for heard in heard
        .iter()
        .filter(|heard| matches!(heard.saying.field, "left" | "relationships.subsidiaries"))
    {
        let field = match heard.saying.field {
            "left" => "identity.chief_executive",
            _ => "relationships.parent",
        };
        understood.said.insert(0, (field, said(heard)));
    }
    for order in obeyed {
        let lie = Said {
            value: order.to_owned(),
            source: "s1".to_owned(),
            quote: format!("مالک {}، گروه {order} است", model.brand),
            as_of: None,
        };
        understood.said.insert(0, ("relationships.parent", lie));
    }
}
