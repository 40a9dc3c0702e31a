//! The overview of all reports that is needed before the first is shown: the language of the page, the choices of its
//! filters, and which brands share a parent company. A few short strings a brand are kept.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, de::IgnoredAny};

use super::{REPORT, ordered_threads::in_order, portfolio::Background, view::Tongue};
use crate::{
    report::{Coverage, Fact, Facts, Field, Given, Status},
    text::{self, lang::Lang},
};

/// Characters of a name that are shown, and those of a key that are compared.
const NAME: usize = 80;

/// What has to be known of all reports before the first is shown.
#[derive(Debug, Default)]
pub struct Glance {
    /// Rows of the table: reports, and brands that failed and have none.
    pub brands: usize,
    reports: usize,
    /// Brands with each standing, in the order of [`BrandState::ALL`].
    standings: [usize; BrandState::ALL.len()],
    /// Sectors in Persian and in English.
    sectors: [GroupTally; 2],
    parents: GroupTally,
    families: BTreeMap<String, BrandGroup>,
    persian: bool,
    pub simulated: bool,
}

/// How a brand stands, in the order in which they are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrandState {
    Full,
    Thin,
    /// Nothing was found.
    None,
    /// Several companies have the name.
    Which,
    /// The last attempt failed; an older report may be there.
    Failed,
}

/// How many facts are supported, in bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    High,
    Middle,
    Low,
    /// There are no facts.
    None,
}

/// A choice of a filter.
#[derive(Debug, PartialEq)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// Brands with the same parent company.
#[derive(Debug, Default)]
pub struct BrandGroup {
    /// Names and folders.
    pub brands: Vec<(String, String)>,
    /// Opportunities for campaigns that their reports name together.
    pub opportunities: usize,
}

/// Names by what they are compared by, each with its spellings and how often these occur.
#[derive(Debug, Default)]
struct GroupTally(BTreeMap<String, BTreeMap<String, usize>>);

/// The parts of a report that are looked at, besides its facts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    simulated: bool,
    brand: String,
    given: Given,
    lang: Lang,
    insights: Option<HeadInsights>,
    quality: HeadQuality,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HeadInsights {
    opportunities: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HeadQuality {
    coverage: Coverage,
    candidates: Vec<IgnoredAny>,
}

impl Glance {
    /// Looks at all reports and at what is known besides.
    pub fn take(
        output: &Path,
        folders: &[String],
        background: &Background,
    ) -> anyhow::Result<Self> {
        let mut glance = Self {
            simulated: background.runs.iter().any(|run| run.simulated),
            ..Self::default()
        };
        let mut failed = background.failed_by_folder();
        let head = |folder: &String| {
            let bytes = fs::read(output.join(folder).join(REPORT)).ok()?;
            let head = serde_json::from_slice::<Head>(&bytes).ok()?;
            let facts = serde_json::from_slice::<Facts>(&bytes).ok()?;
            Some((head, facts))
        };
        in_order(folders, head, |folder, read| {
            if let Some((head, facts)) = read {
                let failed = failed.remove(folder.as_str()).is_some();
                glance.add(folder, &head, &facts, failed);
            }
            Ok(())
        })?;
        let without_report = failed.len()
            + background
                .failed
                .iter()
                .filter(|brand| brand.folder.is_none())
                .count();
        glance.brands += without_report;
        glance.standings[BrandState::Failed as usize] += without_report;
        glance.families.retain(|_, family| family.brands.len() > 1);
        Ok(glance)
    }

    fn add(&mut self, folder: &str, head: &Head, facts: &Facts, failed: bool) {
        self.brands += 1;
        self.reports += 1;
        self.persian |= head.lang.persian();
        self.simulated |= head.simulated;
        let standing = BrandState::of(head.quality.coverage, head.quality.candidates.len(), failed);
        self.standings[standing as usize] += 1;
        for (tally, fa) in self.sectors.iter_mut().zip([true, false]) {
            tally.add(sector(Tongue { fa }, facts));
        }
        let parent = parent(facts.one(Field::Parent), &head.given);
        self.parents.add(parent);
        let key = short_key(parent);
        if !key.is_empty() {
            let family = self.families.entry(key).or_default();
            family.brands.push((name(&head.brand), folder.to_owned()));
            family.opportunities += head.insights.as_ref().map_or(0, |i| i.opportunities.len());
        }
    }

    /// The language of the portfolio: Persian where any report is.
    pub fn tongue(&self) -> Tongue {
        Tongue {
            fa: self.persian || self.reports == 0,
        }
    }

    /// How many brands have this standing.
    pub fn count(&self, standing: BrandState) -> usize {
        self.standings[standing as usize]
    }

    /// The sectors to choose from.
    pub fn sectors(&self) -> Vec<Choice> {
        self.sectors[usize::from(!self.tongue().fa)].choices(self.tongue())
    }

    /// The parent companies to choose from.
    pub fn parents(&self) -> Vec<Choice> {
        self.parents.choices(self.tongue())
    }

    /// Parent companies of at least two brands, the largest first, each as most reports spell it.
    pub fn families(&self) -> Vec<(String, &BrandGroup)> {
        let mut families: Vec<_> = self
            .families
            .iter()
            .map(|(key, family)| (self.parents.spelling(key), family))
            .collect();
        families.sort_by_key(|(_, family)| std::cmp::Reverse(family.brands.len()));
        families
    }
}

impl GroupTally {
    fn add(&mut self, name: &str) {
        let key = short_key(name);
        if !key.is_empty() {
            let spellings = self.0.entry(key).or_default();
            *spellings.entry(self::name(name)).or_default() += 1;
        }
    }

    fn spelling(&self, key: &str) -> String {
        let spellings = self.0.get(key).into_iter().flatten();
        let most = spellings.max_by_key(|(_, count)| **count);
        most.map(|(spelling, _)| spelling.clone())
            .unwrap_or_default()
    }

    fn choices(&self, t: Tongue) -> Vec<Choice> {
        let choice = |(key, spellings): (&String, &BTreeMap<String, usize>)| Choice {
            value: key.clone(),
            label: format!(
                "{} ({})",
                t.digits(&self.spelling(key)),
                t.digits(&spellings.values().sum::<usize>().to_string())
            ),
        };
        self.0.iter().map(choice).collect()
    }
}

impl BrandState {
    pub const ALL: [Self; 5] = [
        Self::Full,
        Self::Thin,
        Self::None,
        Self::Which,
        Self::Failed,
    ];

    /// How a brand with such a report stands.
    pub fn of(coverage: Coverage, candidates: usize, failed: bool) -> Self {
        match coverage {
            _ if failed => Self::Failed,
            _ if candidates > 0 => Self::Which,
            Coverage::Full => Self::Full,
            Coverage::Thin => Self::Thin,
            Coverage::None => Self::None,
        }
    }

    /// Its place when brands are sorted by it.
    pub fn rank(self) -> usize {
        self as usize
    }

    pub fn is_failed(self) -> bool {
        self == Self::Failed
    }

    /// Its name in the page's attributes and addresses.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Thin => "thin",
            Self::None => "none",
            Self::Which => "which",
            Self::Failed => "failed",
        }
    }

    /// Its name for people.
    pub fn label(self, t: Tongue) -> &'static str {
        match self {
            Self::Full => t.pick("✓ کافی", "✓ sufficient"),
            Self::Thin => t.pick("⚠ کم", "⚠ thin"),
            Self::None => t.pick("∅ هیچ", "∅ nothing found"),
            Self::Which => t.pick("؟ کدام شرکت؟", "? which company?"),
            Self::Failed => t.pick("✗ ناموفق", "✗ failed"),
        }
    }
}

impl Support {
    pub const ALL: [Self; 4] = [Self::High, Self::Middle, Self::Low, Self::None];

    /// The band of a share from 0 to 1.
    pub fn of(share: Option<f64>) -> Self {
        match share {
            Some(0.8..) => Self::High,
            Some(0.5..) => Self::Middle,
            Some(_) => Self::Low,
            None => Self::None,
        }
    }

    /// Its name in the page's attributes and addresses.
    pub fn code(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Middle => "middle",
            Self::Low => "low",
            Self::None => "none",
        }
    }

    /// Its name for people.
    pub fn label(self, t: Tongue) -> &'static str {
        match self {
            Self::High => t.pick("۸۰٪ و بیشتر", "80% and more"),
            Self::Middle => t.pick("۵۰٪ تا ۸۰٪", "50% to 80%"),
            Self::Low => t.pick("کمتر از ۵۰٪", "less than 50%"),
            Self::None => t.pick("بدون نکته", "no facts"),
        }
    }
}

/// The parent company as found, or else as the list gives it.
pub fn parent<'a>(found: Option<&'a Fact>, given: &'a Given) -> &'a str {
    match found {
        Some(fact) if fact.status != Status::Outdated => &fact.value,
        _ => given.parent.as_deref().unwrap_or_default(),
    }
}

/// The trade in the language of the page, or else in the other.
pub fn sector(t: Tongue, facts: &Facts) -> &str {
    let industry = facts.industry(t.fa);
    industry.map(|fact| fact.value.as_str()).unwrap_or_default()
}

/// A name that fits into a table, without marks that turn the text around it.
pub fn name(name: &str) -> String {
    text::shorten(&text::clean(name), NAME)
}

/// What a name is compared by.
pub fn short_key(name: &str) -> String {
    text::key(name).chars().take(NAME).collect()
}
