//! The simulated services on a loopback port: as strict as the real ones, with latency, limits and faults to choose.
//! They share no code with the clients but the transport, and nothing that they say is true.

mod a1;
mod about;
mod asked_schema;
mod body;
mod by_filter;
mod chat_request;
mod export;
mod fault;
mod in_process;
mod limit;
mod model;
mod models;
mod openrouter;
mod options;
mod replay;
mod responses;
mod schema_rules;
mod sheets;
mod sign_in;
mod tab;
mod tavily;
mod watcher;
mod world;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    http::HeaderMap,
    middleware,
    response::Response,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::Instant};

use crate::{config::SimulatedServices, http::transport::Transport};

pub use fault::Fault;
use fault::FaultKind;
use in_process::InProcess;
use limit::RequestLimit;
pub use model::{Claim, Model};
pub use options::{Latency, Options};
use replay::Replay;
use responses::{bearer, error, refusal, too_many};
pub use schema_rules::{SchemaRefusal, SchemaRules};
use sheets::SimulatedSpreadsheet;
use sign_in::SimulatedSignIn;
pub use tab::Tab;
use watcher::Watcher;
use world::BuiltIn;
pub use world::{Page, World};

/// The services of the sandbox; the names are those that faults are given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SimulatedService {
    Llm,
    Search,
    Sheets,
}

/// Simulated services that are being served. They end when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    services: Arc<Services>,
    /// `None` where the services are spoken to without a network.
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// What all handlers share.
#[derive(Debug)]
struct Services {
    speed: f64,
    started: Instant,
    faults: Vec<Fault>,
    /// Nothing goes wrong any more.
    healed: AtomicBool,
    dear: bool,
    latency: Option<Latency>,
    schema_rules: SchemaRules,
    limits: [Option<RequestLimit>; 4],
    world: Arc<dyn World>,
    sign_in: SimulatedSignIn,
    spreadsheet: SimulatedSpreadsheet,
    cached_prompts: model::PromptCache,
    counts: RequestCounts,
    turnstile: Turnstile,
    watcher: Watcher,
    replay: Option<Arc<Replay>>,
}

/// Lets so many model calls pass and holds the others back, so that a moment of a run can be looked at.
#[derive(Debug)]
struct Turnstile {
    arrived: watch::Sender<u64>,
    allowed: watch::Sender<u64>,
}

impl Turnstile {
    async fn pass(&self) {
        let mut number = 0;
        self.arrived.send_modify(|arrived| {
            *arrived += 1;
            number = *arrived;
        });
        // It ends only with the sender, which lives as long as the services.
        let _ = self
            .allowed
            .subscribe()
            .wait_for(|allowed| number <= *allowed)
            .await;
    }
}

/// Requests that reached a handler and were answered well, for tests and for the curious.
#[derive(Debug, Default)]
struct RequestCounts {
    chats: AtomicU64,
    credits: AtomicU64,
    writes: AtomicU64,
    /// Writes of them that found rows by their tags.
    tagged_writes: AtomicU64,
    /// Requests that were one too many.
    refused: AtomicU64,
    /// Billions of a dollar billed for model calls.
    billed: AtomicU64,
    /// Requests that came, answered or not: to models, to the search and to the sheet.
    arrived: watch::Sender<[u64; 3]>,
}

impl Sandbox {
    /// Starts the services.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .with_context(|| {
                format!(
                    "port {} cannot be served: choose another with --port",
                    options.port
                )
            })?;
        let address = listener.local_addr()?;
        let services = Arc::new(Services::new(options, address)?);
        let router = router(Arc::clone(&services));
        let server = tokio::spawn(async move {
            // Serving ends with the process; an error of one connection does not reach here.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            services,
            server: Some(server),
        })
    }

    /// Services that are spoken to without a network, by this process alone.
    pub fn without_network(options: Options) -> anyhow::Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, options.port).into();
        Ok(Self {
            address,
            services: Arc::new(Services::new(options, address)?),
            server: None,
        })
    }

    /// The services, where they are spoken to without a network.
    pub(crate) fn in_process(&self) -> Option<Arc<dyn Transport>> {
        match self.server {
            Some(_) => None,
            None => Some(Arc::new(InProcess(router(Arc::clone(&self.services))))),
        }
    }

    /// Where they answer, and to which credentials.
    pub(crate) fn services(&self) -> SimulatedServices {
        SimulatedServices {
            address: self.address(),
            openrouter_key: self.openrouter_key(),
            tavily_key: self.tavily_key(),
            sheet_id: self.sheet_id(),
            service_account: self.service_account(),
        }
    }

    /// Where the services answer.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The only key that the simulated OpenRouter takes.
    pub fn openrouter_key(&self) -> &'static str {
        openrouter::KEY
    }

    /// The only key that the simulated Tavily takes.
    pub fn tavily_key(&self) -> &'static str {
        tavily::KEY
    }

    /// The key that opens the simulated spreadsheet for reading.
    pub fn google_key(&self) -> &'static str {
        sheets::KEY
    }

    /// The id of the simulated spreadsheet.
    pub fn sheet_id(&self) -> &'static str {
        sheets::ID
    }

    /// The content of a service-account file that may write to the simulated spreadsheet.
    pub fn service_account(&self) -> Value {
        self.services.sign_in.account_file()
    }

    /// The rows of the spreadsheet as they are now.
    pub fn rows(&self) -> Vec<Vec<String>> {
        self.services.spreadsheet.rows(None)
    }

    /// The rows of another tab as they are now; none where there is no such tab.
    pub fn rows_of(&self, title: &str) -> Vec<Vec<String>> {
        self.services.spreadsheet.rows(Some(title))
    }

    /// Changes the rows, as a person at another desk would.
    pub fn edit_rows(&self, edit: impl FnOnce(&mut Vec<Vec<Value>>)) {
        self.services.spreadsheet.edit(|tab| edit(tab.cells()));
    }

    /// Changes the rows of another tab, and says whether there is such a tab.
    pub fn edit_rows_of(&self, title: &str, edit: impl FnOnce(&mut Vec<Vec<Value>>)) -> bool {
        let mut tabs = self.services.spreadsheet.tabs();
        let tab = tabs.iter_mut().find(|tab| tab.title() == title);
        tab.map(|tab| edit(tab.cells())).is_some()
    }

    /// Moves rows about with what is tagged on them, as a person at another desk would.
    pub fn edit_tab(&self, edit: impl FnOnce(&mut Tab)) {
        self.services.spreadsheet.edit(edit);
    }

    /// Lets somebody change the tab in the moment before values are read or written, again and again; the second thing
    /// told is whether they are written.
    pub fn disturb(&self, disturbance: impl FnMut(&mut Tab, bool) + Send + 'static) {
        let disturbance = Box::new(disturbance);
        self.services.spreadsheet.disturb_at_each(disturbance);
    }

    /// Tells somebody of each cell that is written by a request from now on: its row and column, counted from 0, and what
    /// it shows then.
    pub fn watch_cells(&self, watch: impl FnMut(usize, usize, &str) + Send + 'static) {
        self.services.spreadsheet.watch(Box::new(watch));
    }

    /// Shows each request to a model, before it is checked.
    pub fn watch_models(&self, watch: impl FnMut(&Value) + Send + 'static) {
        self.services.watcher.set(Box::new(watch));
    }

    /// How many tags rows of the first tab have.
    pub fn tags(&self) -> usize {
        let mut tags = 0;
        self.edit_tab(|tab| tags = tab.tags());
        tags
    }

    /// Writes to the sheet that found rows by their tags, so far.
    pub fn tagged_writes(&self) -> u64 {
        self.services.counts.tagged_writes.load(Ordering::SeqCst)
    }

    /// From now on nobody may see or set tags on rows.
    pub fn refuse_tags(&self) {
        let spreadsheet = &self.services.spreadsheet;
        spreadsheet.without_tags.store(true, Ordering::SeqCst);
    }

    /// From now on nobody may write to cells, which is a wrong request to Google.
    pub fn protect_cells(&self) {
        let spreadsheet = &self.services.spreadsheet;
        spreadsheet.protected.store(true, Ordering::SeqCst);
    }

    /// Answers the first so many model calls; the others wait until more are allowed.
    pub fn allow_models(&self, calls: u64) {
        self.services.turnstile.allowed.send_replace(calls);
    }

    /// Waits until so many model calls have come.
    pub async fn models_arrived(&self, calls: u64) {
        let mut arrived = self.services.turnstile.arrived.subscribe();
        // It ends only with the sender, which lives as long as the services.
        let _ = arrived.wait_for(|arrived| *arrived >= calls).await;
    }

    /// US dollars billed for model calls so far, whether their answers arrived or not.
    pub fn billed_usd(&self) -> f64 {
        self.services.counts.billed_usd()
    }

    /// Requests that were refused because there were too many, so far.
    pub fn refused(&self) -> u64 {
        self.services.counts.refused.load(Ordering::SeqCst)
    }

    /// Requests that came so far, answered or not: to models, to the search and to the sheet.
    pub fn arrived(&self) -> [u64; 3] {
        *self.services.counts.arrived.borrow()
    }

    /// Waits until so many requests have come, to whichever service.
    pub async fn requests_arrived(&self, requests: u64) {
        let mut arrived = self.services.counts.arrived.subscribe();
        // It ends only with the sender, which lives as long as the services.
        let _ = arrived
            .wait_for(|arrived| arrived.iter().sum::<u64>() >= requests)
            .await;
    }

    /// Changes the rows in the moment before the next write is carried out, as a person at another desk could.
    pub fn edit_rows_before_write(&self, edit: impl FnOnce(&mut Vec<Vec<Value>>) + Send + 'static) {
        let edit = Box::new(|tab: &mut Tab| edit(tab.cells()));
        self.services.spreadsheet.edit_before_write(edit);
    }

    /// From now on nobody may write to the spreadsheet.
    pub fn refuse_writes(&self) {
        self.services
            .spreadsheet
            .read_only
            .store(true, Ordering::SeqCst);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.services.healed.store(true, Ordering::SeqCst);
    }

    /// Puts a tab before the one at this place; the first one added has the id 1. Properties are those of the service's
    /// tabs, such as `{"hidden": true}`; `merges` are its merged cells.
    pub fn add_tab(&self, at: usize, title: &str, rows: &[&[&str]], properties: Value) {
        self.services
            .spreadsheet
            .add_tab(at, title, rows, properties);
    }

    /// Gives the tab another name.
    pub fn rename_tab(&self, title: &str) {
        let spreadsheet = &self.services.spreadsheet;
        spreadsheet.edit(|tab| title.clone_into(&mut tab.title));
    }

    /// Model calls answered, search credits billed and writes to the sheet so far.
    pub fn counts(&self) -> (u64, u64, u64) {
        let RequestCounts {
            chats,
            credits,
            writes,
            ..
        } = &self.services.counts;
        let [chats, credits, writes] =
            [chats, credits, writes].map(|count| count.load(Ordering::SeqCst));
        (chats, credits, writes)
    }
}

impl RequestCounts {
    /// US dollars billed for model calls.
    fn billed_usd(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rehearsal bills far less than 2^52 billionths of a dollar"
        )]
        let billed = self.billed.load(Ordering::SeqCst) as f64;
        billed / 1e9
    }

    fn bill(&self, usd: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rehearsal bills a few dollars"
        )]
        let billionths = (usd * 1e9).round() as u64;
        self.billed.fetch_add(billionths, Ordering::SeqCst);
    }
}

impl Services {
    fn new(options: Options, address: SocketAddr) -> anyhow::Result<Self> {
        let world = options.world.unwrap_or_else(|| Arc::new(BuiltIn::new()));
        let list = match &options.list {
            None => world.list(),
            Some(path) => std::fs::read_to_string(path).with_context(|| {
                format!(
                    "--list: {} cannot be read: is the path right?",
                    path.display()
                )
            })?,
        };
        let limit = |per_minute: Option<u32>| {
            let per_minute = per_minute?;
            let burst = options
                .burst
                .unwrap_or(RequestLimit::usual_burst(per_minute));
            Some(RequestLimit::new(per_minute, burst))
        };
        Ok(Self {
            speed: options.speed,
            started: Instant::now(),
            faults: options.faults,
            healed: AtomicBool::new(false),
            dear: options.dear,
            latency: options.latency,
            schema_rules: options.schema_rules,
            limits: [
                limit(options.llm_limit),
                limit(options.search_limit),
                limit(options.sheets_limit),
                limit(options.sheets_limit),
            ],
            world,
            sign_in: SimulatedSignIn::new(address)?,
            spreadsheet: SimulatedSpreadsheet::new(&list)?,
            cached_prompts: model::PromptCache::default(),
            counts: RequestCounts::default(),
            turnstile: Turnstile {
                arrived: watch::Sender::new(0),
                allowed: watch::Sender::new(u64::MAX),
            },
            watcher: Watcher::default(),
            replay: options
                .replay
                .map(|path| Replay::read(&path).map(Arc::new))
                .transpose()?,
        })
    }

    /// What goes wrong.
    fn faults(&self) -> &[Fault] {
        match self.healed.load(Ordering::SeqCst) {
            true => &[],
            false => &self.faults,
        }
    }

    /// Simulated time since the services started.
    fn now(&self) -> Duration {
        self.started.elapsed().mul_f64(self.speed)
    }

    /// The answer that was worked out, or the loss of it.
    fn deliver(&self, service: SimulatedService, answer: Response) -> Response {
        let lost =
            |fault: &&Fault| fault.kind == FaultKind::Lost && fault.strikes(service, self.now());
        match self.faults().iter().find(lost) {
            Some(_) => body::cut(),
            None => answer,
        }
    }

    /// The latency of a request that costs nothing and that no fault strikes.
    async fn pause(&self, median: f64) {
        tokio::time::sleep(limit::latency(median, self.speed)).await;
    }

    /// Latency, limit and faults of a request; `Some` when it ends here.
    async fn meet(
        &self,
        service: SimulatedService,
        write: bool,
        median: f64,
        headers: &HeaderMap,
        body: &str,
    ) -> Option<Response> {
        self.counts
            .arrived
            .send_modify(|arrived| arrived[service as usize] += 1);
        let slot = match (service, write) {
            (SimulatedService::Llm, _) => 0,
            (SimulatedService::Search, _) => 1,
            (SimulatedService::Sheets, false) => 2,
            (SimulatedService::Sheets, true) => 3,
        };
        if let Some(wait) = self.limits[slot].as_ref().and_then(RequestLimit::refuse) {
            self.counts.refused.fetch_add(1, Ordering::SeqCst);
            return Some(too_many(service, wait));
        }
        let strikes =
            |fault: &&Fault| fault.kind != FaultKind::Lost && fault.strikes(service, self.now());
        match self.faults().iter().find(strikes).map(|fault| &fault.kind) {
            Some(FaultKind::Stall) => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                None
            }
            Some(FaultKind::Status(status)) => Some(refusal(service, *status)),
            Some(FaultKind::Echo) => Some(body::echo(headers)),
            Some(kind) => body::spoiled(kind).or_else(|| openrouter::spoiled(kind, body)),
            None => {
                match &self.latency {
                    Some(Latency(draw)) if service != SimulatedService::Sheets => {
                        tokio::time::sleep(draw(body).div_f64(self.speed)).await;
                    }
                    _ => self.pause(median).await,
                }
                None
            }
        }
    }
}

fn router(services: Arc<Services>) -> Router {
    let replay = services.replay.clone();
    let router = Router::new()
        .route("/api/v1/chat/completions", post(openrouter::chat))
        .route("/api/v1/key", get(openrouter::key))
        .route("/api/v1/models", get(openrouter::models))
        .route("/search", post(tavily::search))
        .route("/extract", post(tavily::extract))
        .route("/usage", get(tavily::usage))
        .route("/token", post(sign_in::token))
        .route(
            "/v4/spreadsheets/{id}",
            get(sheets::spreadsheet).post(sheets::batch_update),
        )
        .route(
            "/v4/spreadsheets/{id}/values:batchGet",
            get(sheets::batch_get),
        )
        .route(
            "/v4/spreadsheets/{id}/values:batchUpdate",
            post(sheets::values_batch_update),
        )
        .route("/spreadsheets/d/{id}/export", get(export::export))
        .route("/export/{id}", get(export::handed_out))
        .route(
            "/v4/spreadsheets/{id}/values:batchGetByDataFilter",
            post(by_filter::batch_get),
        )
        .route(
            "/v4/spreadsheets/{id}/values:batchUpdateByDataFilter",
            post(by_filter::batch_update),
        )
        .route(
            "/v4/spreadsheets/{id}/developerMetadata:search",
            post(by_filter::search),
        )
        .with_state(services);
    match replay {
        Some(replay) => router.layer(middleware::from_fn_with_state(replay, replay::play)),
        None => router,
    }
}
