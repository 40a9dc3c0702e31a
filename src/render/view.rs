//! The view of a report in one language: labels, facts with their marks, sources with their addresses.

use crate::{
    report::{
        Bilingual, Contradiction, Coverage, Dates, Disagreement, Fact, Field, Level, ParentVerdict,
        Record, Report, RuleVerdict, Ruling, Status,
        fields::{SECTIONS, Subject},
    },
    text::{
        calendar::{day_in_iran, jalali},
        lang::Lang,
        latin_digits, persian_digits,
    },
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
    pub lines: Vec<ViewLine>,
}

/// A label with its facts.
pub struct ViewLine {
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

    /// What a field is called above its values.
    pub fn label(self, field: Field) -> &'static str {
        field.label(self.fa)
    }

    /// What one value of a field is called; its path where there is no such field.
    pub fn field(self, path: &str) -> String {
        // A product that is new is told of as one.
        let field = match path {
            "products" => Some(Field::ProductNameFa),
            path => Field::of_path(path),
        };
        field.map_or_else(|| path.to_owned(), |field| field.each(self.fa).to_owned())
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
    pub fn verdict(self, verdict: &RuleVerdict) -> &'static str {
        match verdict {
            RuleVerdict::No => self.pick("ممنوع", "No"),
            RuleVerdict::NeedsPermit => self.pick("مجوز می‌خواهد", "Needs a permit"),
            RuleVerdict::Careful => self.pick("با احتیاط", "Careful"),
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
        self.cited(fact, citations.collect())
    }

    /// A fact whose citations name addresses instead of ids.
    pub fn fact_at(self, fact: &Fact) -> FactView {
        let citations = fact.evidence.iter().map(|citation| CitationView {
            id: String::new(),
            quote: citation.quote.clone(),
            url: citation.source.clone(),
            title: String::new(),
        });
        self.cited(fact, citations.collect())
    }

    fn cited(self, fact: &Fact, citations: Vec<CitationView>) -> FactView {
        let (mark, status, class) = self.mark(fact.status);
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
            citations,
        }
    }

    /// The sections of facts, without the lines that have none. Products, and what is known of segments besides who they
    /// are, have places of their own.
    pub fn sections(self, report: &Report) -> Vec<Section> {
        let shown = |field: &Field| match field.spec().subject {
            Subject::Brand => true,
            Subject::Product => false,
            Subject::Segment => *field == Field::SegmentWho,
        };
        let sections = SECTIONS.iter().map(|(code, titles)| {
            let fields = Field::ALL.iter().copied();
            let fields = fields.filter(|field| field.section() == *code && shown(field));
            let lines = fields.map(|field| self.line(report, field, report.facts.all(field)));
            Section {
                code,
                title: self.pick(titles[0], titles[1]),
                lines: known(lines),
            }
        });
        sections
            .filter(|section| !section.lines.is_empty())
            .collect()
    }

    /// A field's label with facts.
    pub fn line<'a>(
        self,
        report: &Report,
        field: Field,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> ViewLine {
        let facts = facts.into_iter();
        ViewLine {
            label: field.label(self.fa),
            facts: facts.map(|fact| self.fact(fact, report)).collect(),
        }
    }

    /// What is known of a product or segment in these fields, each on a line.
    pub fn lines(self, report: &Report, record: &Record, fields: &[Field]) -> Vec<ViewLine> {
        let lines = fields.iter();
        known(lines.map(|field| self.line(report, *field, record.all(*field))))
    }
}

/// The lines that have facts.
pub fn known(lines: impl IntoIterator<Item = ViewLine>) -> Vec<ViewLine> {
    let known = lines.into_iter().filter(|line| !line.facts.is_empty());
    known.collect()
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
