//! The pages of the city: sites, a register, newspapers that copy from each other, shops, reviews, an English profile;
//! stale pages, namesakes, near names, traps of direction, and passages that give orders to machines.

use super::{
    Page,
    phrases::{of_field, say},
    truth::{Brand, Kind, TRADES, national_id, persian, person, place},
};

const SIMULATED: &str = "این صفحه شبیه‌سازی شده و هیچ چیز آن درست نیست.";

/// Newspapers that print what they are sent.
const PRESS: [&str; 5] = ["khabar", "ruznameh", "payam", "bamdad", "sobh"];

struct Writer<'a> {
    brands: &'a [Brand],
    random: fastrand::Rng,
    pages: Vec<Page>,
    about: Option<usize>,
}

/// Writes all pages.
pub(super) fn write(brands: &[Brand], seed: u64) -> Vec<Page> {
    let mut writer = Writer {
        brands,
        random: fastrand::Rng::with_seed(seed ^ 0x5eed),
        pages: Vec::new(),
        about: None,
    };
    for (i, brand) in brands.iter().enumerate() {
        match brand.kind {
            Kind::Unknown => {}
            Kind::Known => writer.known(i, brand),
            Kind::Ambiguous => {
                writer.namesake(brand, brand.trade, i, "yek");
                writer.namesake(brand, brand.namesake.unwrap_or(brand.trade), i, "do");
            }
        }
    }
    writer.pages
}

impl Writer<'_> {
    fn known(&mut self, i: usize, brand: &Brand) {
        self.about = Some(i);
        self.own(brand);
        self.register(i, brand);
        self.press(i, brand);
        if brand.market_page {
            self.market(i, brand);
        }
        self.shop(i, brand);
        self.reviews(i, brand);
        self.english(i, brand);
        self.stale(i, brand);
        self.attacked(i, brand);
        self.about = None;
        if let Some(trade) = brand.namesake {
            self.namesake(brand, trade, i, "digar");
        }
        if brand.near_name {
            self.near_name(i, brand);
        }
    }

    fn own(&mut self, brand: &Brand) {
        let Some(host) = &brand.site else { return };
        let name = &brand.name;
        let site = format!("وب‌سایت {name} نشانی {host} دارد.");
        let home = [
            vec![does(brand), self.fact(brand, "categorisation.industry.fa")],
            self.prices(brand),
        ]
        .concat();
        self.page(host, "", &format!("{name} | وب‌سایت رسمی"), home);
        let about = self.facts(
            brand,
            &[
                "identity.founding_year",
                "identity.headquarters",
                "identity.chief_executive",
                "relationships.parent",
            ],
        );
        self.page(
            host,
            "/about",
            &format!("دربارهٔ {name}"),
            [vec![does(brand)], about, vec![site]].concat(),
        );
    }

    fn register(&mut self, i: usize, brand: &Brand) {
        let fields = [
            "identity.legal_name",
            "identity.national_id",
            "relationships.parent",
            "identity.founding_year",
        ];
        let facts = self.facts(brand, &fields);
        let site = brand
            .site
            .as_ref()
            .map(|host| format!("وب‌سایت {} نشانی {host} دارد.", brand.name));
        let title = format!("{} در دفتر شرکت‌های شهر", brand.name);
        self.page(
            "sabt.example",
            &format!("/c/{i}"),
            &title,
            [facts, vec![does(brand)], site.into_iter().collect()].concat(),
        );
    }

    /// One release, printed by five papers with a line of their own each.
    fn press(&mut self, i: usize, brand: &Brand) {
        let date = self.date(1_405);
        let fields = [
            "identity.chief_executive",
            "identity.employees",
            "relationships.complementary_brands",
            "identity.campaigns",
        ];
        let mut release = vec![date, does(brand)];
        release.extend(self.facts(brand, &fields));
        release.push(format!(
            "{} این هفته حامی مسابقهٔ دوچرخه‌سواری شهر شد.",
            brand.name
        ));
        for paper in PRESS {
            let mut text = release.clone();
            text.push(format!(
                "گزارش {paper}، شمارهٔ {}.",
                persian(self.random.u32(100..9_999))
            ));
            self.page(
                &format!("{paper}.example"),
                &format!("/n/{i}"),
                &format!("خبر تازهٔ {}", brand.name),
                text,
            );
        }
    }

    /// A page that compares: what it says of rivals is not said of the brand.
    fn market(&mut self, i: usize, brand: &Brand) {
        let [one, two] = &brand.rivals;
        let mut text = vec![does(brand)];
        text.extend(self.facts(
            brand,
            &["relationships.competitors", "relationships.sister_brands"],
        ));
        let told = [
            (one, "identity.founding_year"),
            (two, "identity.chief_executive"),
            (one, "customers.praise"),
        ];
        for (rival, field) in told {
            let known = self.brands.iter().find(|of| of.name == *rival);
            text.extend(
                known
                    .map(|rival| self.facts(rival, &[field]))
                    .unwrap_or_default(),
            );
        }
        self.page(
            "bazarnama.example",
            &format!("/m/{i}"),
            &format!("بازار و رقیبان {}", brand.name),
            text,
        );
    }

    fn shop(&mut self, i: usize, brand: &Brand) {
        let mut text = self.prices(brand);
        // The same prices in rial: nothing contradicts.
        let products: Vec<&str> = values(brand, "products.name");
        for (product, price) in products.iter().zip(values(brand, "products.price")) {
            let thousands: String = price.chars().filter(|c| c.is_numeric()).collect();
            text.push(say(
                "قیمت {p} در سبد {b} {v} است",
                &brand.name,
                &format!("{thousands}۰٬۰۰۰ ریال"),
                product,
            ));
        }
        text.extend(self.facts(brand, &["categorisation.distribution_channels"]));
        self.page(
            "dokan.example",
            &format!("/p/{i}"),
            &format!("قیمت محصولات {}", brand.name),
            text,
        );
    }

    fn reviews(&mut self, i: usize, brand: &Brand) {
        let fields = [
            "customers.segments.who",
            "customers.praise",
            "customers.complaints",
        ];
        let text = [vec![does(brand)], self.facts(brand, &fields)].concat();
        self.page(
            "nazar.example",
            &format!("/r/{i}"),
            &format!("نظر مشتریان دربارهٔ {}", brand.name),
            text,
        );
    }

    fn english(&mut self, i: usize, brand: &Brand) {
        let mut text = vec![format!("{} is a brand of the city.", brand.name)];
        if let Some(year) = values(brand, "identity.founding_year").first() {
            let digits: String = year
                .chars()
                .filter_map(|c| Some((c as u32).checked_sub('۰' as u32)?.to_string()))
                .collect();
            let gregorian = digits.parse::<u32>().unwrap_or(0) + 621;
            text.push(say(
                "{b} was founded in {v}",
                &brand.name,
                &gregorian.to_string(),
                "",
            ));
        }
        if let Some(parent) = values(brand, "relationships.parent").first() {
            text.push(say("{b} belongs to {v}", &brand.name, parent, ""));
        }
        text.push("Published: 2026-05-10.".to_owned());
        let title = format!("{} ({}) company profile", brand.latin, brand.name);
        self.page("profiles.example", &format!("/en/{i}"), &title, text);
    }

    /// Old news, and what was so once.
    fn stale(&mut self, i: usize, brand: &Brand) {
        let mut text = Vec::new();
        for dispute in &brand.disputes {
            text.push(self.phrase(dispute.field, &brand.name, &dispute.wrong, ""));
        }
        if let Some(former) = &brand.former_chief {
            let founded = person(&mut self.random);
            let phrase = "{v} از مدیرعاملی {b} کناره‌گیری کرد تا {p} را بنیان بگذارد";
            text.push(say(
                phrase,
                &brand.name,
                former,
                &format!("کارگاه {founded}"),
            ));
            text.push(say("{b} مالک {v} است", &brand.name, "انبار پل‌سنگی", ""));
        }
        if !text.is_empty() {
            text.insert(0, self.date(1_394));
            text.push(does(brand));
            self.page(
                "bayegani.example",
                &format!("/old/{i}"),
                &format!("از بایگانی: {}", brand.name),
                text,
            );
        }
    }

    fn attacked(&mut self, i: usize, brand: &Brand) {
        for (n, attack) in brand.attacks.iter().enumerate() {
            let text = vec![
                does(brand),
                attack.text.clone(),
                format!("{} را در نمایشگاه شهر ببینید.", brand.name),
            ];
            self.page(
                "weblog.example",
                &format!("/w/{i}-{n}"),
                &format!("یادداشتی دربارهٔ {}", brand.name),
                text,
            );
        }
    }

    /// Another company of the same name, in another trade.
    fn namesake(&mut self, brand: &Brand, trade: usize, i: usize, mark: &str) {
        let name = &brand.name;
        let of_trade = &TRADES[trade];
        let host = format!("{}-{mark}.example", brand.latin);
        let does = format!("{name} {}.", of_trade.does);
        let site = format!("وب‌سایت {name} نشانی {host} دارد.");
        let year = persian(self.random.u32(1_330..1_398));
        let (chief, place, id) = (
            person(&mut self.random),
            place(&mut self.random),
            national_id(&mut self.random),
        );
        let said = [
            self.phrase("categorisation.industry.fa", name, of_trade.industry, ""),
            self.phrase("identity.founding_year", name, &year, ""),
            self.phrase("identity.chief_executive", name, &chief, ""),
            self.phrase("identity.headquarters", name, &place, ""),
            self.phrase("identity.national_id", name, &id, ""),
            self.phrase(
                "products.price",
                name,
                "۹۹۹ هزار تومان",
                of_trade.products[2],
            ),
        ];
        let text = |from: usize| {
            [
                vec![does.clone()],
                said[from..from + 2].to_vec(),
                vec![site.clone()],
            ]
            .concat()
        };
        self.page(
            &host,
            "",
            &format!("{name} | {}", of_trade.industry),
            text(0),
        );
        self.page(
            "rahnama.example",
            &format!("/{mark}/{i}"),
            &format!("{name} در راهنمای شهر"),
            text(2),
        );
        self.page(
            "sabt.example",
            &format!("/{mark}/{i}"),
            &format!("{name} در دفتر شرکت‌های شهر"),
            text(4),
        );
    }

    fn near_name(&mut self, i: usize, brand: &Brand) {
        let name = format!("{} پلاس", brand.name);
        let chief = person(&mut self.random);
        let year = persian(self.random.u32(1_330..1_398));
        let text = vec![
            format!("{name} {}.", TRADES[brand.trade].does),
            self.phrase("identity.chief_executive", &name, &chief, ""),
            self.phrase("identity.founding_year", &name, &year, ""),
        ];
        self.page(
            "rahnama.example",
            &format!("/plus/{i}"),
            &format!("{name} در راهنمای شهر"),
            text,
        );
    }

    fn prices(&mut self, brand: &Brand) -> Vec<String> {
        let products = values(brand, "products.name");
        let prices = values(brand, "products.price");
        let pairs = products.iter().zip(prices);
        pairs
            .map(|(product, price)| self.phrase("products.price", &brand.name, price, product))
            .collect()
    }

    fn fact(&mut self, brand: &Brand, field: &'static str) -> String {
        self.facts(brand, &[field]).pop().unwrap_or_default()
    }

    fn facts(&mut self, brand: &Brand, fields: &[&'static str]) -> Vec<String> {
        let all = fields.iter().flat_map(|field| {
            values(brand, field)
                .into_iter()
                .map(move |value| (field, value))
        });
        all.map(|(field, value)| self.phrase(field, &brand.name, value, ""))
            .collect()
    }

    /// One of the Persian ways to say it.
    fn phrase(&mut self, field: &str, brand: &str, value: &str, product: &str) -> String {
        let mut ways = of_field(field);
        ways.retain(|phrase| !phrase.contains("was founded") && !phrase.contains("belongs"));
        say(ways[self.random.usize(..ways.len())], brand, value, product)
    }

    fn date(&mut self, year: u32) -> String {
        let (month, day) = (self.random.u32(1..8), self.random.u32(1..29));
        format!(
            "تاریخ انتشار: {}/{}/{}.",
            persian(year),
            persian(month),
            persian(day)
        )
    }

    /// A page as somebody typed it: with Arabic letters and digits on some, without half-spaces on others.
    fn page(&mut self, host: &str, path: &str, title: &str, mut sentences: Vec<String>) {
        sentences.push(SIMULATED.to_owned());
        let text = sentences.join(" ");
        let (title, text) = match self.random.u8(..5) {
            0 => (arabic(title), arabic(&text)),
            1 => (
                title.replace('\u{200C}', " "),
                text.replace('\u{200C}', " "),
            ),
            _ => (title.to_owned(), text),
        };
        self.pages.push(Page {
            url: format!("https://{host}{path}"),
            title,
            text,
            about: self.about,
        });
    }
}

fn values<'a>(brand: &'a Brand, field: &str) -> Vec<&'a str> {
    let of_field = brand.facts.iter().filter(|fact| fact.field == field);
    of_field.map(|fact| fact.value.as_str()).collect()
}

fn does(brand: &Brand) -> String {
    format!("{} {}.", brand.name, TRADES[brand.trade].does)
}

fn arabic(text: &str) -> String {
    let letter = |c: char| match c {
        'ی' => 'ي',
        'ک' => 'ك',
        '۰'..='۹' => char::from_u32('٠' as u32 + c as u32 - '۰' as u32).unwrap_or(c),
        c => c,
    };
    text.chars().map(letter).collect()
}
