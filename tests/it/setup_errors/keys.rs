//! Keys, credit and amounts.

use super::{keep, one, row, table};
use crate::common::{Desk, list_of};

#[test]
fn keys_that_are_missing_wrong_or_of_another_service() {
    let desk = Desk::with_list(&list_of(2));
    let own = "OPENROUTER_API_KEY";
    let table = table(
        &desk,
        &[
            one(
                "key missing",
                (own, ""),
                2,
                &[
                    "OPENROUTER_API_KEY is not set",
                    "brandintel init",
                    "openrouter.ai",
                ],
            ),
            one(
                "key blank",
                ("TAVILY_API_KEY", "  "),
                2,
                &["TAVILY_API_KEY is not set", "app.tavily.com"],
            ),
            one(
                "key wrong or revoked",
                (own, "sk-or-v1-abcdefgh"),
                3,
                &["OPENROUTER_API_KEY", "Put a valid key"],
            ),
            one(
                "search key wrong or revoked",
                ("TAVILY_API_KEY", "tvly-abcdefgh"),
                3,
                &["TAVILY_API_KEY", "Put a valid key"],
            ),
            one(
                "search key for the models",
                (own, "tvly-abcdefgh"),
                2,
                &["OPENROUTER_API_KEY holds a key of Tavily", "sk-or-"],
            ),
            one(
                "model key for the search",
                ("TAVILY_API_KEY", "sk-or-v1-abcdefgh"),
                2,
                &["TAVILY_API_KEY holds a key of OpenRouter", "tvly-"],
            ),
            one(
                "key of OpenAI at OpenRouter",
                (own, "sk-proj-abcdefgh"),
                2,
                &[
                    "OPENROUTER_API_KEY holds a key of OpenAI",
                    "openrouter.ai/settings/keys",
                ],
            )
            .and("OPENROUTER_BASE_URL", ""),
            one(
                "key with a line break",
                (own, "sk-or-v1-abcd\nefgh"),
                2,
                &["OPENROUTER_API_KEY has a character", "copy it again"],
            ),
            one(
                "key in quotation marks",
                (own, "\"sk-or-v1-abcdefgh\""),
                2,
                &["OPENROUTER_API_KEY has a character", "quotation mark"],
            ),
            one(
                "key with a space",
                ("TAVILY_API_KEY", "tvly- abcdefgh"),
                2,
                &["TAVILY_API_KEY has a character", "a space"],
            ),
            one(
                "key from a list of keys",
                (own, "sk-or-v1-abc...fgh"),
                2,
                &["OPENROUTER_API_KEY is a shortened key", "make a new one"],
            ),
            one(
                "Google key that is none",
                ("GOOGLE_API_KEY", "AIzaabcdefgh"),
                3,
                &["GOOGLE_SHEET_ID", "API key not valid", "GOOGLE_API_KEY"],
            )
            .and("GOOGLE_APPLICATION_CREDENTIALS", ""),
            one(
                "search key for Google",
                ("GOOGLE_API_KEY", "tvly-abcdefgh"),
                2,
                &["GOOGLE_API_KEY holds a key of Tavily"],
            )
            .and("GOOGLE_APPLICATION_CREDENTIALS", ""),
        ],
    );
    keep("keys", &table);
    assert_eq!(desk.sandbox.counts(), (0, 0, 0), "nothing was paid for");
}

#[test]
fn services_out_of_credit_or_without_the_model() {
    let broke = Desk::with_faults(&list_of(1), &["llm:402"]);
    let search = Desk::with_faults(&list_of(1), &["search:432"]);
    let desk = Desk::with_list(&list_of(1));
    let mut printed = row(
        &broke,
        "no credit for models",
        broke.command(&["--brands", "list.csv"]),
        6,
        &["OpenRouter", "Add credit"],
    );
    let run = ["--brands", "list.csv"];
    printed += &row(
        &search,
        "no credit for searches",
        search.command(&run),
        6,
        &["usage limit", "Add credit", "app.tavily.com"],
    );
    printed += &table(
        &desk,
        &[
            one(
                "budget without a price",
                ("OPENROUTER_MODEL", "@preset/agency"),
                2,
                &["--budget cannot be kept", "--model"],
            )
            .with(&["check", "--budget", "5"]),
            one(
                "a model that there is not",
                ("OPENROUTER_MODEL", "no/such-model"),
                2,
                &["no model no/such-model", "--model", "/models lists them"],
            ),
            one(
                "budget in words",
                ("BRANDINTEL_BUDGET", "abc"),
                2,
                &["abc", "--budget"],
            ),
            one(
                "17 workers",
                ("BRANDINTEL_WORKERS", "17"),
                2,
                &["17", "1 to 16"],
            ),
            one(
                "a credit's price in words",
                ("TAVILY_CREDIT_USD", "cheap"),
                2,
                &["TAVILY_CREDIT_USD (cheap)", "such as 0.008"],
            ),
        ],
    );
    keep("money", &printed);
}
