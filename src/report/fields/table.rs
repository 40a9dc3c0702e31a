//! The rows of the field table, in the order of the pages.

use super::{FieldSpec, Role, Subject, Topic, ValueKind};

impl FieldSpec {
    const fn new(
        subject: Subject,
        path: &'static str,
        many: bool,
        kind: ValueKind,
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

const fn one(
    path: &'static str,
    kind: ValueKind,
    label: (&'static str, &'static str),
) -> FieldSpec {
    FieldSpec::new(Subject::Brand, path, false, kind, label.0, label.1)
}

const fn many(
    path: &'static str,
    kind: ValueKind,
    label: (&'static str, &'static str),
) -> FieldSpec {
    FieldSpec::new(Subject::Brand, path, true, kind, label.0, label.1)
}

const fn of_product(
    path: &'static str,
    kind: ValueKind,
    label: (&'static str, &'static str),
) -> FieldSpec {
    FieldSpec::new(Subject::Product, path, false, kind, label.0, label.1)
}

const fn of_segment(
    path: &'static str,
    kind: ValueKind,
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

        pub(super) const TABLE: &[FieldSpec] = &[$($spec),*];
    };
}

fields! {
    NameFa => one("identity.name_fa", ValueKind::Name, ("نام فارسی", "Persian name"));
    NameEn => one("identity.name_en", ValueKind::Name, ("نام لاتین", "English name"));
    LegalName => one("identity.legal_name", ValueKind::Company, ("نام ثبتی", "Legal name"))
        .told("registered name of the brand's company, with its legal form")
        .tracked()
        .question("نام ثبتی شرکت چیست؟", "What is the registered name of the company?");
    NationalId => one("identity.national_id", ValueKind::Code, ("شناسهٔ ملی", "National identifier"))
        .told("شناسه ملی of the legal person, eleven digits")
        .tracked();
    WhatItDoes => one("identity.what_it_does", ValueKind::Text, ("چه می‌کند", "What it does"));
    Tagline => one("identity.tagline", ValueKind::Slogan, ("شعار", "Tagline")).tracked();
    FoundingYear => one("identity.founding_year", ValueKind::Year, ("سال تأسیس", "Founded"));
    Headquarters => one("identity.headquarters", ValueKind::Place, ("دفتر مرکزی", "Headquarters")).tracked();
    ChiefExecutive => one("identity.chief_executive", ValueKind::Person, ("مدیرعامل", "Chief executive"))
        .role(Role::Chief)
        .found_by(Topic::Ownership, "مدیرعامل شناسه ملی")
        .tracked()
        .question(
            "مدیرعامل و تصمیم‌گیرندهٔ بازاریابی چه کسی است؟",
            "Who is the chief executive, and who decides on marketing?",
        );
    Employees => one("identity.employees", ValueKind::Number, ("شمار کارکنان", "Employees"))
        .told("number of employees with its unit");
    Phone => one("identity.contact.phone", ValueKind::Contact, ("تلفن", "Phone"));
    Email => one("identity.contact.email", ValueKind::Contact, ("ایمیل", "E-mail"));
    Address => one("identity.contact.address", ValueKind::Contact, ("نشانی", "Address"));
    SocialAccounts => many("identity.social_accounts", ValueKind::Contact, ("شبکه‌های اجتماعی", "Social accounts"));
    Certifications => many("identity.certifications", ValueKind::Thing, ("گواهی‌ها", "Certifications"))
        .each("گواهی", "Certification")
        .tracked();
    ExportMarkets => many("identity.export_markets", ValueKind::Place, ("بازارهای صادراتی", "Export markets"))
        .each("بازار صادراتی", "Export market")
        .tracked();
    StockSymbol => one("identity.stock_symbol", ValueKind::Code, ("نماد بورس", "Stock symbol")).tracked();
    Trademarks => many("identity.trademarks", ValueKind::Thing, ("نشان‌های تجاری", "Trademarks"))
        .each("نشان تجاری", "Trademark")
        .tracked();
    Campaigns => many("identity.campaigns", ValueKind::Slogan, ("کمپین‌های تبلیغاتی", "Campaigns"))
        .each("کمپین", "Campaign")
        .told("advertising campaigns that sources report, by name or slogan")
        .found_by(Topic::News, "کمپین تبلیغاتی اسپانسر")
        .tracked();

    Parent => one("relationships.parent", ValueKind::Company, ("شرکت مادر", "Parent company"))
        .told("company that owns the brand")
        .relation(Role::Owner, "parent")
        .found_by(Topic::Ownership, "شرکت مالک هلدینگ")
        .tracked()
        .question("مالک یا شرکت مادر برند کیست؟", "Who owns the brand, or is its parent company?");
    UltimateParent => one("relationships.ultimate_parent", ValueKind::Company, ("مالک نهایی", "Ultimate parent"))
        .told("owner above the parent company")
        .relation(Role::Owner, "ultimate_parent")
        .tracked();
    Subsidiaries => many("relationships.subsidiaries", ValueKind::Company, ("شرکت‌های زیرمجموعه", "Subsidiaries"))
        .each("شرکت زیرمجموعه", "Subsidiary")
        .relation(Role::Owned, "subsidiary")
        .tracked();
    SisterBrands => many("relationships.sister_brands", ValueKind::Company, ("برندهای خواهر", "Sister brands"))
        .each("برند خواهر", "Sister brand")
        .told("brands of the same owner")
        .relation(Role::Sister, "sister_brand")
        .tracked();
    Shareholders => many("relationships.shareholders", ValueKind::Company, ("سهامداران", "Shareholders"))
        .each("سهامدار", "Shareholder")
        .relation(Role::Owner, "shareholder")
        .found_by(Topic::Ownership, "سهامداران");
    Affiliates => many("relationships.affiliates", ValueKind::Company, ("شرکت‌های وابسته", "Affiliates"))
        .each("شرکت وابسته", "Affiliate")
        .relation(Role::Neighbour, "affiliate");
    Competitors => many("relationships.competitors", ValueKind::Company, ("رقیبان", "Competitors"))
        .each("رقیب", "Competitor")
        .relation(Role::Rival, "competitor")
        .found_by(Topic::Market, "رقبا")
        .tracked()
        .question(
            "خود برند چه کسانی را رقیب می‌داند؟",
            "Whom does the brand itself see as its competitors?",
        );
    SimilarBrands => many("relationships.similar_brands", ValueKind::Company, ("برندهای مشابه", "Similar brands"))
        .each("برند مشابه", "Similar brand")
        .relation(Role::Neighbour, "similar_brand");
    ComplementaryBrands => many(
        "relationships.complementary_brands",
        ValueKind::Company,
        ("برندهای مکمل", "Complementary brands"),
    )
        .each("برند مکمل", "Complementary brand")
        .told("brands whose products are bought or used with it")
        .relation(Role::Neighbour, "complementary_brand");
    AdvertisingAgency => one(
        "relationships.advertising_agency",
        ValueKind::Company,
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
    Ambassadors => many("relationships.ambassadors", ValueKind::Person, ("سفیران برند", "Ambassadors"))
        .each("سفیر برند", "Ambassador")
        .told("persons who lend the brand their face")
        .relation(Role::Neighbour, "ambassador")
        .found_by(Topic::News, "سفیر برند")
        .tracked();

    IndustryFa => one("categorisation.industry.fa", ValueKind::Text, ("صنعت", "Industry (Persian)"))
        .told("industry in Persian")
        .found_by(Topic::Market, "صنعت");
    IndustryEn => one("categorisation.industry.en", ValueKind::Text, ("صنعت (انگلیسی)", "Industry"))
        .told("industry in English");
    IndustryIsic => one("categorisation.industry.isic", ValueKind::Text, ("کد آیسیک", "ISIC code"))
        .told("code of ISIC revision 4");
    SubIndustries => many("categorisation.sub_industries", ValueKind::Text, ("زیرشاخه‌ها", "Sub-industries"));
    BusinessModel => one("categorisation.business_model", ValueKind::Text, ("مدل کسب‌وکار", "Business model"));
    PriceTier => one("categorisation.price_tier", ValueKind::Text, ("سطح قیمت", "Price tier"));
    DistributionChannels => many(
        "categorisation.distribution_channels",
        ValueKind::Text,
        ("راه‌های فروش", "Distribution channels"),
    )
        .question(
            "محصول‌ها از چه راه‌هایی فروخته می‌شوند؟",
            "Through which channels are the products sold?",
        );
    MarketPosition => one("categorisation.market_position", ValueKind::Text, ("جایگاه در بازار", "Market position"))
        .told("rank or share in its market")
        .found_by(Topic::Market, "سهم بازار")
        .question(
            "سهم بازار و جایگاه برند چقدر برآورد می‌شود؟",
            "What is the estimated market share and position?",
        );
    MarketSize => one("categorisation.market_size", ValueKind::Number, ("اندازهٔ بازار", "Market size"))
        .told("size of the whole market with its unit");
    Growth => one("categorisation.growth", ValueKind::Text, ("رشد", "Growth"));
    Seasonality => one("categorisation.seasonality", ValueKind::Text, ("فصل فروش", "Seasonality"));
    GeographicFocus => many("categorisation.geographic_focus", ValueKind::Place, ("گسترهٔ جغرافیایی", "Geographic focus"));

    ProductNameFa => of_product("products.name_fa", ValueKind::Thing, ("نام محصول", "Product name"))
        .each("محصول", "Product")
        .told("a product's Persian name")
        .found_by(Topic::Products, "محصولات خدمات")
        .tracked()
        .question("محصول‌ها و خدمات اصلی کدام‌اند؟", "What are the main products and services?");
    ProductNameEn => of_product("products.name_en", ValueKind::Thing, ("نام لاتین محصول", "English product name"))
        .told("its name in Latin letters");
    ProductCategory => of_product("products.category", ValueKind::Text, ("دسته", "Category"));
    ProductDescription => of_product("products.description", ValueKind::Text, ("شرح", "Description"));
    ProductPrice => of_product("products.price", ValueKind::Money, ("قیمت", "Price"))
        .told("its price with the currency")
        .found_by(Topic::Products, "قیمت")
        .tracked()
        .question("بازهٔ قیمت محصول‌ها چقدر است؟", "What is the price range of the products?");
    ProductTargetMarket => of_product("products.target_market", ValueKind::Text, ("بازار هدف", "Target market"));
    ProductFeatures => FieldSpec::new(
        Subject::Product,
        "products.features",
        true,
        ValueKind::Text,
        "ویژگی‌ها",
        "Features",
    )
    .each("ویژگی", "Feature");

    SegmentWho => of_segment("customers.segments.who", ValueKind::Text, ("گروه‌های مشتری", "Segments"))
        .each("گروه", "Segment")
        .told("a group of customers")
        .question("مشتریان اصلی چه کسانی هستند؟", "Who are the main customers?");
    SegmentSize => of_segment("customers.segments.size", ValueKind::Number, ("اندازه", "Size"));
    SegmentDigitalBehaviour => of_segment(
        "customers.segments.digital_behaviour",
        ValueKind::Text,
        ("رفتار دیجیتال", "Digital behaviour"),
    )
        .told("what the group does online");
    Needs => many("customers.needs", ValueKind::Text, ("نیازها", "Needs"));
    Praise => many("customers.praise", ValueKind::Text, ("تحسین‌ها", "Praise"))
        .told("what customers praise")
        .found_by(Topic::Products, "نظرات مشتریان");
    Complaints => many("customers.complaints", ValueKind::Text, ("گلایه‌ها", "Complaints"))
        .told("what customers complain of");
    UntappedSegments => many("customers.untapped_segments", ValueKind::Text, ("گروه‌های دست‌نخورده", "Untapped segments"))
        .told("groups that could buy it and do not yet");
    LoyaltyProgramme => one("customers.loyalty_programme", ValueKind::Thing, ("باشگاه مشتریان", "Loyalty programme"))
        .told("its customer club or loyalty scheme, by name")
        .found_by(Topic::Products, "باشگاه مشتریان")
        .tracked();
}
