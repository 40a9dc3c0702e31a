//! The services, which take down what they are asked and what is written to the sheet: they are the judge.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use brandintel::sandbox::{Latency, Options, Sandbox};
use serde_json::Value;

const CREDIT_USD: f64 = 0.008;

/// The hash of a paid request, which is the name of its answer in the store.
pub type Hash = [u8; 32];

/// Simulated services in real time.
pub struct Services {
    pub sandbox: Sandbox,
    asked: Arc<Mutex<Vec<(Question, SystemTime)>>>,
    cells: Arc<Mutex<Vec<Written>>>,
    _runtime: tokio::runtime::Runtime,
    pub account: String,
}

impl Services {
    /// Services with this list, whose answers take so long.
    pub fn start(list: &str, options: Options, takes: fn(&Question) -> Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, list).unwrap();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let noted = Arc::clone(&asked);
        let latency = Latency::new(move |body| {
            let question = Question::of(body);
            let took = takes(&question);
            noted.lock().unwrap().push((question, SystemTime::now()));
            took
        });
        let options = Options {
            speed: 1.0,
            list: Some(path),
            latency: Some(latency),
            ..options
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let cells = Arc::<Mutex<Vec<_>>>::default();
        let written = Arc::clone(&cells);
        sandbox.watch_cells(move |row, column, text| {
            let text = text.to_owned();
            let at = SystemTime::now();
            written.lock().unwrap().push(Written {
                row,
                column,
                text,
                at,
            });
        });
        let account = sandbox.service_account().to_string();
        Self {
            sandbox,
            asked,
            cells,
            _runtime: runtime,
            account,
        }
    }

    /// What `.env` says of them.
    pub fn settings(&self) -> String {
        let (at, sandbox) = (self.sandbox.address(), &self.sandbox);
        format!(
            "OPENROUTER_BASE_URL=http://{at}/api/v1\nOPENROUTER_API_KEY={}\nTAVILY_BASE_URL=http://{at}\nTAVILY_API_KEY={}\n\
             GOOGLE_SHEETS_BASE_URL=http://{at}\nGOOGLE_SHEET_ID={}\nGOOGLE_APPLICATION_CREDENTIALS=account.json\n",
            sandbox.openrouter_key(),
            sandbox.tavily_key(),
            sandbox.sheet_id(),
        )
    }

    /// When each paid request came, in order.
    pub fn asked(&self) -> HashMap<Hash, Vec<SystemTime>> {
        let mut asked: HashMap<_, Vec<_>> = HashMap::new();
        for (question, at) in &*self.asked.lock().unwrap() {
            asked.entry(question.hash).or_default().push(*at);
        }
        asked
    }

    /// When models were asked, in order.
    pub fn asked_models(&self) -> Vec<SystemTime> {
        let asked = self.asked.lock().unwrap();
        let models = asked.iter().filter(|(question, _)| question.to_model);
        models.map(|(_, at)| *at).collect()
    }

    /// US dollars that were billed.
    pub fn billed_usd(&self) -> f64 {
        let (_, credits, _) = self.sandbox.counts();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand credits")]
        let credits = credits as f64;
        self.sandbox.billed_usd() + credits * CREDIT_USD
    }

    /// What was written under a header, one after the other, by the name in the row.
    pub fn written(&self, header: &str) -> HashMap<String, Vec<Written>> {
        let rows = self.sandbox.rows();
        let column = rows[0].iter().position(|cell| cell == header);
        let column = column.unwrap_or_else(|| panic!("no {header} in {:?}", rows[0]));
        let mut written: HashMap<_, Vec<_>> = HashMap::new();
        for cell in &*self.cells.lock().unwrap() {
            if cell.column == column && cell.row > 0 {
                written
                    .entry(rows[cell.row][0].clone())
                    .or_default()
                    .push(cell.clone());
            }
        }
        written
    }
}

/// A cell as it was written.
#[derive(Clone, Debug)]
pub struct Written {
    row: usize,
    column: usize,
    pub text: String,
    pub at: SystemTime,
}

/// A paid request.
pub struct Question {
    pub hash: Hash,
    /// To a model; otherwise to the search.
    pub to_model: bool,
}

impl Question {
    fn of(body: &str) -> Self {
        let json: Value = serde_json::from_str(body).unwrap();
        let to_model = json["messages"].is_array();
        // An answer of a model is kept under what was asked, in whichever form it was sent.
        let kept_as = match to_model {
            true => {
                let schema = &json["response_format"]["json_schema"];
                let limits = ["max_completion_tokens", "max_tokens"].map(|name| &json[name]);
                let limit = limits.into_iter().find(|limit| limit.is_number());
                serde_json::json!({
                    "model": json["model"], "messages": json["messages"], "name": schema["name"],
                    "schema": schema["schema"], "max_tokens": limit,
                })
                .to_string()
            }
            false => body.to_owned(),
        };
        let (service, endpoint) = match to_model {
            true => ("OpenRouter", "completions"),
            false if json["urls"].is_array() => ("Tavily", "extract"),
            false => ("Tavily", "search"),
        };
        let mut hasher = blake3::Hasher::new();
        for part in [service, "POST", endpoint, &kept_as] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self {
            hash: hasher.finalize().into(),
            to_model,
        }
    }

    /// A latency between two bounds, the same for the same request.
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        least
            + most
                .saturating_sub(least)
                .mul_f64(f64::from(self.hash[0]) / 255.0)
    }
}
