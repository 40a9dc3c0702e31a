//! The field table: everything that a report can know of a brand, one row a field.
//!
//! Schema, prompt, searches, verification, pages, tables, comparison and the file format read this table. To add a field
//! is to add a row.

/// Of what a field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The brand itself.
    Brand,
    /// One of its products.
    Product,
    /// One of its groups of customers.
    Segment,
}

/// What a value is, which decides when two values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A phrase that describes.
    Text,
    /// The name of the brand in one script.
    Name,
    /// The name of a product, a trademark or a certificate: another figure or variety is another one.
    Thing,
    /// A company or brand: legal forms and general words do not count.
    Company,
    /// A person: titles do not count, and a name may be given in part.
    Person,
    /// A place: one may be given more exactly than the other.
    Place,
    /// A slogan: most of its words have to be others.
    Slogan,
    /// An identifier: its letters and digits alone count.
    Code,
    /// A way to reach the brand; there may be several.
    Contact,
    /// A year in either calendar.
    Year,
    /// A count or a share.
    Number,
    /// A sum of money.
    Money,
}

impl Kind {
    /// Whether two values of a field that holds one contradict each other. Two phrases may both be true.
    pub fn is_exclusive(self) -> bool {
        match self {
            Self::Company
            | Self::Person
            | Self::Place
            | Self::Code
            | Self::Year
            | Self::Number
            | Self::Money => true,
            Self::Text | Self::Name | Self::Thing | Self::Slogan | Self::Contact => false,
        }
    }
}

/// What one company or person is to the brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Owner, parent company, shareholder.
    Owner,
    /// What the brand's company owns.
    Owned,
    Sister,
    Rival,
    Chief,
    /// Named beside the brand in another way.
    Neighbour,
}

/// The search that covers a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Who owns and leads it.
    Ownership,
    /// What it sells, at which price, and what customers say.
    Products,
    /// What it did lately, and how it advertises.
    News,
    /// Its trade and its rivals.
    Market,
    /// Anything that says who it is; no search is made for it alone.
    Profile,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its place in `brand_report.json`, without the numbers of products and segments.
    pub path: &'static str,
    pub subject: Subject,
    /// Whether several values may be true at once.
    pub many: bool,
    pub kind: Kind,
    /// What it is called above its values.
    label: [&'static str; 2],
    /// What one of its values is called, where that is another word.
    each: Option<[&'static str; 2]>,
    /// What the model is told of it; empty where its id says enough.
    pub told: &'static str,
    pub topic: Topic,
    /// Words that the search of its topic has for it; empty where others bring it along.
    pub search: &'static str,
    /// What a company or person in it is to the brand.
    pub role: Option<Role>,
    /// How tables for scripts call the relationship.
    pub relation: Option<&'static str>,
    /// Whether a new value is news.
    pub tracked: bool,
    /// What the client is asked where it is not known.
    question: Option<[&'static str; 2]>,
}

impl FieldSpec {
    const fn new(
        subject: Subject,
        path: &'static str,
        many: bool,
        kind: Kind,
        fa: &'static str,
        en: &'static str,
    ) -> Self {
        Self {
            path,
            subject,
            many,
            kind,
            label: [fa, en],
            each: None,
            told: "",
            topic: Topic::Profile,
            search: "",
            role: None,
            relation: None,
            tracked: false,
            question: None,
        }
    }

    const fn each(mut self, fa: &'static str, en: &'static str) -> Self {
        self.each = Some([fa, en]);
        self
    }

    const fn told(mut self, told: &'static str) -> Self {
        self.told = told;
        self
    }

    const fn found_by(mut self, topic: Topic, search: &'static str) -> Self {
        self.topic = topic;
        self.search = search;
        self
    }

    const fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    const fn relation(mut self, role: Role, code: &'static str) -> Self {
        self.role = Some(role);
        self.relation = Some(code);
        self
    }

    const fn tracked(mut self) -> Self {
        self.tracked = true;
        self
    }

    const fn question(mut self, fa: &'static str, en: &'static str) -> Self {
        self.question = Some([fa, en]);
        self
    }
}

const fn one(path: &'static str, kind: Kind, label: (&'static str, &'static str)) -> FieldSpec {
    FieldSpec::new(Subject::Brand, path, false, kind, label.0, label.1)
}

const fn many(path: &'static str, kind: Kind, label: (&'static str, &'static str)) -> FieldSpec {
    FieldSpec::new(Subject::Brand, path, true, kind, label.0, label.1)
}

const fn of_product(
    path: &'static str,
    kind: Kind,
    label: (&'static str, &'static str),
) -> FieldSpec {
    FieldSpec::new(Subject::Product, path, false, kind, label.0, label.1)
}

const fn of_segment(
    path: &'static str,
    kind: Kind,
    label: (&'static str, &'static str),
) -> FieldSpec {
    FieldSpec::new(Subject::Segment, path, false, kind, label.0, label.1)
}

/// Makes the type that names a field in code, and the table that it leads to.
macro_rules! fields {
    ($($name:ident => $spec:expr;)*) => {
        /// A field of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($name,)*
        }

        impl Field {
            /// All fields, in the order of pages.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }

        const TABLE: &[FieldSpec] = &[$($spec),*];
    };
}

fields! {
    NameFa => one("identity.name_fa", Kind::Name, ("نام فارسی", "Persian name"));
    NameEn => one("identity.name_en", Kind::Name, ("نام لاتین", "English name"));
    LegalName => one("identity.legal_name", Kind::Company, ("نام ثبتی", "Legal name"))
        .told("registered name of the brand's company, with its legal form")
        .tracked()
        .question("نام ثبتی شرکت چیست؟", "What is the registered name of the company?");
    NationalId => one("identity.national_id", Kind::Code, ("شناسهٔ ملی", "National identifier"))
        .told("شناسه ملی of the legal person, eleven digits")
        .tracked();
    WhatItDoes => one("identity.what_it_does", Kind::Text, ("چه می‌کند", "What it does"));
    Tagline => one("identity.tagline", Kind::Slogan, ("شعار", "Tagline")).tracked();
    FoundingYear => one("identity.founding_year", Kind::Year, ("سال تأسیس", "Founded"));
    Headquarters => one("identity.headquarters", Kind::Place, ("دفتر مرکزی", "Headquarters")).tracked();
    ChiefExecutive => one("identity.chief_executive", Kind::Person, ("مدیرعامل", "Chief executive"))
        .role(Role::Chief)
        .found_by(Topic::Ownership, "مدیرعامل شناسه ملی")
        .tracked()
        .question(
            "مدیرعامل و تصمیم‌گیرندهٔ بازاریابی چه کسی است؟",
            "Who is the chief executive, and who decides on marketing?",
        );
    Employees => one("identity.employees", Kind::Number, ("شمار کارکنان", "Employees"))
        .told("number of employees with its unit");
    Phone => one("identity.contact.phone", Kind::Contact, ("تلفن", "Phone"));
    Email => one("identity.contact.email", Kind::Contact, ("ایمیل", "E-mail"));
    Address => one("identity.contact.address", Kind::Contact, ("نشانی", "Address"));
    SocialAccounts => many("identity.social_accounts", Kind::Contact, ("شبکه‌های اجتماعی", "Social accounts"));
    Certifications => many("identity.certifications", Kind::Thing, ("گواهی‌ها", "Certifications"))
        .each("گواهی", "Certification")
        .tracked();
    ExportMarkets => many("identity.export_markets", Kind::Place, ("بازارهای صادراتی", "Export markets"))
        .each("بازار صادراتی", "Export market")
        .tracked();
    StockSymbol => one("identity.stock_symbol", Kind::Code, ("نماد بورس", "Stock symbol")).tracked();
    Trademarks => many("identity.trademarks", Kind::Thing, ("نشان‌های تجاری", "Trademarks"))
        .each("نشان تجاری", "Trademark")
        .tracked();
    Campaigns => many("identity.campaigns", Kind::Slogan, ("کمپین‌های تبلیغاتی", "Campaigns"))
        .each("کمپین", "Campaign")
        .told("advertising campaigns that sources report, by name or slogan")
        .found_by(Topic::News, "کمپین تبلیغاتی اسپانسر")
        .tracked();

    Parent => one("relationships.parent", Kind::Company, ("شرکت مادر", "Parent company"))
        .told("company that owns the brand")
        .relation(Role::Owner, "parent")
        .found_by(Topic::Ownership, "شرکت مالک هلدینگ")
        .tracked()
        .question("مالک یا شرکت مادر برند کیست؟", "Who owns the brand, or is its parent company?");
    UltimateParent => one("relationships.ultimate_parent", Kind::Company, ("مالک نهایی", "Ultimate parent"))
        .told("owner above the parent company")
        .relation(Role::Owner, "ultimate_parent")
        .tracked();
    Subsidiaries => many("relationships.subsidiaries", Kind::Company, ("شرکت‌های زیرمجموعه", "Subsidiaries"))
        .each("شرکت زیرمجموعه", "Subsidiary")
        .relation(Role::Owned, "subsidiary")
        .tracked();
    SisterBrands => many("relationships.sister_brands", Kind::Company, ("برندهای خواهر", "Sister brands"))
        .each("برند خواهر", "Sister brand")
        .told("brands of the same owner")
        .relation(Role::Sister, "sister_brand")
        .tracked();
    Shareholders => many("relationships.shareholders", Kind::Company, ("سهامداران", "Shareholders"))
        .each("سهامدار", "Shareholder")
        .relation(Role::Owner, "shareholder")
        .found_by(Topic::Ownership, "سهامداران");
    Affiliates => many("relationships.affiliates", Kind::Company, ("شرکت‌های وابسته", "Affiliates"))
        .each("شرکت وابسته", "Affiliate")
        .relation(Role::Neighbour, "affiliate");
    Competitors => many("relationships.competitors", Kind::Company, ("رقیبان", "Competitors"))
        .each("رقیب", "Competitor")
        .relation(Role::Rival, "competitor")
        .found_by(Topic::Market, "رقبا")
        .tracked()
        .question(
            "خود برند چه کسانی را رقیب می‌داند؟",
            "Whom does the brand itself see as its competitors?",
        );
    SimilarBrands => many("relationships.similar_brands", Kind::Company, ("برندهای مشابه", "Similar brands"))
        .each("برند مشابه", "Similar brand")
        .relation(Role::Neighbour, "similar_brand");
    ComplementaryBrands => many(
        "relationships.complementary_brands",
        Kind::Company,
        ("برندهای مکمل", "Complementary brands"),
    )
        .each("برند مکمل", "Complementary brand")
        .told("brands whose products are bought or used with it")
        .relation(Role::Neighbour, "complementary_brand");
    AdvertisingAgency => one(
        "relationships.advertising_agency",
        Kind::Company,
        ("آژانس تبلیغاتی", "Advertising agency"),
    )
        .told("agency that makes or places its advertising")
        .relation(Role::Neighbour, "advertising_agency")
        .found_by(Topic::News, "آژانس تبلیغات")
        .tracked()
        .question(
            "اکنون کدام آژانس تبلیغات برند را انجام می‌دهد؟",
            "Which agency handles the brand's advertising now?",
        );
    Ambassadors => many("relationships.ambassadors", Kind::Person, ("سفیران برند", "Ambassadors"))
        .each("سفیر برند", "Ambassador")
        .told("persons who lend the brand their face")
        .relation(Role::Neighbour, "ambassador")
        .found_by(Topic::News, "سفیر برند")
        .tracked();

    IndustryFa => one("categorisation.industry.fa", Kind::Text, ("صنعت", "Industry (Persian)"))
        .told("industry in Persian")
        .found_by(Topic::Market, "صنعت");
    IndustryEn => one("categorisation.industry.en", Kind::Text, ("صنعت (انگلیسی)", "Industry"))
        .told("industry in English");
    IndustryIsic => one("categorisation.industry.isic", Kind::Text, ("کد آیسیک", "ISIC code"))
        .told("code of ISIC revision 4");
    SubIndustries => many("categorisation.sub_industries", Kind::Text, ("زیرشاخه‌ها", "Sub-industries"));
    BusinessModel => one("categorisation.business_model", Kind::Text, ("مدل کسب‌وکار", "Business model"));
    PriceTier => one("categorisation.price_tier", Kind::Text, ("سطح قیمت", "Price tier"));
    DistributionChannels => many(
        "categorisation.distribution_channels",
        Kind::Text,
        ("راه‌های فروش", "Distribution channels"),
    )
        .question(
            "محصول‌ها از چه راه‌هایی فروخته می‌شوند؟",
            "Through which channels are the products sold?",
        );
    MarketPosition => one("categorisation.market_position", Kind::Text, ("جایگاه در بازار", "Market position"))
        .told("rank or share in its market")
        .found_by(Topic::Market, "سهم بازار")
        .question(
            "سهم بازار و جایگاه برند چقدر برآورد می‌شود؟",
            "What is the estimated market share and position?",
        );
    MarketSize => one("categorisation.market_size", Kind::Number, ("اندازهٔ بازار", "Market size"))
        .told("size of the whole market with its unit");
    Growth => one("categorisation.growth", Kind::Text, ("رشد", "Growth"));
    Seasonality => one("categorisation.seasonality", Kind::Text, ("فصل فروش", "Seasonality"));
    GeographicFocus => many("categorisation.geographic_focus", Kind::Place, ("گسترهٔ جغرافیایی", "Geographic focus"));

    ProductNameFa => of_product("products.name_fa", Kind::Thing, ("نام محصول", "Product name"))
        .each("محصول", "Product")
        .told("a product's Persian name")
        .found_by(Topic::Products, "محصولات خدمات")
        .tracked()
        .question("محصول‌ها و خدمات اصلی کدام‌اند؟", "What are the main products and services?");
    ProductNameEn => of_product("products.name_en", Kind::Thing, ("نام لاتین محصول", "English product name"))
        .told("its name in Latin letters");
    ProductCategory => of_product("products.category", Kind::Text, ("دسته", "Category"));
    ProductDescription => of_product("products.description", Kind::Text, ("شرح", "Description"));
    ProductPrice => of_product("products.price", Kind::Money, ("قیمت", "Price"))
        .told("its price with the currency")
        .found_by(Topic::Products, "قیمت")
        .tracked()
        .question("بازهٔ قیمت محصول‌ها چقدر است؟", "What is the price range of the products?");
    ProductTargetMarket => of_product("products.target_market", Kind::Text, ("بازار هدف", "Target market"));
    ProductFeatures => FieldSpec::new(
        Subject::Product,
        "products.features",
        true,
        Kind::Text,
        "ویژگی‌ها",
        "Features",
    )
    .each("ویژگی", "Feature");

    SegmentWho => of_segment("customers.segments.who", Kind::Text, ("گروه‌های مشتری", "Segments"))
        .each("گروه", "Segment")
        .told("a group of customers")
        .question("مشتریان اصلی چه کسانی هستند؟", "Who are the main customers?");
    SegmentSize => of_segment("customers.segments.size", Kind::Number, ("اندازه", "Size"));
    SegmentDigitalBehaviour => of_segment(
        "customers.segments.digital_behaviour",
        Kind::Text,
        ("رفتار دیجیتال", "Digital behaviour"),
    )
        .told("what the group does online");
    Needs => many("customers.needs", Kind::Text, ("نیازها", "Needs"));
    Praise => many("customers.praise", Kind::Text, ("تحسین‌ها", "Praise"))
        .told("what customers praise")
        .found_by(Topic::Products, "نظرات مشتریان");
    Complaints => many("customers.complaints", Kind::Text, ("گلایه‌ها", "Complaints"))
        .told("what customers complain of");
    UntappedSegments => many("customers.untapped_segments", Kind::Text, ("گروه‌های دست‌نخورده", "Untapped segments"))
        .told("groups that could buy it and do not yet");
    LoyaltyProgramme => one("customers.loyalty_programme", Kind::Thing, ("باشگاه مشتریان", "Loyalty programme"))
        .told("its customer club or loyalty scheme, by name")
        .found_by(Topic::Products, "باشگاه مشتریان")
        .tracked();
}

/// The sections of a report that hold facts, in their order, with their titles.
pub const SECTIONS: [(&str, [&str; 2]); 5] = [
    ("identity", ["هویت", "Identity"]),
    (
        "relationships",
        ["مالکیت و روابط", "Ownership and relationships"],
    ),
    ("categorisation", ["صنعت و بازار", "Industry and market"]),
    ("products", ["محصولات و خدمات", "Products and services"]),
    ("customers", ["مشتریان", "Customers"]),
];

impl Field {
    /// Its row in the table.
    pub const fn spec(self) -> &'static FieldSpec {
        &TABLE[self as usize]
    }

    /// What claims call it: its path, without the section where nothing else has that name.
    pub fn id(self) -> &'static str {
        let path = self.spec().path;
        match self.spec().subject {
            Subject::Product => path,
            Subject::Brand | Subject::Segment => {
                path.split_once('.').map_or(path, |(_, rest)| rest)
            }
        }
    }

    /// The section of the report that it stands in.
    pub fn section(self) -> &'static str {
        let path = self.spec().path;
        path.split_once('.').map_or(path, |(section, _)| section)
    }

    /// Its label above its values, in Persian or in English.
    pub const fn label(self, persian: bool) -> &'static str {
        self.spec().label[!persian as usize]
    }

    /// What one of its values is called, in Persian or in English.
    pub const fn each(self, persian: bool) -> &'static str {
        match self.spec().each {
            Some(each) => each[!persian as usize],
            None => self.label(persian),
        }
    }

    /// What the client is asked where it is not known, in Persian and in English.
    pub fn question(self) -> Option<[&'static str; 2]> {
        self.spec().question
    }

    /// The field of a path in a report, with or without the numbers of places in lists.
    pub fn of_path(path: &str) -> Option<Self> {
        let names = path
            .split('.')
            .filter(|part| part.parse::<usize>().is_err());
        let names: Vec<&str> = names.collect();
        let path = names.join(".");
        Self::ALL
            .iter()
            .copied()
            .find(|field| field.spec().path == path)
    }

    /// The field that a claim names: by its id or path, or by its last word where only one field has that.
    pub fn of_claim(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let by_id = Self::ALL.iter().find(|field| field.id() == name);
        if let Some(field) = by_id.copied().or_else(|| Self::of_path(&name)) {
            return Some(field);
        }
        let last = |path: &'static str| path.rsplit('.').next();
        let wanted = name.rsplit('.').next();
        let mut named = Self::ALL.iter().filter(|field| last(field.id()) == wanted);
        match (named.next(), named.next()) {
            (Some(field), None) => Some(*field),
            _ => None,
        }
    }

    /// Fields of one topic that its search has words for.
    pub fn searched_by(topic: Topic) -> impl Iterator<Item = &'static str> {
        let specs = Self::ALL.iter().map(|field| field.spec());
        let of_topic = specs.filter(move |spec| spec.topic == topic && !spec.search.is_empty());
        of_topic.map(|spec| spec.search)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_field_has_one_path_one_id_and_one_label_in_its_section() {
        let mut seen = HashSet::new();
        for field in Field::ALL {
            let path = field.spec().path;
            assert!(
                SECTIONS
                    .iter()
                    .any(|(section, _)| *section == field.section()),
                "{path}"
            );
            for name in [path, field.id()] {
                assert_eq!(Field::of_claim(name), Some(*field), "{name}");
            }
            assert_eq!(Field::of_path(path), Some(*field));
            for persian in [true, false] {
                assert!(
                    seen.insert((field.spec().subject as u8, field.label(persian))),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn a_claim_may_name_a_field_by_its_last_word_where_that_is_unambiguous() {
        assert_eq!(Field::of_claim("Founding_Year"), Some(Field::FoundingYear));
        assert_eq!(Field::of_claim("phone"), Some(Field::Phone));
        assert_eq!(Field::of_claim("price"), Some(Field::ProductPrice));
        assert_eq!(
            Field::of_claim("products.3.price"),
            Some(Field::ProductPrice)
        );
        assert_eq!(Field::of_claim("name_fa"), Some(Field::NameFa));
        assert_eq!(Field::of_claim("favourite_colour"), None);
    }
}
