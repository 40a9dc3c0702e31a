use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::{money::Usd, store::checkpoint::RunStatus};

const HOSTILE: &str =
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'\u{202E}=cmd|' /C calc'!A0\n";

fn fact(value: &str) -> Value {
    json!({"value": value, "status": "supported", "as_of": null, "evidence": []})
}

fn report(brand: &str, parent: &str, opportunities: usize) -> Value {
    let opportunity = json!({
        "partner": "p", "concept": {"fa": null, "en": "c"}, "audience": {"fa": null, "en": "a"},
        "budget_million_toman": null, "budget_basis": {"fa": null, "en": "b"}, "reach": {"fa": null, "en": "r"},
        "timing": null, "difficulty": "low", "priority": "high", "rests_on": [],
        "partner_in_evidence": true, "dates": null,
    });
    json!({
        "schema_version": 2, "simulated": false, "brand": brand, "given": {"website": null, "parent": null},
        "generated_at": "2026-03-21T08:00:00Z", "run_id": "r", "models": [], "lang": "both",
        "identity": {
            "name_fa": null, "name_en": fact("Nestlé"), "legal_name": null, "what_it_does": null, "tagline": null,
            "founding_year": null, "headquarters": null, "chief_executive": null, "employees": null,
            "contact": {"phone": null, "email": null, "address": null}, "social_accounts": [], "certifications": [],
            "export_markets": [], "stock_symbol": null, "trademarks": [],
        },
        "relationships": {
            "parent": fact(parent), "ultimate_parent": null, "subsidiaries": [], "sister_brands": [],
            "shareholders": [], "affiliates": [], "competitors": [], "similar_brands": [], "complementary_brands": [],
        },
        "categorisation": {
            "industry": {"fa": fact("لبنیات"), "en": fact("Dairy"), "isic": null}, "sub_industries": [],
            "business_model": null, "price_tier": null, "distribution_channels": [], "market_position": null,
            "market_size": null, "growth": null, "seasonality": null, "geographic_focus": [],
        },
        "products": [],
        "customers": {"segments": [], "needs": [], "praise": [], "complaints": [], "untapped_segments": []},
        "insights": {
            "kind": "recommendations", "executive_summary": {"fa": null, "en": null},
            "opportunities": vec![opportunity; opportunities], "campaign_timing": [], "competitive_strategy": [],
            "channels": [], "creative_direction": [], "success_metrics": [],
        },
        "sources": [],
        "quality": {
            "coverage": "full", "facts": 4, "facts_supported": 3, "share_supported": 0.75, "contradictions": [],
            "namesakes": [], "pages_set_aside": 0, "questions": [],
            "parent": {"given": null, "verdict": "not_given", "found": null},
        },
        "cost": {
            "llm_calls": 1, "tokens_in": 1, "tokens_out": 1, "tokens_cached": 0, "search_credits": 1, "usd": 0.0371,
        },
    })
}

/// The page of these reports, by folder, and what is wrong with them.
fn page(reports: &[(&str, Value)], background: &Background) -> (String, usize, Vec<String>) {
    let output = tempfile::tempdir().unwrap();
    for (folder, report) in reports {
        let folder = output.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("brand_report.json"), report.to_string()).unwrap();
    }
    let (count, unreadable) = walk(output.path(), background, |_, _| Ok(())).unwrap();
    let page = fs::read_to_string(output.path().join("index.html")).unwrap();
    (page, count, unreadable)
}

fn rows(page: &str) -> Vec<&str> {
    let body = page.split_once("<table id=\"brands\">").unwrap().1;
    let body = body.split_once("<tbody>").unwrap().1;
    let body = body.split_once("</tbody>").unwrap().0;
    body.split("<tr ").skip(1).collect()
}

fn failed(brand: &str, folder: Option<&str>) -> FailedBrand {
    FailedBrand {
        brand: brand.into(),
        folder: folder.map(str::to_owned),
        error: format!("OpenRouter: {HOSTILE}"),
        at: "2026-03-21T08:00:00Z".parse().unwrap(),
    }
}

fn run(number: usize) -> RunLine {
    let at =
        Timestamp::from_second(1_774_080_000 + 86_400 * i64::try_from(number).unwrap()).unwrap();
    RunLine {
        run_id: number.to_string(),
        started_at: at,
        ended_at: at,
        status: RunStatus::Complete,
        total: 10,
        processed: 10,
        succeeded: 9,
        failed: 1,
        skipped: 0,
        usd: Usd::from_f64(1.25).unwrap().times(number as u64),
        simulated: false,
    }
}

#[test]
fn the_policy_allows_the_script_of_the_page_and_nothing_else() {
    let (page, ..) = page(&[("a", report("a", "p", 0))], &Background::default());
    let (_, script) = page.split_once("<script>").unwrap();
    let (script, rest) = script.split_once("</script>").unwrap();
    assert!(!rest.contains("<script") && script.contains("addEventListener"));
    let policy = format!(
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src '{}'; base-uri 'none'; form-action 'none'\"",
        hash(script)
    );
    assert_eq!(page.matches(&policy).count(), 1);
    // As `openssl dgst -sha256 -binary | base64` has it.
    assert_eq!(
        hash("abc"),
        "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    );
    for forbidden in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "eval",
        "write(\"",
        "fetch",
    ] {
        assert!(!script.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn reports_are_streamed_one_row_each() {
    let reports: Vec<(String, Value)> = (0..200)
        .map(|i| (format!("b{i:03}"), report(&format!("برند {i}"), "", i % 3)))
        .collect();
    let mut reports: Vec<(&str, Value)> = reports
        .iter()
        .map(|(f, r)| (f.as_str(), r.clone()))
        .collect();
    reports.push(("broken", json!({"brand": "x"})));
    let (page, count, unreadable) = page(&reports, &Background::default());
    assert_eq!((count, unreadable.len()), (200, 1));
    let rows = rows(&page);
    assert_eq!(rows.len(), 200);
    assert!(rows[7].contains("./b007/report.html") && rows[7].contains("data-support=\"middle\""));
    assert!(
        rows[7].contains("data-key=\"برند7 nestle لبنیات\""),
        "{}",
        rows[7]
    );
    assert!(
        rows[7].contains(">۷۵٪<")
            && rows[7].contains(">۰٫۰۳۷۱<")
            && rows[7].contains(">۱۴۰۵/۰۱/۰۱<")
    );
    assert!(
        page.trim_end().ends_with("</html>")
            && !page.contains("id=\"groups\"")
            && !page.contains("id=\"runs\"")
    );
}

#[test]
fn hostile_text_is_only_shown() {
    let long = "<b>".repeat(30_000);
    let mut wicked = report(HOSTILE, HOSTILE, 1);
    wicked["categorisation"]["industry"]["fa"] = fact(&long);
    let mut twin = report(&long, HOSTILE, 1);
    twin["identity"]["name_fa"] = fact(HOSTILE);
    let background = Background {
        failed: vec![failed(HOSTILE, None)],
        ..Background::default()
    };
    let (page, ..) = page(&[("\"><x y='", wicked), ("z", twin)], &background);
    assert_eq!(page.matches("<script").count(), 1);
    for forbidden in ["<img", "<x", "<b><b>", "\u{202E}"] {
        let found = page.find(forbidden).map(|at| &page[at..]);
        assert!(found.is_none(), "{found:.80?}");
    }
    assert!(page.contains("&#60;script&#62;"));
    assert!(page.len() < 60_000, "{}", page.len());
}

#[test]
fn groups_are_brands_with_one_parent_however_it_is_typed() {
    let reports = [
        ("a", report("آ", "گروه دیجی‌کالا", 2)),
        ("b", report("ب", "گروه ديجي كالا", 1)),
        ("c", report("پ", "گروه دیجی‌کالا", 0)),
        ("d", report("ت", "صبا ایده", 5)),
    ];
    let (page, ..) = page(&reports, &Background::default());
    let (_, groups) = page.split_once("id=\"groups\"").unwrap();
    assert_eq!(groups.matches("<h3>").count(), 1);
    assert!(groups.contains("<h3><bdi>گروه دیجی‌کالا</bdi>"));
    assert!(groups.contains("۳ برند · ۳ فرصت کمپین"));
    assert_eq!(groups.matches("/report.html").count(), 3);
    // The filter has the same two parents, and rows the same keys.
    assert!(page.contains("<option value=\"گروهدیجیکالا\">گروه دیجی‌کالا (۳)</option>"));
    assert_eq!(page.matches("data-parent=\"گروهدیجیکالا\"").count(), 3);
}

#[test]
fn a_brand_that_failed_is_there_once_with_its_error() {
    let mut unclear = report("c", "", 0);
    unclear["quality"]["candidates"] =
        json!([{"who": "x", "pages": []}, {"who": "y", "pages": []}]);
    let background = Background {
        failed: vec![
            failed("old", Some("a")),
            failed("moved away", Some("gone")),
            failed("never", None),
        ],
        ..Background::default()
    };
    let (page, ..) = page(&[("a", report("old", "", 0)), ("c", unclear)], &background);
    let rows = rows(&page);
    assert_eq!(rows.len(), 4);
    let with = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!(
        (
            with("data-status=\"failed\""),
            with("data-status=\"which\"")
        ),
        (3, 1)
    );
    assert_eq!(
        (with("OpenRouter: &#60;script"), with("/report.html")),
        (3, 2)
    );
    assert!(rows[0].contains("./a/report.html") && rows[0].contains("گزارش پیشین مانده است"));
    assert!(page.contains("data-shown=\"4\""));
}

#[test]
fn the_last_runs_are_drawn_and_said() {
    let background = Background {
        runs: (1..=16).map(run).collect(),
        ..Background::default()
    };
    let (page, ..) = page(&[("a", report("a", "", 0))], &background);
    assert_eq!(page.matches("class=\"spent\"").count(), 14);
    assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 14);
    // The dearest is the highest, and stands where a Persian reader ends.
    assert!(page.contains("<rect class=\"spent\" x=\"3\" y=\"0\" width=\"14\" height=\"100\"/>"));
    assert!(page.contains("۱۴۰۵/۰۱/۱۷، ۱۱:۳۰: ۲۰٫۰۰ دلار"), "{page}");
    assert!(page.contains("موفق: ۱۲۶ از ۱۴۰"));
}

#[test]
fn an_english_portfolio_is_english() {
    let mut english = report("Kalleh", "Solico", 0);
    english["lang"] = json!("en");
    english["simulated"] = json!(true);
    let (page, ..) = page(&[("k", english)], &Background::default());
    assert!(page.contains("<html lang=\"en\" dir=\"ltr\">"));
    assert!(page.contains("nothing in them is true") && page.contains(">Dairy<"));
    let persian = page
        .split_once("<body")
        .unwrap()
        .1
        .split_once("<script>")
        .unwrap()
        .0;
    assert!(!persian.contains(['ی', '۱']), "{persian}");
}
