//! A report as people read it, in one language: labels, facts with their marks, sources with their addresses.

use crate::{
    cli::Lang,
    research::{
        calendar::{day_in_iran, jalali},
        report::{
            Bilingual, Contradiction, Coverage, Dates, Disagreement, Fact, Level, ParentVerdict,
            Report, Status,
        },
        rules::{Ruling, Verdict},
    },
    text::{latin_digits, persian_digits},
};

/// The language of a page, with what depends on it.
#[derive(Clone, Copy)]
pub struct Tongue {
    pub fa: bool,
}

/// A part of the report with its lines.
pub struct Section {
    /// What it is called in files for programs.
    pub code: &'static str,
    pub title: &'static str,
    pub lines: Vec<Line>,
}

/// A label with its facts.
pub struct Line {
    pub label: &'static str,
    pub facts: Vec<FactView>,
}

/// A fact with its mark.
pub struct FactView {
    pub value: String,
    /// Code of the language that the value is in.
    pub lang: &'static str,
    pub as_of: String,
    pub mark: &'static str,
    pub status: &'static str,
    pub class: &'static str,
    pub citations: Vec<CitationView>,
}

/// A quote with the page it stands in.
pub struct CitationView {
    pub id: String,
    pub quote: String,
    pub url: String,
    pub title: String,
}

/// Sections and lines that have facts, of a code, a title and lines each.
fn filled(
    sections: impl IntoIterator<Item = (&'static str, &'static str, Vec<Line>)>,
) -> Vec<Section> {
    sections
        .into_iter()
        .map(|(code, title, lines)| Section {
            code,
            title,
            lines: lines.into_iter().filter(|l| !l.facts.is_empty()).collect(),
        })
        .filter(|section| !section.lines.is_empty())
        .collect()
}

impl Tongue {
    /// Persian, unless English alone was asked for.
    pub fn of(lang: Lang) -> Self {
        Self { fa: lang.persian() }
    }

    /// The languages that were asked for, Persian first.
    pub fn all(lang: Lang) -> impl Iterator<Item = Self> {
        let persian = lang.persian().then_some(Self { fa: true });
        let english = (lang != Lang::Fa).then_some(Self { fa: false });
        persian.into_iter().chain(english)
    }

    pub fn pick(self, fa: &'static str, en: &'static str) -> &'static str {
        if self.fa { fa } else { en }
    }

    pub fn code(self) -> &'static str {
        self.pick("fa", "en")
    }

    pub fn dir(self) -> &'static str {
        self.pick("rtl", "ltr")
    }

    pub fn percent(self) -> &'static str {
        self.pick("٪", "%")
    }

    /// A share from 0 to 1, in percent.
    pub fn share(self, share: Option<f64>) -> String {
        share.map_or_else(
            || "—".to_owned(),
            |share| self.digits(&format!("{:.0}{}", share * 100.0, self.percent())),
        )
    }

    /// Text with the digits of the language.
    pub fn digits(self, text: &str) -> String {
        if self.fa {
            persian_digits(text)
        } else {
            text.to_owned()
        }
    }

    /// The value of a fact, with the digits of the language. Names and addresses in Latin letters keep their own.
    pub fn value(self, value: &str) -> String {
        match (self.fa, language(value)) {
            (true, Some("en")) => value.to_owned(),
            (true, _) => persian_digits(value),
            (false, _) => latin_digits(value),
        }
    }

    pub fn text(self, text: &Bilingual) -> String {
        let lang = if self.fa { Lang::Fa } else { Lang::En };
        let (own, shown) = (
            if self.fa { &text.fa } else { &text.en },
            text.in_lang(lang),
        );
        // A text in the other language keeps its own digits.
        if own.is_some() {
            self.digits(shown)
        } else {
            shown.to_owned()
        }
    }

    /// A day in words: ۳ آذر ۱۴۰۵, 24 November 2026.
    pub fn date(self, at: &jiff::Timestamp) -> String {
        self.whole_day(day_in_iran(*at))
    }

    pub fn day(self, at: &jiff::Timestamp) -> String {
        let day = day_in_iran(*at);
        if self.fa {
            persian_digits(&jalali(day, '/'))
        } else {
            day.to_string()
        }
    }

    /// First and last day of an occasion: ۱۹ بهمن تا ۱۸ اسفند ۱۴۰۵.
    pub fn dates(self, dates: &Dates) -> String {
        let (starts, ends) = (self.whole_day(dates.starts), self.whole_day(dates.ends));
        let year = |day: &str| day.rsplit_once(' ').map(|(_, year)| year.to_owned());
        let starts = match year(&starts) == year(&ends) {
            true => self.short_day(dates.starts),
            false => starts,
        };
        let span = match dates.starts == dates.ends {
            true => ends,
            false => format!("{starts} {} {ends}", self.pick("تا", "to")),
        };
        let about = match dates.lunar {
            true => self.pick(" (یک روز پس‌وپیش ممکن است)", " (may be a day off)"),
            false => "",
        };
        format!("{span}{about}")
    }

    /// The day by which an occasion has to be booked.
    pub fn book_by(self, dates: &Dates) -> String {
        let Some(day) = dates.book_by else {
            return String::new();
        };
        let day = self.whole_day(day);
        match dates.too_late {
            true => format!("{day} ({})", self.pick("گذشته است", "passed")),
            false => day,
        }
    }

    /// What a field is called; its path where it has no name.
    pub fn field(self, path: &str) -> String {
        let (fa, en) = match path.rsplit('.').find(|part| part.parse::<usize>().is_err()) {
            Some("parent") => ("شرکت مادر", "Parent company"),
            Some("ultimate_parent") => ("مالک نهایی", "Ultimate parent"),
            Some("subsidiaries") => ("شرکت زیرمجموعه", "Subsidiary"),
            Some("sister_brands") => ("برند خواهر", "Sister brand"),
            Some("competitors") => ("رقیب", "Competitor"),
            Some("legal_name") => ("نام ثبتی", "Legal name"),
            Some("national_id") => ("شناسهٔ ملی", "National identifier"),
            Some("founding_year") => ("سال تأسیس", "Founding year"),
            Some("chief_executive") => ("مدیرعامل", "Chief executive"),
            Some("employees") => ("شمار کارکنان", "Employees"),
            Some("headquarters") => ("دفتر مرکزی", "Headquarters"),
            Some("stock_symbol") => ("نماد بورس", "Stock symbol"),
            Some("tagline") => ("شعار", "Tagline"),
            Some("campaigns") => ("کمپین", "Campaign"),
            Some("export_markets") => ("بازار صادراتی", "Export market"),
            Some("certifications") => ("گواهی", "Certification"),
            Some("trademarks") => ("نشان تجاری", "Trademark"),
            Some("products") => ("محصول", "Product"),
            Some("price") => ("قیمت", "Price"),
            _ => return path.to_owned(),
        };
        self.pick(fa, en).to_owned()
    }

    /// What sources disagree about, and why the second of them is likely wrong.
    pub fn dispute(self, contradiction: &Contradiction) -> String {
        let about = self.field(&contradiction.about);
        let reason = match contradiction.reason {
            None => return about,
            Some(Disagreement::Older) => self.pick("دومی قدیمی‌تر است", "the second is older"),
            Some(Disagreement::Unit) => self.pick("ریال و تومان", "rial and toman"),
            Some(Disagreement::Authority) => self.pick(
                "اولی گفتهٔ خود برند یا دفتر ثبت است",
                "the first is the brand's own word or a register's",
            ),
        };
        format!("{about} ({reason})")
    }

    /// What a rule of advertising says.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates pass references"
    )]
    pub fn verdict(self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::No => self.pick("ممنوع", "No"),
            Verdict::NeedsPermit => self.pick("مجوز می‌خواهد", "Needs a permit"),
            Verdict::Careful => self.pick("با احتیاط", "Careful"),
        }
    }

    /// When a rule was looked up, and whether that is long ago.
    pub fn as_of(self, rule: &Ruling) -> String {
        let day = match self.fa {
            true => persian_digits(&jalali(rule.as_of, '/')),
            false => rule.as_of.to_string(),
        };
        match rule.old {
            true => format!(
                "{day}: {}",
                self.pick("قدیمی است، دوباره بررسی کنید", "old, look it up again")
            ),
            false => day,
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates pass references"
    )]
    pub fn level(self, level: &Level) -> &'static str {
        match level {
            Level::Low => self.pick("کم", "low"),
            Level::Medium => self.pick("متوسط", "medium"),
            Level::High => self.pick("زیاد", "high"),
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates pass references"
    )]
    pub fn coverage(self, coverage: &Coverage) -> &'static str {
        match coverage {
            Coverage::Full => self.pick("کافی", "sufficient"),
            Coverage::Thin => self.pick(
                "کم: این گزارش کامل نیست",
                "thin: this report is not complete",
            ),
            Coverage::None => self.pick(
                "هیچ: دربارهٔ این برند چیزی پیدا نشد",
                "none: nothing was found about this brand",
            ),
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates pass references"
    )]
    pub fn parent(self, verdict: &ParentVerdict) -> &'static str {
        match verdict {
            ParentVerdict::Confirmed => self.pick("تأیید شد", "confirmed"),
            ParentVerdict::Contradicted => {
                self.pick("منبع‌ها چیز دیگری می‌گویند", "contradicted by sources")
            }
            ParentVerdict::NotFound => self.pick("در منبع‌ها پیدا نشد", "not found in sources"),
            ParentVerdict::NotGiven => self.pick("در فهرست نیامده", "not given in the list"),
        }
    }

    /// How a verdict on the parent company is coloured.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_self,
        reason = "templates pass references, and reach functions through what they have"
    )]
    pub fn verdict_class(self, verdict: &ParentVerdict) -> &'static str {
        match verdict {
            ParentVerdict::Confirmed => "confirmed",
            ParentVerdict::Contradicted => "contradicted",
            ParentVerdict::NotFound | ParentVerdict::NotGiven => "open",
        }
    }

    /// Sign, name and class of a status.
    pub fn mark(self, status: Status) -> (&'static str, &'static str, &'static str) {
        match status {
            Status::Supported => ("✓", self.pick("با سند", "supported"), "supported"),
            Status::Inferred => ("≈", self.pick("برداشت", "inferred"), "inferred"),
            Status::Unverified => ("?", self.pick("بی‌سند", "unverified"), "unverified"),
            Status::Conflicted => ("≠", self.pick("محل اختلاف", "conflicted"), "conflicted"),
            Status::Outdated => ("⌛", self.pick("قدیمی", "outdated"), "outdated"),
        }
    }

    /// The year, month or day that a source speaks of. A Gregorian month is shown as the Iranian one that its middle is in.
    fn then(self, as_of: &str) -> String {
        let mut parts = as_of.splitn(3, '-').map(|part| part.parse::<i16>().ok());
        let (year, month, day) = (parts.next().flatten(), parts.next(), parts.next());
        let number = |part: Option<Option<i16>>| part.map(|p| p.and_then(|p| i8::try_from(p).ok()));
        let date = |month, day| jiff::civil::Date::new(year?, month?, day?).ok();
        let gregorian = self.fa && year.is_some_and(|year| year > 1_900);
        let shown = match (gregorian, number(month), number(day)) {
            (true, None, _) => Some(format!("{as_of} میلادی")),
            (true, Some(month), None) => date(month, Some(15)).map(|day| self.month_of(day)),
            (true, Some(month), Some(day)) => date(month, day).map(|day| self.whole_day(day)),
            (false, ..) => None,
        };
        self.digits(&shown.unwrap_or_else(|| as_of.to_owned()))
    }

    /// A fact as it is shown.
    pub fn fact(self, fact: &Fact, report: &Report) -> FactView {
        let (mark, status, class) = self.mark(fact.status);
        let citations = fact.evidence.iter().map(|citation| {
            let source = report
                .sources
                .iter()
                .find(|source| source.id == citation.source);
            CitationView {
                id: citation.source.clone(),
                quote: citation.quote.clone(),
                url: source.map(|source| source.url.clone()).unwrap_or_default(),
                title: source
                    .map(|source| source.title.clone())
                    .unwrap_or_default(),
            }
        });
        FactView {
            value: self.value(&fact.value),
            lang: language(&fact.value).unwrap_or(self.code()),
            as_of: fact
                .as_of
                .as_deref()
                .map(|at| self.then(at))
                .unwrap_or_default(),
            mark,
            status,
            class,
            citations: citations.collect(),
        }
    }

    /// A fact whose citations name addresses instead of ids.
    pub fn fact_at(self, fact: &Fact) -> FactView {
        let (mark, status, class) = self.mark(fact.status);
        let citations = fact.evidence.iter().map(|citation| CitationView {
            id: String::new(),
            quote: citation.quote.clone(),
            url: citation.source.clone(),
            title: String::new(),
        });
        FactView {
            value: self.value(&fact.value),
            lang: language(&fact.value).unwrap_or(self.code()),
            as_of: fact
                .as_of
                .as_deref()
                .map(|at| self.then(at))
                .unwrap_or_default(),
            mark,
            status,
            class,
            citations: citations.collect(),
        }
    }

    /// The sections of facts, without the lines that have none.
    pub fn sections(self, report: &Report) -> Vec<Section> {
        let (i, r, c, k) = (
            &report.identity,
            &report.relationships,
            &report.categorisation,
            &report.customers,
        );
        let one = |fa, en, fact: &Option<Fact>| self.line(report, fa, en, fact.iter());
        let many = |fa, en, facts: &[Fact]| self.line(report, fa, en, facts.iter());
        let sections = [
            (
                "identity",
                self.pick("هویت", "Identity"),
                vec![
                    one("نام فارسی", "Persian name", &i.name_fa),
                    one("نام لاتین", "English name", &i.name_en),
                    one("نام ثبتی", "Legal name", &i.legal_name),
                    one("شناسهٔ ملی", "National identifier", &i.national_id),
                    one("چه می‌کند", "What it does", &i.what_it_does),
                    one("شعار", "Tagline", &i.tagline),
                    one("سال بنیان‌گذاری", "Founded", &i.founding_year),
                    one("دفتر مرکزی", "Headquarters", &i.headquarters),
                    one("مدیرعامل", "Chief executive", &i.chief_executive),
                    one("کارکنان", "Employees", &i.employees),
                    one("تلفن", "Phone", &i.contact.phone),
                    one("ایمیل", "E-mail", &i.contact.email),
                    one("نشانی", "Address", &i.contact.address),
                    many("شبکه‌های اجتماعی", "Social accounts", &i.social_accounts),
                    many("گواهی‌ها", "Certifications", &i.certifications),
                    many("بازارهای صادراتی", "Export markets", &i.export_markets),
                    one("نماد بورس", "Stock symbol", &i.stock_symbol),
                    many("نشان‌های تجاری", "Trademarks", &i.trademarks),
                    many("کمپین‌های تبلیغاتی", "Campaigns", &i.campaigns),
                ],
            ),
            (
                "relationships",
                self.pick("مالکیت و روابط", "Ownership and relationships"),
                vec![
                    one("شرکت مادر", "Parent company", &r.parent),
                    one("مالک نهایی", "Ultimate parent", &r.ultimate_parent),
                    many("شرکت‌های زیرمجموعه", "Subsidiaries", &r.subsidiaries),
                    many("برندهای خواهر", "Sister brands", &r.sister_brands),
                    many("سهامداران", "Shareholders", &r.shareholders),
                    many("شرکت‌های وابسته", "Affiliates", &r.affiliates),
                    many("رقیبان", "Competitors", &r.competitors),
                    many("برندهای مشابه", "Similar brands", &r.similar_brands),
                    many(
                        "برندهای مکمل",
                        "Complementary brands",
                        &r.complementary_brands,
                    ),
                ],
            ),
            (
                "categorisation",
                self.pick("صنعت و بازار", "Industry and market"),
                vec![
                    one("صنعت", "Industry (Persian)", &c.industry.fa),
                    one("صنعت (انگلیسی)", "Industry", &c.industry.en),
                    one("کد آیسیک", "ISIC code", &c.industry.isic),
                    many("زیرشاخه‌ها", "Sub-industries", &c.sub_industries),
                    one("مدل کسب‌وکار", "Business model", &c.business_model),
                    one("سطح قیمت", "Price tier", &c.price_tier),
                    many(
                        "راه‌های فروش",
                        "Distribution channels",
                        &c.distribution_channels,
                    ),
                    one("جایگاه در بازار", "Market position", &c.market_position),
                    one("اندازهٔ بازار", "Market size", &c.market_size),
                    one("رشد", "Growth", &c.growth),
                    one("فصل فروش", "Seasonality", &c.seasonality),
                    many("گسترهٔ جغرافیایی", "Geographic focus", &c.geographic_focus),
                ],
            ),
            (
                "customers",
                self.pick("مشتریان", "Customers"),
                vec![
                    self.line(
                        report,
                        "گروه‌های مشتری",
                        "Segments",
                        k.segments.iter().map(|segment| &segment.who),
                    ),
                    many("نیازها", "Needs", &k.needs),
                    many("تحسین‌ها", "Praise", &k.praise),
                    many("گلایه‌ها", "Complaints", &k.complaints),
                    many(
                        "گروه‌های دست‌نخورده",
                        "Untapped segments",
                        &k.untapped_segments,
                    ),
                ],
            ),
        ];
        filled(sections)
    }

    /// A label with facts.
    pub fn line<'a>(
        self,
        report: &Report,
        fa: &'static str,
        en: &'static str,
        facts: impl Iterator<Item = &'a Fact>,
    ) -> Line {
        Line {
            label: self.pick(fa, en),
            facts: facts.map(|fact| self.fact(fact, report)).collect(),
        }
    }
}

/// Whether a click may open this address.
pub fn opens(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Code of the language whose letters a text is in; none where it has no letters.
fn language(text: &str) -> Option<&'static str> {
    let persian = |c: char| ('\u{0600}'..='\u{06FF}').contains(&c) && c.is_alphabetic();
    match text.chars().any(persian) {
        true => Some("fa"),
        false => text
            .chars()
            .any(|c| c.is_ascii_alphabetic())
            .then_some("en"),
    }
}
