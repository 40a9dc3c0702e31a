//! The trials of answers: the service is asked at once, before an answer is kept.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::redirect;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    config::{self, DEFAULT_MODEL, Endpoint, PublicSheetSettings, SheetSettings, variable},
    event::{Events, Incoming},
    exit::{Exit, Failure, OrExit},
    http::{
        advice,
        call::CallError,
        client::HttpClient,
        rate_limiter::RateLimiter,
        transport::{self, Network},
    },
    list::{
        self, Table,
        sheet::{ListError, SheetList, Wanted},
    },
    llm::OpenRouter,
    runner::{self, preflight::PreflightFinding},
    search::tavily::Tavily,
    sheets::{
        client::Sheets,
        public::{self, PublicSheet},
    },
    store::paid::Paid,
    text::{lang::Lang, secrets::Secrets},
};

/// What became of a trial.
pub enum Tried {
    /// It works; with what was found.
    Fine(String),
    /// It does not, with the service's words and what to do.
    Refused(String),
    /// Nobody can tell now, with the reason.
    Unknown(String),
}

/// Sends what has to be tried.
pub struct Trials {
    caller: HttpClient,
    /// Nobody listens to what is said of single calls, but it may be said.
    _events: Incoming,
}

impl Trials {
    /// Nothing is sent yet, and nothing is kept of what will be.
    pub fn new() -> Result<Self, Failure> {
        let (events, incoming) = Events::channel();
        let paid = Paid::in_memory(None, Timestamp::now()).or_exit(Exit::Machine)?;
        let client = transport::client(false, redirect::Policy::none())?;
        let caller = HttpClient::new(
            Network::new(client),
            Arc::new(paid),
            events,
            CancellationToken::new(),
            Secrets::default(),
            1.0,
        );
        Ok(Self {
            caller,
            _events: incoming,
        })
    }

    /// What is wrong with this machine's clock, as far as replies have told.
    pub fn clock(&self) -> Option<String> {
        self.caller.clock().trouble()
    }

    /// Whether the server of models takes a key.
    pub async fn openrouter(&self, key: &SecretString) -> anyhow::Result<Tried> {
        self.caller.secrets().add(key);
        let endpoint = Endpoint {
            base: config::openrouter_base()?,
            key: key.clone(),
        };
        let server = OpenRouter::new(self.caller.clone(), gate(), &endpoint, &model())?
            .with_terms(config::model_terms()?);
        Ok(tried(server.key().await, |key| {
            match key.and_then(|key| key.limit_remaining) {
                Some(left) => format!("the key is good, and may spend ${left:.2} more"),
                None => "the key is good".into(),
            }
        }))
    }

    /// Asks both services what costs about a cent: one question of each stage, and one search.
    pub async fn ask(
        &self,
        model_key: &SecretString,
        search_key: &SecretString,
    ) -> Result<Vec<PreflightFinding>, Failure> {
        let endpoint = |base: anyhow::Result<Url>, key: &SecretString| {
            let key = key.clone();
            anyhow::Ok(Endpoint { base: base?, key })
        };
        let server = endpoint(config::openrouter_base(), model_key).or_exit(Exit::Usage)?;
        let terms = config::model_terms().or_exit(Exit::Usage)?;
        let mut openrouter = OpenRouter::new(self.caller.unstoppable(), gate(), &server, &model())
            .or_exit(Exit::Usage)?
            .with_terms(terms);
        // What the server knows of the model goes into the question; where it knows nothing, the question tells.
        let _ = openrouter.look_up_model().await;
        let server = endpoint(config::tavily_base(), search_key).or_exit(Exit::Usage)?;
        let price = config::credit_price().or_exit(Exit::Usage)?;
        let tavily =
            Tavily::new(self.caller.unstoppable(), gate(), &server, price).or_exit(Exit::Usage)?;
        runner::trial_calls::ask(&openrouter, &tavily, Lang::Both).await
    }

    /// Whether Tavily takes a key.
    pub async fn tavily(&self, key: &SecretString) -> anyhow::Result<Tried> {
        self.caller.secrets().add(key);
        let endpoint = Endpoint {
            base: config::tavily_base()?,
            key: key.clone(),
        };
        let price = config::credit_price()?;
        let service = Tavily::new(self.caller.clone(), gate(), &endpoint, price)?;
        Ok(tried(service.usage().await, |credits| {
            match (credits.usage, credits.limit) {
                (Some(used), Some(limit)) => {
                    let left = limit - used;
                    format!("the key is good, with {left:.0} of {limit:.0} credits left")
                }
                _ => "the key is good".into(),
            }
        }))
    }

    /// Whether a spreadsheet can be read as anyone with the link can.
    pub async fn public_sheet(&self, settings: &PublicSheetSettings) -> Result<Tried, Failure> {
        let client = transport::client(false, public::redirects())?;
        let caller = self.caller.over(Network::new(client));
        let book = PublicSheet::new(caller, gate(), settings).workbook().await;
        let read = book.map_err(ListError::from).and_then(|book| {
            let tab = settings.tab.as_deref();
            Ok(list::file::read_bytes(book, tab)?)
        });
        Ok(read_or_not(read.map(|(tab, table)| {
            format!("tab «{tab}», {}", found(&table))
        })))
    }

    /// Whether a spreadsheet can be read with a credential.
    pub async fn sheet(&self, settings: &SheetSettings) -> anyhow::Result<Tried> {
        self.caller.secrets().add(settings.access.secret());
        let sheets = Sheets::new(self.caller.clone(), gate(), gate(), settings)?;
        let wanted = Wanted::of(settings);
        let read = async {
            let (mut list, title) = SheetList::open(sheets, wanted).await?;
            let (table, _) = list.load().await?;
            if list.can_write() {
                list.try_writing().await?;
            }
            Ok(format!("«{title}», {}, {}", list.place(), found(&table)))
        };
        Ok(read_or_not(read.await))
    }
}

fn gate() -> Arc<RateLimiter> {
    Arc::new(RateLimiter::new(60, 1.0))
}

fn found(table: &Table) -> String {
    format!("{}; {} rows", table.mapping(), table.filled())
}

fn tried<T>(result: Result<T, CallError>, fine: impl FnOnce(T) -> String) -> Tried {
    match result {
        Ok(answer) => Tried::Fine(fine(answer)),
        Err(
            error @ CallError::Run {
                exit: Exit::Refused,
                ..
            },
        ) => Tried::Refused(format!("{error}")),
        Err(error) => Tried::Unknown(format!("{error}")),
    }
}

fn read_or_not(read: Result<String, ListError>) -> Tried {
    match read {
        Ok(found) => Tried::Fine(found),
        // It is there, and not as a list has to be.
        Err(ListError::Call(
            error @ CallError::Run {
                exit: Exit::Usage, ..
            },
        )) => Tried::Refused(format!("{error}")),
        Err(ListError::Call(error)) => tried::<String>(Err(advice::of_sheet(error)), |never| never),
        Err(ListError::Content(error)) => Tried::Refused(format!("{error:#}")),
    }
}

/// The model that a batch with these settings would ask.
fn model() -> String {
    variable("OPENROUTER_MODEL").unwrap_or_else(|| DEFAULT_MODEL.into())
}
