//! The preflight: every credential is validated once, in parallel, before anything is spent.

use std::sync::Arc;

use reqwest::redirect;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use super::{
    context::RunContext,
    errors::{call_failure, list_failure},
    estimate::Estimate,
    handover::SheetMaker,
    server_pages::{self, ServerPages},
};
use crate::{
    config::{PublicSheetSettings, Settings, hint},
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::{
        advice,
        client::HttpClient,
        clock::Clock,
        exchanges::Exchanges,
        patience::Waits,
        rate_limiter::RateLimiter,
        successes::Successes,
        transport::{self, Network, Transport},
    },
    list::{
        self, Table,
        sheet::{ListError, SheetList, Wanted},
    },
    llm::{self, KeyInfo, OpenRouter},
    money::Usd,
    say,
    search::tavily::{self, KeyUsage, Tavily},
    sheets::{
        client::Sheets,
        public::{self, PublicSheet},
    },
    store::paid::Paid,
    text::terminal::Terminal,
};

/// The services, ready to be spoken to.
pub struct Connections {
    pub openrouter: OpenRouter,
    pub tavily: Tavily,
    /// The sheet, once [`validate`] has found it.
    pub sheet: Option<SheetList>,
    /// Their rate gates, by name.
    pub gates: [(&'static str, Arc<RateLimiter>); 2],
    /// Cancelled when nothing new may be paid for.
    pub stop: CancellationToken,
    sheets: Option<Sheets>,
    /// What opens the sheet again.
    pub sheet_maker: Option<SheetMaker>,
    public: Option<PublicSheet>,
    /// The tab and the rows of a public sheet, once [`look`] has read them.
    pub public_list: Option<(String, Table)>,
    /// This machine's clock, beside those of the services.
    pub clock: Clock,
    /// What services have answered since then.
    pub successes: Arc<Successes>,
    /// The state of the OpenRouter key, once it is known.
    pub key: Option<KeyInfo>,
    /// Whether the server knows the key and lists the model, so that only a call can still be refused.
    pub lists_model: bool,
    /// What the Tavily key has used, once it is known.
    pub credits: KeyUsage,
}

impl Connections {
    /// The services of a run.
    pub fn of_run(context: &RunContext, events: &Events) -> Result<Self, Failure> {
        Self::make(
            &context.settings,
            &context.paid,
            events,
            (context.settings.speed, context.waits()),
            context.in_process(),
            context.exchanges(),
        )
    }

    /// Prepares the services of these settings; nothing is sent yet. Services that are simulated in this process are
    /// spoken to without a network. Services that do not answer are waited for as `waits` says.
    pub fn make(
        settings: &Settings,
        paid: &Arc<Paid>,
        events: &Events,
        (speed, waits): (f64, Waits),
        simulated: Option<Arc<dyn Transport>>,
        exchanges: Exchanges,
    ) -> Result<Self, Failure> {
        let client = transport::client(settings.simulated, redirect::Policy::none())?;
        let stop = CancellationToken::new();
        let caller = HttpClient::new(
            simulated.unwrap_or_else(|| Network::new(client)),
            Arc::clone(paid),
            events.clone(),
            stop.clone(),
            settings.secrets(),
            speed,
        )
        .with_waits(waits)
        .keeping(exchanges);
        // The rate of a key is one rate, whichever hosts use it.
        let gate = |name: &str, key: &SecretString, rate: u32, burst: u32| {
            let key = blake3::hash(key.expose_secret().as_bytes()).to_hex();
            Arc::new(match paid.turns() {
                Some(_) => {
                    RateLimiter::shared(rate, burst, speed, format!("{name} {}", &key[..16]))
                }
                None => RateLimiter::new(rate, speed),
            })
        };
        // A run needs the sheet a few times at its beginning, and seldom after that.
        let few = settings.rates.sheets / 20;
        let rates = settings.rates;
        let models = gate(llm::NAME, &settings.openrouter.key, rates.llm, 0);
        let searches = gate(tavily::NAME, &settings.tavily.key, rates.search, 0);
        let sheet_maker = settings.sheet.as_ref().map(|sheet| SheetMaker {
            caller: caller.clone(),
            gate: gate("Google Sheets", sheet.access.secret(), rates.sheets, few),
            sign_in: gate("Google sign-in", sheet.access.secret(), rates.sheets, few),
            settings: Arc::clone(sheet),
        });
        let sheets = sheet_maker.as_ref().map(SheetMaker::make).transpose();
        let public = |sheet: &PublicSheetSettings| -> Result<PublicSheet, Failure> {
            let client = transport::client(settings.simulated, public::redirects())?;
            let caller = caller.over(Network::new(client));
            let gate = Arc::new(RateLimiter::new(rates.sheets, speed));
            Ok(PublicSheet::new(caller, gate, sheet))
        };
        Ok(Self {
            public: settings.public_sheet.as_ref().map(public).transpose()?,
            public_list: None,
            clock: caller.clock().clone(),
            successes: Arc::clone(caller.successes()),
            openrouter: OpenRouter::new(
                caller.clone(),
                Arc::clone(&models),
                &settings.openrouter,
                &settings.model,
            )
            .or_exit(Exit::Usage)?
            .with_terms(settings.terms.clone()),
            tavily: Tavily::new(
                caller.clone(),
                Arc::clone(&searches),
                &settings.tavily,
                settings.credit_price,
            )
            .or_exit(Exit::Usage)?,
            sheets: sheets.or_exit(Exit::Usage)?,
            sheet_maker,
            gates: [(llm::NAME, models), (tavily::NAME, searches)],
            sheet: None,
            stop,
            key: None,
            lists_model: false,
            credits: KeyUsage::default(),
        })
    }

    /// Where what the keys may still spend is less than the run is expected to cost: the service, and what is said of it.
    pub fn limits(&self, estimate: &Estimate) -> Vec<(&'static str, String)> {
        let mut limits = Vec::new();
        if let Some(left) = self
            .key
            .as_ref()
            .and_then(|key| key.limit_remaining)
            .and_then(Usd::from_f64)
            && left < estimate.cost
        {
            let cost = estimate.cost;
            let text =
                format!("the key may spend {left} more, and the run is expected to cost {cost}");
            limits.push((llm::NAME, text));
        }
        let KeyUsage { usage, limit } = self.credits;
        let needed = f64::from(estimate.credits);
        if let (Some(usage), Some(limit)) = (usage, limit)
            && limit - usage < needed
        {
            let left = limit - usage;
            let text =
                format!("the key has {left:.0} credits left, and the run may need {needed:.0}");
            limits.push((tavily::NAME, text));
        }
        limits
    }
}

/// One line for each thing that was checked.
pub struct PreflightFinding {
    pub what: &'static str,
    pub result: Result<PreflightResult, Failure>,
}

/// What is said of a thing that does not stop a run.
#[derive(Debug, PartialEq, Eq)]
pub enum PreflightResult {
    Fine(String),
    /// Nothing proves that it works.
    Doubt(String),
}

/// Asks every service whether it will have us; all at once.
pub async fn look(connections: &mut Connections, settings: &Settings) -> Vec<PreflightFinding> {
    let Connections {
        openrouter,
        tavily,
        sheets,
        public,
        ..
    } = &mut *connections;
    let sheet = open_sheet(sheets.take(), settings);
    let public_list = read_public(public.as_ref(), settings);
    let server = server_pages::ask(openrouter, settings);
    let (server, usage, sheet, public_list) =
        tokio::join!(server, tavily.usage(), sheet, public_list);
    let ServerPages {
        key,
        lists_model,
        mut findings,
    } = server;
    connections.key = key;
    connections.lists_model = lists_model;
    let usage = usage.map(|usage| {
        connections.credits = usage;
        PreflightResult::Fine("Tavily API key valid".to_owned())
    });
    findings.push(PreflightFinding {
        what: "TAVILY_API_KEY",
        result: usage.map_err(call_failure),
    });
    if let Some(opened) = sheet {
        let result = opened.map(|(list, title)| {
            let place = list.place();
            connections.sheet = Some(list);
            PreflightResult::Fine(format!("Google Sheet «{title}», {place}, can be read"))
        });
        findings.push(PreflightFinding {
            what: "GOOGLE_SHEET_ID",
            result,
        });
    }
    if let Some(read) = public_list {
        let result = read.map(|(tab, table)| {
            let place = format!("tab «{tab}»");
            let said = format!("Google Sheet, {place}, can be read as anyone with the link can; results are not written back");
            connections.public_list = Some((place, table));
            PreflightResult::Fine(said)
        });
        findings.push(PreflightFinding {
            what: "GOOGLE_SHEET_ID",
            result,
        });
    }
    findings
}

async fn read_public(
    sheet: Option<&PublicSheet>,
    settings: &Settings,
) -> Option<Result<(String, Table), Failure>> {
    let PublicSheetSettings { tab, tab_id, .. } = settings.public_sheet.as_ref()?;
    let book = sheet?.workbook().await.map_err(call_failure);
    let read = |book| list::file::read_bytes(book, tab.as_deref()).or_exit(Exit::Usage);
    Some(book.and_then(read).map(|(title, mut table)| {
        if tab.is_none() && tab_id.is_some_and(|id| id != 0) && table.tab.is_some() {
            table.notes.push(format!(
                "the list is read from the tab «{title}»; without a credential nobody can tell which one the address in GOOGLE_SHEET_ID names (--tab or GOOGLE_SHEET_TAB chooses)"
            ));
        }
        (title, table)
    }))
}

async fn open_sheet(
    sheets: Option<Sheets>,
    settings: &Settings,
) -> Option<Result<(SheetList, String), Failure>> {
    let wanted = Wanted::of(settings.sheet.as_ref()?);
    let opened = SheetList::open(sheets?, wanted).await;
    Some(opened.map_err(|error| match error {
        ListError::Call(error) => call_failure(advice::of_sheet(error)),
        error @ ListError::Content(_) => list_failure(error),
    }))
}

/// Validates all credentials; the first that is bad ends the run.
pub async fn validate(
    connections: &mut Connections,
    settings: &Settings,
    budget: Option<Usd>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    say!(terminal;
        "API Status: [OK] API key configured ({})\n",
        hint(&settings.openrouter.key)
    );
    super::summary::heading(terminal, "VALIDATING API KEYS");
    let mut bad = None;
    for PreflightFinding { what, result } in look(connections, settings).await {
        match result {
            Ok(PreflightResult::Fine(fine)) => say!(terminal; "✅ {fine}"),
            Ok(PreflightResult::Doubt(doubt)) => {
                say!(terminal; "⚠ {doubt}");
                tracing::warn!("{what}: {doubt}");
            }
            Err(failure) => {
                let failure = Failure {
                    exit: failure.exit,
                    error: failure.error.context(what),
                };
                bad.get_or_insert(failure);
            }
        }
    }
    if let Some(failure) = bad {
        return Err(failure);
    }
    say!(terminal; "");
    check_budget(connections, settings, budget)
}

/// A cap can only be kept where the price of a call is known before it is sent.
pub fn check_budget(
    connections: &Connections,
    settings: &Settings,
    budget: Option<Usd>,
) -> Result<(), Failure> {
    let cap = settings.caps.each().next();
    let limit = match (budget, cap) {
        (Some(_), _) => "--budget",
        (None, Some((term, _))) => term.setting(),
        (None, None) => return Ok(()),
    };
    if connections.openrouter.has_prices() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!(
            "{limit} cannot be kept: the server at OPENROUTER_BASE_URL lists no price for {}, so nothing bounds what a call may cost. \
             Choose a listed model with --model, put its prices into OPENROUTER_PRICES, or run without {limit}",
            settings.model
        ),
    ))
}
