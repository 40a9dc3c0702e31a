//! A report to test with.

use crate::report::{Citation, Fact, Report, Status};

/// The report that the tests of the program render too.
pub fn report() -> Report {
    serde_json::from_str(include_str!("../../tests/fixtures/brand_report.json")).unwrap()
}

/// A fact that says this.
pub fn fact(value: &str) -> Fact {
    Fact {
        value: value.to_owned(),
        status: Status::Supported,
        as_of: None,
        evidence: vec![Citation {
            source: "s1".to_owned(),
            quote: value.to_owned(),
        }],
    }
}
