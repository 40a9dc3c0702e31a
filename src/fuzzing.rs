//! The door of the fuzz targets in `fuzz/`: what they call, and nothing besides. It is there with `--cfg fuzzing` alone.

pub mod brand {
    pub use crate::brand::{Brand, BrandKey, Row, gather};
}

pub mod list {
    pub use crate::list::{Table, find_header};
    pub mod own {
        pub use crate::list::own::columns;
    }
}

pub mod report {
    pub use crate::report::{
        Coverage, Dates, Fact, Facts, Field, Insights, Occasion, Quality, Recommendations, Status,
    };
    pub mod claims {
        pub use crate::report::claims::{Claims, schema};
    }
    pub mod recommendations {
        pub use crate::report::recommendations::schema;
    }
}

pub mod research {
    pub use crate::research::{
        Stages,
        evidence::{Batch, Evidence},
        extraction::analyse,
        grounding::Grounds,
    };
    pub mod calendar {
        pub use crate::research::calendar::year_from;
    }
    pub mod numbers {
        pub use crate::research::numbers::read;
    }
    pub mod recommendations {
        pub use crate::research::recommendations::date_and_check;
    }
    pub mod quality {
        pub use crate::research::quality::assess;
    }
}

pub mod http {
    pub use crate::http::{
        call::Answer,
        response::{Reply, Verdict},
    };
    pub mod json_body {
        pub use crate::http::json_body::read;
    }
    pub mod response {
        pub use crate::http::response::{is_html, message};
    }
}

pub mod llm {
    pub use crate::llm::{ChatUsage, Completion, Finish, Prices, Usage, classify, classify_page};
    pub mod lenient_json {
        pub use crate::llm::lenient_json::read;
    }
}

pub mod tavily {
    pub use crate::search::tavily::{WebPage, classify, classify_usage, credits, pages};
}

pub mod store {
    pub use crate::store::StateFolder;
    pub mod registry {
        pub use crate::store::registry::{BrandStatus, Entry, Registry};
    }
}

pub mod text {
    pub use crate::text::{compact, key, lang::Lang, words};
}
