use super::*;

/// A fact that a quote supports, as of a date; empty for none.
fn fact(value: &str, as_of: &str) -> Fact {
    Fact {
        value: value.to_owned(),
        status: Status::Supported,
        as_of: (!as_of.is_empty()).then(|| as_of.to_owned()),
        evidence: Vec::new(),
    }
}

fn report(brand: &str, fill: impl FnOnce(&mut Report)) -> Report {
    let model = include_str!("../../tests/fixtures/brand_report.json");
    let mut report: Report = serde_json::from_str(model).unwrap();
    report.brand = brand.to_owned();
    report.facts = crate::report::Facts::default();
    fill(&mut report);
    report
}

fn owned(brand: &str, parent: &str, as_of: &str) -> Report {
    report(brand, |r| {
        r.facts.brand.set(Field::Parent, [fact(parent, as_of)]);
    })
}

fn all(reports: &[Report]) -> Ownership {
    let mut all = Ownership::default();
    for report in reports {
        all.add(report);
    }
    all
}

/// Families as lines: each company after those above it.
fn lines(reports: &[Report]) -> Vec<String> {
    fn walk(family: &Family, above: &str, lines: &mut Vec<String>) {
        let line = format!("{above}{}", family.name);
        for below in &family.below {
            walk(below, &format!("{line} > "), lines);
        }
        if family.below.is_empty() {
            lines.push(line);
        }
    }
    let mut lines = Vec::new();
    let families = families(all(reports));
    families
        .all
        .iter()
        .for_each(|family| walk(family, "", &mut lines));
    lines
}

#[test]
fn spellings_of_an_owner_are_one_company() {
    for parent in [
        "هلدینگ گلرنگ",
        "شركت گلرنگ (سهامي عام)",
        "گروه صنعتی گل‌رنگ",
        "گروه صنعتی گلرنگ (Golrang Industrial Group)",
        "Golrang Group (گلرنگ)",
        "گروپ گلرنگ",
        "گلرنگ (با مسئولیت محدود)",
    ] {
        let one = lines(&[
            owned("اوه", "گروه صنعتی گلرنگ", ""),
            owned("اکتیو", parent, ""),
        ]);
        assert_eq!(one.len(), 2, "{parent}: {one:?}");
        let top = |line: &str| line.split(" > ").next().unwrap().to_owned();
        assert_eq!(top(&one[0]), top(&one[1]), "{parent}: {one:?}");
    }
    for parent in ["Golrang Co., Ltd.", "GOLRANG HOLDING", "golrang inc"] {
        let one = lines(&[owned("اوه", "Golrang", ""), owned("اکتیو", parent, "")]);
        assert_eq!(top_names(&one).len(), 1, "{parent}: {one:?}");
    }
}

fn top_names(lines: &[String]) -> BTreeSet<String> {
    let tops = lines.iter().filter_map(|line| line.split(" > ").next());
    tops.map(str::to_owned).collect()
}

#[test]
fn a_persian_and_an_english_name_are_one_company_where_any_report_gives_both() {
    let both = owned("اکتیو", "Golrang Industrial Group (گروه صنعتی گلرنگ)", "");
    let found = lines(&[
        owned("اوه", "گلرنگ", ""),
        both,
        owned("سافتلن", "Golrang Group", ""),
    ]);
    assert_eq!(top_names(&found).len(), 1, "{found:?}");
}

#[test]
fn a_name_that_two_brands_of_the_list_bear_makes_neither_of_them_the_owner() {
    let named = |brand: &str| {
        report(brand, |r| {
            r.facts.brand.set(Field::NameEn, [fact("Arya", "")]);
        })
    };
    let reports = [
        named("آریا سرام"),
        named("آریا بیمه"),
        owned("پارس", "Arya", ""),
    ];
    assert_eq!(lines(&reports), ["Arya > پارس"]);
}

#[test]
fn a_brand_whose_legal_name_is_that_of_its_owner_still_belongs_to_it() {
    let brand = report("می‌می‌نی", |r| {
        r.facts
            .brand
            .set(Field::LegalName, [fact("شرکت صنایع غذایی مینو", "")]);
        r.facts
            .brand
            .set(Field::Parent, [fact("صنایع غذایی مینو", "")]);
    });
    let found = lines(&[brand, owned("پفک نمکی", "صنایع غذایی مینو", "")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|line| line.contains("مینو > ")),
        "{found:?}"
    );
}

#[test]
fn the_later_owner_wins_in_whichever_calendar_its_date_is() {
    // Tir 1404 is June 2025.
    let of = |first: &str, later: &str| {
        lines(&[
            owned("کاله", "سولیکو", first),
            report("توشا", |r| {
                r.facts
                    .brand
                    .set(Field::Subsidiaries, [fact("کاله", later)]);
            }),
        ])
    };
    assert_eq!(of("2019-03", "1404-04-10"), ["توشا > کاله"]);
    assert_eq!(of("1404-04-10", "2019-03"), ["سولیکو > کاله"]);
    assert_eq!(of("", "۱۳۹۸"), ["توشا > کاله"]);
}

#[test]
fn a_sister_belongs_to_the_owner_that_another_report_names() {
    let sister = report("مزمز", |r| {
        r.facts.brand.set(Field::SisterBrands, [fact("چی‌توز", "")]);
    });
    let reports = [owned("چی‌توز", "دینا", ""), sister];
    assert_eq!(lines(&reports), ["دینا > مزمز", "دینا > چی‌توز"]);
}

#[test]
fn rivals_are_pointed_out_with_the_nearest_company_that_both_belong_to() {
    let rival = |mut report: Report, of: &str| {
        report
            .facts
            .brand
            .set(Field::Competitors, [fact(of, ""), fact("بیگانه", "")]);
        report
    };
    let reports = [
        rival(owned("اوه", "پاکشو", ""), "اکتیو"),
        rival(owned("اکتیو", "شرکت پاکشو", ""), "اوه"),
        rival(owned("پاکشو", "گلرنگ", ""), "اوه"),
        rival(owned("دافی", "سیلانه سبز", ""), "اوه"),
    ];
    let found = families(all(&reports));
    let rivals: Vec<_> = found
        .rivals
        .iter()
        .map(|r| (&*r.one, &*r.other, &*r.owner))
        .collect();
    assert_eq!(
        rivals,
        [("اوه", "اکتیو", "پاکشو"), ("اوه", "پاکشو", "پاکشو")]
    );
    let shown = as_tree(&found);
    assert!(
        shown.contains("اوه and اکتیو compete, and both belong to پاکشو"),
        "{shown}"
    );
    assert!(shown.contains("پاکشو is above"), "{shown}");
}

#[test]
fn every_edge_is_shown_with_its_kind_and_date() {
    let report = report("کاله", |r| {
        let brand = &mut r.facts.brand;
        brand.set(Field::Parent, [fact("سولیکو", "1402-05")]);
        let ultimate = Fact {
            status: Status::Inferred,
            ..fact("گروه گلها", "2021")
        };
        brand.set(Field::UltimateParent, [ultimate]);
        brand.set(Field::Shareholders, [fact("صندوق بازنشستگی", "1401")]);
        brand.set(Field::Affiliates, [fact("دانشگاه آمل", "")]);
        brand.set(Field::SisterBrands, [fact("سولیکو طعم", "")]);
    });
    let found = families(all(&[report]));
    let shown = as_tree(&found);
    for line in [
        "گروه گلها\n",
        "└─ سولیکو (in the end, inferred, 2021)\n",
        "   ├─ سولیکو طعم (inferred)\n",
        "   └─ کاله ● (1402-05)\n",
        "  کاله has among its shareholders صندوق بازنشستگی, says the report on کاله (1401)\n",
        "  کاله works with دانشگاه آمل, says the report on کاله\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let json = as_json(&found);
    assert_eq!(
        json["families"][0]["below"][0]["said"]["relation"],
        "ultimately_owned_by"
    );
    let edges = json["edges"].as_array().unwrap();
    assert!(
        edges
            .iter()
            .any(|edge| edge["relation"] == "held_by" && edge["as_of"] == "1401")
    );
}
