//! The rules of advertising as they apply to a brand. This is no legal advice.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Bilingual;

/// A medium that a campaign can be booked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    Television,
    Radio,
    Outdoor,
    Press,
    Cinema,
    Instagram,
    Telegram,
    // Eitaa, Rubika, Bale, Soroush.
    DomesticMessengers,
    // Aparat, Filimo, Namava.
    VideoPlatforms,
    // Advertising networks, and results of search engines.
    SearchAndDisplay,
    // Digikala, Divar, Torob, Snapp.
    Marketplaces,
    Sms,
    Podcasts,
    Influencers,
    PointOfSale,
    Events,
}

use Medium::{
    Cinema, DomesticMessengers, Events, Influencers, Instagram, Marketplaces, Outdoor, Podcasts,
    PointOfSale, Press, Radio, SearchAndDisplay, Sms, Telegram, Television, VideoPlatforms,
};

impl Medium {
    /// The name that planners use.
    pub fn name(self) -> Bilingual {
        let (fa, en) = match self {
            Television => ("تلویزیون", "Television"),
            Radio => ("رادیو", "Radio"),
            Outdoor => ("تبلیغات محیطی", "Outdoor"),
            Press => ("مطبوعات", "Press"),
            Cinema => ("سینما", "Cinema"),
            Instagram => ("اینستاگرام", "Instagram"),
            Telegram => ("تلگرام", "Telegram"),
            DomesticMessengers => ("پیام‌رسان‌های داخلی", "Domestic messengers"),
            VideoPlatforms => ("ویدئوی آنلاین", "Online video"),
            SearchAndDisplay => ("تبلیغات جست‌وجو و نمایشی", "Search and display"),
            Marketplaces => ("بازارهای آنلاین", "Marketplaces"),
            Sms => ("پیامک", "SMS"),
            Podcasts => ("پادکست", "Podcasts"),
            Influencers => ("اینفلوئنسرها", "Influencers"),
            PointOfSale => ("محل فروش", "Point of sale"),
            Events => ("رویدادها", "Events"),
        };
        Bilingual::both(fa, en)
    }
}

impl Medium {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Television,
        Self::Radio,
        Self::Outdoor,
        Self::Press,
        Self::Cinema,
        Self::Instagram,
        Self::Telegram,
        Self::DomesticMessengers,
        Self::VideoPlatforms,
        Self::SearchAndDisplay,
        Self::Marketplaces,
        Self::Sms,
        Self::Podcasts,
        Self::Influencers,
        Self::PointOfSale,
        Self::Events,
    ];
}

/// What a rule says, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleVerdict {
    /// It may not be advertised.
    No,
    /// Somebody has to allow it first.
    NeedsPermit,
    /// It depends on what the ad shows and says.
    Careful,
}

/// A rule as it applies to a brand. No legal advice: ask a lawyer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The rule's id.
    pub rule: String,
    pub verdict: RuleVerdict,
    /// Media that it is about; all of them where none is named.
    pub media: Vec<Medium>,
    pub text: Bilingual,
    /// A page that says so.
    pub source: Option<String>,
    /// The day of the rule or of what the source says; where neither has one, the day it was last looked up.
    pub as_of: Date,
    /// Older than 18 months on the day of the report: look it up again.
    pub old: bool,
}

impl Ruling {
    /// Whether the ruling is about ads in this medium.
    pub fn covers(&self, medium: Medium) -> bool {
        self.media.is_empty() || self.media.contains(&medium)
    }
}
