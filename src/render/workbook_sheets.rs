//! The contents of the sheets of the workbook. They are for people: words and dates are in their language, and numbers
//! are numbers; scripts have the CSV files.

use jiff::civil::Date;

use super::{tables, view::Tongue};
use crate::{
    money::Usd,
    report::{DatedOpportunity, Fact, Field, Record, Report, Source},
    text::{
        HALF_SPACE,
        calendar::{day_in_iran, jalali},
        persian_digits,
    },
};

/// What a cell holds.
#[derive(Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Count(u32),
    /// From 0 to 1.
    Share(f64),
    Usd(Usd),
    Day(Date),
    Empty,
}

/// Words in both languages.
pub struct SheetWords(&'static str, &'static str);

/// A column.
pub struct Column {
    title: SheetWords,
    /// How wide it becomes at most, in characters; longer text is wrapped.
    pub most: usize,
}

/// A sheet.
pub struct Sheet {
    name: SheetWords,
    columns: &'static [Column],
    rows: fn(Tongue, &Report) -> Vec<Vec<Cell>>,
}

/// What the margins of a cell take, in characters.
pub const MARGINS: usize = 4;

/// What is said of simulated reports.
pub const SIMULATED: SheetWords = SheetWords(
    "شبیه‌سازی: هیچ بخشی واقعی نیست",
    "Simulated: nothing in it is true",
);

const fn column(fa: &'static str, en: &'static str, most: usize) -> Column {
    Column {
        title: SheetWords(fa, en),
        most,
    }
}

/// A column with the values of a field.
const fn of(field: Field, most: usize) -> Column {
    column(field.label(true), field.label(false), most)
}

/// A column with one value of a field in each row.
const fn one_of(field: Field, most: usize) -> Column {
    column(field.each(true), field.each(false), most)
}

/// The second column of every sheet where some report is simulated.
const IS_SIMULATED: Column = column("شبیه‌سازی", "Simulated", 12);

pub const SHEETS: [Sheet; 6] = [
    Sheet {
        name: SheetWords("خلاصه", "Summary"),
        columns: &[
            column("برند", "Brand", 24),
            of(Field::Parent, 24),
            column("شرکت مادر در فهرست", "Parent in the list", 20),
            of(Field::IndustryEn, 24),
            column("پشتوانه", "Coverage", 30),
            column("نکته‌ها", "Facts", 10),
            column("با سند", "Supported", 13),
            column("سهم با سند", "Share supported", 14),
            column("محصولات", "Products", 12),
            column("فرصت‌ها", "Opportunities", 17),
            column("هزینه (دلار)", "Cost (USD)", 14),
            column("تاریخ", "Date (Iranian)", 14),
            column("تاریخ میلادی", "Date", 14),
        ],
        rows: summary,
    },
    Sheet {
        name: SheetWords("محصولات", "Products"),
        columns: &[
            column("برند", "Brand", 22),
            one_of(Field::ProductNameFa, 26),
            of(Field::ProductNameEn, 20),
            of(Field::ProductCategory, 18),
            of(Field::ProductDescription, 36),
            of(Field::ProductFeatures, 28),
            of(Field::ProductPrice, 24),
            column("وضعیت", "Status", 13),
            column("سند", "Evidence", 44),
            column("منبع", "Sources", 11),
        ],
        rows: products,
    },
    Sheet {
        name: SheetWords("فرصت‌ها", "Opportunities"),
        columns: &[
            column("برند", "Brand", 20),
            column("همکار", "Partner", 18),
            column("ایده", "Concept", 36),
            column("مخاطب", "Audience", 24),
            column("بودجه (میلیون تومان)", "Budget (million toman)", 20),
            column("مبنای بودجه", "Basis of the budget", 24),
            column("مناسبت", "Occasion", 18),
            column("زمان", "When (Iranian)", 16),
            column("آغاز (میلادی)", "Starts", 14),
            column("رزرو تا", "Book by (Iranian)", 14),
            column("رزرو تا (میلادی)", "Book by", 14),
            column("اولویت", "Priority", 12),
            column("دشواری", "Difficulty", 13),
        ],
        rows: opportunities,
    },
    Sheet {
        name: SheetWords("برندهای مرتبط", "Related brands"),
        columns: &[
            column("برند", "Brand", 22),
            column("رابطه", "Relation", 20),
            column("نام", "Name", 30),
            column("وضعیت", "Status", 13),
            column("زمان", "As of", 13),
            column("سند", "Evidence", 60),
            column("منبع", "Sources", 11),
        ],
        rows: related,
    },
    Sheet {
        name: SheetWords("منبع‌ها", "Sources"),
        columns: &[
            column("برند", "Brand", 22),
            column("شناسه", "Id", 11),
            column("عنوان", "Title", 46),
            column("نشانی", "URL", 60),
            column("تاریخ", "Retrieved (Iranian)", 15),
            column("تاریخ میلادی", "Retrieved", 15),
        ],
        rows: sources,
    },
    // Of all reports together: `owners` has its rows.
    Sheet {
        name: SheetWords("مالکیت", "Owners"),
        columns: &[
            column("شرکت", "Company", 26),
            column("رابطه", "Relation", 20),
            column("شرکت دیگر", "Other company", 26),
            column("وضعیت", "Status", 13),
            column("زمان", "As of", 13),
            column("گزارش", "Report", 22),
            column("نشانی", "Address", 40),
            column("یادداشت", "Note", 34),
        ],
        rows: |_, _| Vec::new(),
    },
];

impl SheetWords {
    pub fn own(&self, t: Tongue) -> &'static str {
        t.pick(self.0, self.1)
    }
}

impl Column {
    pub fn title(&self, t: Tongue) -> &'static str {
        self.title.own(t)
    }
}

impl Sheet {
    pub fn name(&self, t: Tongue) -> &'static str {
        self.name.own(t)
    }

    /// The columns, with the one that says what is simulated where anything is.
    pub fn columns(&self, simulated: bool) -> impl Iterator<Item = &'static Column> + use<> {
        let (brand, rest) = self.columns.split_at(1);
        let mark = simulated.then_some(&IS_SIMULATED);
        brand.iter().chain(mark).chain(rest)
    }

    /// What a report fills its rows with.
    pub fn rows(&self, t: Tongue, report: &Report, simulated: bool) -> Vec<Vec<Cell>> {
        let mut rows = (self.rows)(t, report);
        for row in &mut rows {
            row.insert(0, Cell::text(&report.brand));
            if simulated {
                let mark = report.simulated.then(|| t.pick("بله", "yes"));
                row.insert(1, mark.map_or(Cell::Empty, Cell::text));
            }
        }
        rows
    }
}

impl Cell {
    pub fn text(text: impl AsRef<str>) -> Self {
        match text.as_ref() {
            "" => Cell::Empty,
            text => Cell::Text(text.to_owned()),
        }
    }

    /// A number; as text where it is larger than anything that is counted here.
    fn count(count: impl TryInto<u32> + ToString + Copy) -> Self {
        count
            .try_into()
            .map_or_else(|_| Cell::Text(count.to_string()), Cell::Count)
    }

    /// How many lines it takes in a column as wide as this, in characters.
    pub fn lines(&self, width: usize) -> usize {
        let Cell::Text(text) = self else { return 1 };
        // The margins take some of it, and words that do not fit leave some of a line empty.
        let room = (width.saturating_sub(MARGINS) * 9 / 10).max(1);
        text.lines()
            .map(|line| match shown(line) {
                length if length + MARGINS <= width => 1,
                length => length.div_ceil(room),
            })
            .sum()
    }

    /// How many characters its longest line takes.
    pub fn length(&self) -> usize {
        match self {
            Cell::Text(text) => text.lines().map(shown).max().unwrap_or(0),
            Cell::Count(_) | Cell::Usd(_) => 8,
            Cell::Share(_) => 4,
            Cell::Day(_) => 10,
            Cell::Empty => 0,
        }
    }
}

/// The characters of a line that take room; half-spaces do not.
fn shown(line: &str) -> usize {
    line.chars().filter(|c| *c != HALF_SPACE).count()
}

impl Tongue {
    /// Says that a sheet is full.
    pub fn more_reports(self, count: usize) -> String {
        let count = self.digits(&count.to_string());
        match self.fa {
            true => format!("{count} گزارش دیگر در این برگه جا نشد؛ پوشهٔ هر برند همه‌چیز را دارد."),
            false => {
                format!(
                    "{count} more reports do not fit into this sheet; each brand's folder has everything."
                )
            }
        }
    }

    fn known(self, fact: Option<&Fact>) -> Cell {
        fact.map_or(Cell::Empty, |fact| Cell::text(self.value(&fact.value)))
    }

    /// A day of the Iranian calendar.
    fn iranian(self, day: Date) -> Cell {
        let day = jalali(day, '/');
        Cell::Text(if self.fa { persian_digits(&day) } else { day })
    }

    fn status(self, fact: Option<&Fact>) -> Cell {
        fact.map_or(Cell::Empty, |fact| Cell::text(self.mark(fact.status).1))
    }
}

/// The ids of a fact's sources, which the last sheet lists.
fn cited(fact: Option<&Fact>) -> Cell {
    fact.map_or(Cell::Empty, |fact| Cell::text(tables::sources(fact)))
}

fn quote(fact: Option<&Fact>) -> Cell {
    fact.map_or(Cell::Empty, |fact| Cell::text(tables::quote(fact)))
}

fn summary(t: Tongue, r: &Report) -> Vec<Vec<Cell>> {
    let day = day_in_iran(r.generated_at);
    let opportunities = r.insights.as_ref().map_or(0, |i| i.opportunities.len());
    vec![vec![
        t.known(r.facts.one(Field::Parent)),
        Cell::text(t.parent(&r.quality.parent.verdict)),
        t.known(r.facts.industry(t.fa)),
        Cell::text(t.coverage(&r.quality.coverage)),
        Cell::count(r.quality.facts),
        Cell::count(r.quality.facts_supported),
        r.quality.share_supported.map_or(Cell::Empty, Cell::Share),
        Cell::count(r.facts.products.len()),
        Cell::count(opportunities),
        Cell::Usd(r.cost.usd),
        t.iranian(day),
        Cell::Day(day),
    ]]
}

fn products(t: Tongue, r: &Report) -> Vec<Vec<Cell>> {
    let row = |p: &Record| {
        let name = p.product_name();
        // Not the same name twice.
        let latin = p.one(Field::ProductNameFa);
        let latin = latin.and_then(|_| p.one(Field::ProductNameEn));
        let features = p.all(Field::ProductFeatures).iter();
        let features: Vec<&str> = features.map(|fact| fact.value.as_str()).collect();
        vec![
            t.known(name),
            t.known(latin),
            t.known(p.one(Field::ProductCategory)),
            t.known(p.one(Field::ProductDescription)),
            Cell::text(t.value(&features.join("\n"))),
            t.known(p.one(Field::ProductPrice)),
            t.status(name),
            quote(name),
            cited(name),
        ]
    };
    r.facts.products.iter().map(row).collect()
}

fn opportunities(t: Tongue, r: &Report) -> Vec<Vec<Cell>> {
    let row = |dated: &DatedOpportunity| {
        let (o, dates) = (&dated.opportunity, dated.dates.as_ref());
        let book_by = dates.and_then(|dates| dates.book_by);
        vec![
            Cell::text(&o.partner),
            Cell::text(t.text(&o.concept)),
            Cell::text(t.text(&o.audience)),
            o.budget_million_toman.map_or(Cell::Empty, Cell::count),
            Cell::text(t.text(&o.budget_basis)),
            dates.map_or(Cell::Empty, |dates| Cell::text(t.text(&dates.name))),
            dates.map_or(Cell::Empty, |dates| t.iranian(dates.starts)),
            dates.map_or(Cell::Empty, |dates| Cell::Day(dates.starts)),
            book_by.map_or(Cell::Empty, |day| t.iranian(day)),
            book_by.map_or(Cell::Empty, Cell::Day),
            Cell::text(t.level(&o.priority)),
            Cell::text(t.level(&o.difficulty)),
        ]
    };
    let insights = r.insights.iter();
    insights
        .flat_map(|insights| &insights.opportunities)
        .map(row)
        .collect()
}

fn related(t: Tongue, r: &Report) -> Vec<Vec<Cell>> {
    let row = |(field, fact): (Field, &Fact)| {
        vec![
            Cell::text(field.each(t.fa)),
            t.known(Some(fact)),
            t.status(Some(fact)),
            fact.as_of
                .as_ref()
                .map_or(Cell::Empty, |day| Cell::text(t.digits(day))),
            quote(Some(fact)),
            cited(Some(fact)),
        ]
    };
    tables::relations(r).map(row).collect()
}

fn sources(t: Tongue, r: &Report) -> Vec<Vec<Cell>> {
    let row = |s: &Source| {
        let day = day_in_iran(s.retrieved_at);
        vec![
            Cell::text(&s.id),
            Cell::text(&s.title),
            Cell::text(&s.url),
            t.iranian(day),
            Cell::Day(day),
        ]
    };
    r.sources.iter().map(row).collect()
}
