//! What happens in the city from one night to the next, and in how many words the same is said.

use super::{
    Plan,
    truth::{Brand, Dispute, Kind, Planted, TRADES, persian, person},
};

/// Something that changes in the city, and that a radar has to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The first night on which it is so.
    pub night: u32,
    /// Its name in the list.
    pub brand: String,
    /// What kind of change it is, as reports name it.
    pub kind: &'static str,
    /// Field of the report, without the numbers of list items.
    pub field: &'static str,
    /// What is new, or what nobody says any more.
    pub value: String,
}

/// Kind, field and value of a happening.
type Told = (&'static str, &'static str, String);

/// Makes something happen to a brand, if it can happen to it.
type Make = fn(&mut Brand, &mut fastrand::Rng) -> Option<Told>;

/// Changes of each night.
const A_NIGHT: u32 = 5;

/// Campaigns that brands may start.
const CAMPAIGNS: [&str; 6] = [
    "جشن لبخند",
    "تابستان پرستاره",
    "یک سلام گرم",
    "خانهٔ آرزوها",
    "بهار دوباره",
    "قدم‌های روشن",
];

/// Everything that happens up to the night of the plan, done to the brands. Before the first night nothing does.
pub(super) fn live(brands: &mut [Brand], plan: Plan) -> Vec<Happening> {
    let mut random = fastrand::Rng::with_seed(plan.seed ^ 0x0171_9475);
    let mut order: Vec<usize> = (0..brands.len())
        .filter(|&i| brands[i].kind == Kind::Known && !brands[i].near_name)
        .collect();
    random.shuffle(&mut order);
    let mut order = order.into_iter();
    let mut happened = Vec::new();
    let kinds: [Make; 7] = [
        new_product,
        new_parent,
        new_campaign,
        price_moves,
        dispute_begins,
        dispute_ends,
        source_goes,
    ];
    for number in 0.. {
        let night = number / A_NIGHT + 2;
        if night > plan.night {
            break;
        }
        let kind = kinds[usize::try_from(number).unwrap_or(0) % kinds.len()];
        // Each brand changes once, so that what was found is found for this reason.
        let Some(happening) = order.by_ref().find_map(|i| {
            let brand = &mut brands[i];
            let (kind, field, value) = kind(brand, &mut random)?;
            Some(Happening {
                night,
                brand: brand.name.clone(),
                kind,
                field,
                value,
            })
        }) else {
            break;
        };
        happened.push(happening);
    }
    happened
}

fn plant(brand: &mut Brand, field: &'static str, value: &str) {
    brand.facts.push(Planted {
        field,
        value: value.to_owned(),
    });
}

fn value_of<'a>(brand: &'a mut Brand, field: &str) -> Option<&'a mut String> {
    let mut facts = brand.facts.iter_mut();
    let fact = facts.find(|fact| fact.field == field)?;
    Some(&mut fact.value)
}

fn new_product(brand: &mut Brand, random: &mut fastrand::Rng) -> Option<Told> {
    let product = TRADES.get(brand.trade)?.products[2];
    plant(brand, "products.name", product);
    let price = format!("{} هزار تومان", persian(random.u32(5..400) * 5));
    plant(brand, "products.price", &price);
    Some(("new", "products", product.to_owned()))
}

fn new_parent(brand: &mut Brand, random: &mut fastrand::Rng) -> Option<Told> {
    let new = format!("هلدینگ {}", person(random));
    // Who is given in the list is searched for; that stays out of this.
    if brand.given_parent.is_some() {
        return None;
    }
    value_of(brand, "relationships.parent")?.clone_from(&new);
    brand.parent = Some(new.clone());
    Some(("changed", "relationships.parent", new))
}

fn new_campaign(brand: &mut Brand, random: &mut fastrand::Rng) -> Option<Told> {
    let campaign = CAMPAIGNS.get(random.usize(..CAMPAIGNS.len()))?;
    plant(brand, "identity.campaigns", campaign);
    Some(("new", "identity.campaigns", (*campaign).to_owned()))
}

fn price_moves(brand: &mut Brand, random: &mut fastrand::Rng) -> Option<Told> {
    let new = format!("{} هزار تومان", persian(random.u32(401..800) * 5));
    value_of(brand, "products.price")?.clone_from(&new);
    Some(("changed", "products.price", new))
}

fn dispute_begins(brand: &mut Brand, random: &mut fastrand::Rng) -> Option<Told> {
    let right = value_of(brand, "identity.founding_year")?.clone();
    if !brand.disputes.is_empty() {
        return None;
    }
    let wrong = persian(random.u32(1_300..1_330));
    brand.disputes.push(Dispute {
        field: "identity.founding_year",
        right,
        wrong: wrong.clone(),
    });
    Some(("disputed", "identity.founding_year", wrong))
}

fn dispute_ends(brand: &mut Brand, _: &mut fastrand::Rng) -> Option<Told> {
    // The old page goes, and nothing else was on it.
    if brand.former_chief.is_some() {
        return None;
    }
    let Dispute { field, right, .. } = brand.disputes.pop()?;
    Some(("settled", field, right))
}

/// The page about its market goes, and with it the only one that names its rivals.
fn source_goes(brand: &mut Brand, _: &mut fastrand::Rng) -> Option<Told> {
    let field = "relationships.competitors";
    let rival = value_of(brand, field)?.clone();
    brand.facts.retain(|fact| {
        !matches!(
            fact.field,
            "relationships.competitors" | "relationships.sister_brands"
        )
    });
    brand.market_page = false;
    Some(("source_gone", field, rival))
}

/// Fields whose values are worded in many ways.
const WORDED: [&str; 8] = [
    "identity.legal_name",
    "identity.national_id",
    "identity.chief_executive",
    "identity.headquarters",
    "relationships.parent",
    "relationships.competitors",
    "relationships.sister_brands",
    "products.name",
];

/// The facts in the words of a night. On one night all pages name one thing in one way.
pub(super) fn reword(brands: &mut [Brand], plan: Plan) {
    for brand in brands {
        let name = brand.name.clone();
        for fact in &mut brand.facts {
            fact.value = in_words(plan, &name, fact, plan.night);
        }
        for dispute in &mut brand.disputes {
            let of = |value: &str| Planted {
                field: dispute.field,
                value: value.to_owned(),
            };
            dispute.right = in_words(plan, &name, &of(&dispute.right), plan.night);
        }
    }
}

/// How many facts are worded otherwise on a night than on the night before, although they say the same.
pub(super) fn rewordings(brands: &[Brand], plan: Plan) -> usize {
    let facts = brands
        .iter()
        .filter(|brand| brand.kind == Kind::Known)
        .flat_map(|brand| brand.facts.iter().map(move |fact| (brand, fact)));
    facts
        .filter(|(brand, fact)| {
            let on = |night| in_words(plan, &brand.name, fact, night);
            plan.night > 1 && on(plan.night) != on(plan.night - 1)
        })
        .count()
}

/// A value as it is worded on a night. Before the first night all is said as it is.
fn in_words(plan: Plan, brand: &str, fact: &Planted, night: u32) -> String {
    let value = &fact.value;
    if night == 0 || !WORDED.contains(&fact.field) {
        return value.clone();
    }
    let seed = [brand, fact.field, value].concat();
    let seed = seed
        .bytes()
        .fold(plan.seed ^ u64::from(night), |hash, byte| {
            hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
        });
    let bare = |words: &[&str]| {
        let rest = words.iter().find_map(|word| value.strip_prefix(word));
        rest.unwrap_or(value).trim().to_owned()
    };
    let ways = match fact.field {
        "identity.legal_name" => vec![
            value.clone(),
            value.replace(['(', ')'], ""),
            bare(&["شرکت "]),
        ],
        "identity.national_id" => vec![value.clone(), value.chars().map(persian_digit).collect()],
        "identity.chief_executive" => vec![
            value.clone(),
            format!("دکتر {value}"),
            format!("مهندس {value}"),
            value.replace('\u{200C}', " "),
        ],
        "identity.headquarters" => {
            vec![value.clone(), format!("{value} شهر"), value.replace('ٔ', "")]
        }
        "relationships.parent" => {
            let bare = bare(&["گروه صنعتی", "گروه", "هلدینگ"]);
            vec![
                value.clone(),
                format!("گروه {bare}"),
                format!("هلدینگ {bare}"),
                format!("شرکت {}", bare.replace('\u{200C}', " ")),
            ]
        }
        "products.name" => vec![
            value.clone(),
            format!("{value} {brand}"),
            format!("محصول {value}"),
            value.replace('\u{200C}', " "),
        ],
        _ => vec![value.clone(), format!("برند {value}")],
    };
    let way = fastrand::Rng::with_seed(seed).usize(..ways.len());
    ways.into_iter().nth(way).unwrap_or_default()
}

fn persian_digit(c: char) -> char {
    match c.to_digit(10) {
        Some(digit) => persian(digit).chars().next().unwrap_or(c),
        None => c,
    }
}
