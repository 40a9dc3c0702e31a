//! The store that several hosts share: one list, one budget, one registry, in a PostgreSQL database. `docs/decisions` says why.
//!
//! Everything that a host changes goes through its pipe: what comes together travels together, in one transaction that
//! no other host's interleaves with, so that hosts see what one of them did whole or not at all, and in one order.

mod address;
mod arrival;
mod batcher;
mod error;
mod health_check;
mod history;
mod ledger;
mod lookup;
pub mod moving;
mod queue;
mod reconciliation;
pub mod reports;
mod run;
mod schema;
mod spending;
mod status;
mod store;
mod tls;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, Row, types::ToSql};

use self::arrival::Host;
pub use self::{
    address::Address,
    ledger::{PostgresLedger, caps_of},
    lookup::Lookup,
    queue::Night,
    run::begin,
    store::PostgresStore,
};
use crate::{event::Events, store::StoreError};

/// How long a run that works waits for the store.
const PATIENCE: Duration = Duration::from_mins(15);

/// The longest that making a connection takes.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The wait before the second try, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A store that is back in so short a time was not away.
const WITHOUT_A_WORD: Duration = Duration::from_millis(250);

/// A parameter of a statement.
pub type Value = Box<dyn ToSql + Sync + Send>;

/// The shared store, as one host uses it.
#[derive(Clone, Debug)]
pub struct Shared {
    address: Address,
    pipe: batcher::Pipe,
    events: Listener,
    /// The number of this host, which no other has.
    host: i64,
}

/// Who is told that the store is away, once there is somebody.
#[derive(Clone, Debug, Default)]
pub struct Listener(Arc<Mutex<Option<Events>>>);

impl Listener {
    /// From now on it is told here.
    pub fn set(&self, events: Option<Events>) {
        *lock(&self.0) = events;
    }

    fn warn(&self, text: String) {
        let listener = lock(&self.0);
        if let Some(events) = &*listener {
            events.warn(text);
        } else {
            crate::text::terminal::warning(&text);
            tracing::warn!("{text}");
        }
    }
}

/// A way back to a store that is away: who waits, and since when.
struct Patience<'a> {
    events: &'a Listener,
    address: &'a Address,
    /// The run begins: the store has not been reached yet.
    begins: bool,
    since: Instant,
    wait: Duration,
    told: bool,
}

impl<'a> Patience<'a> {
    fn at_the_start(events: &'a Listener, address: &'a Address) -> Self {
        Self {
            begins: true,
            ..Self::in_a_run(events, address)
        }
    }

    fn in_a_run(events: &'a Listener, address: &'a Address) -> Self {
        Self {
            events,
            address,
            begins: false,
            since: Instant::now(),
            wait: FIRST_WAIT,
            told: false,
        }
    }

    /// Waits after a failure that may pass.
    ///
    /// # Errors
    /// When it will not pass, or the patience is at an end.
    async fn after(&mut self, trouble: StoreError) -> Result<(), StoreError> {
        let trouble = match self.begins {
            true => trouble,
            false => trouble.in_a_run(),
        };
        let StoreError::Away { why, remedy, worth } = &trouble else {
            return Err(trouble.at(self.address));
        };
        let longest = if self.begins { *worth } else { PATIENCE };
        let waited = self.since.elapsed();
        if waited + self.wait > longest {
            return Err(trouble.at(self.address));
        }
        // A connection that broke is made again without a word.
        if !self.told && (self.begins || waited >= WITHOUT_A_WORD) {
            self.told = true;
            let longest = match longest.as_secs() {
                short @ ..=60 => format!("{short} s"),
                long => format!("{} min", long / 60),
            };
            self.events.warn(format!(
                "{}: the shared store is away: {why}. {remedy}. It is tried again for {longest}, and nothing is lost",
                self.address
            ));
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }

    /// It has come back.
    fn over(&self) {
        if self.told {
            self.events.warn(format!(
                "The shared store answers again after {:.0} s",
                self.since.elapsed().as_secs_f64()
            ));
        }
    }
}

impl Shared {
    /// Reaches the store, and makes its tables where they are not there.
    pub async fn open(address: Address) -> Result<Self, StoreError> {
        let events = Listener::default();
        let mut patience = Patience::at_the_start(&events, &address);
        loop {
            let prepared = async { schema::prepare(&mut connect(&address).await?).await };
            match prepared.await {
                Ok(()) => break,
                Err(trouble) => patience.after(trouble).await?,
            }
        }
        patience.over();
        Ok(Self::at(address, events))
    }

    /// Reaches the store to read what is there; `None` where nothing is.
    pub async fn peek(address: Address) -> Result<Option<Self>, StoreError> {
        let found = async { schema::version(&connect(&address).await?).await };
        let found = found.await.map_err(|trouble| trouble.at(&address))?;
        Ok(found.map(|_| Self::at(address, Listener::default())))
    }

    fn at(address: Address, events: Listener) -> Self {
        let host = fastrand::i64(1..);
        Self {
            pipe: batcher::Pipe::open(address.clone(), events.clone(), host),
            address,
            events,
            host,
        }
    }

    /// Who is told when the store is away.
    pub fn listener(&self) -> &Listener {
        &self.events
    }

    /// A connection of its own, for what is long or only read.
    pub async fn connect(&self) -> Result<Client, StoreError> {
        let mut patience = Patience::in_a_run(&self.events, &self.address);
        loop {
            match connect(&self.address).await {
                Ok(client) => {
                    patience.over();
                    return Ok(client);
                }
                Err(trouble) => patience.after(trouble).await?,
            }
        }
    }

    /// Does something over connections of its own, and all of it again where the store went away meanwhile.
    pub async fn patiently<'a, T>(
        &self,
        work: impl Fn() -> BoxFuture<'a, anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let mut patience = Patience::in_a_run(&self.events, &self.address);
        loop {
            let error = match work().await {
                Ok(done) => {
                    patience.over();
                    return Ok(done);
                }
                Err(error) => error,
            };
            match StoreError::of(error) {
                Ok(trouble) => patience.after(trouble).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Does one thing, together with whatever else is to be done now. A statement that was done, and whose answer was
    /// lost, is sent again: it has to be one that does the same twice.
    async fn ask(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.pipe.ask(sql, values).await
    }
}

/// The error, as one of the store where it is one.
fn typed(error: anyhow::Error) -> anyhow::Error {
    StoreError::of(error).map_or_else(|error| error, Into::into)
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reaches the store once.
async fn connect(address: &Address) -> Result<Client, StoreError> {
    let tls = address
        .tls()
        .map_err(|error| StoreError::Settings(format!("--state (BRANDINTEL_STATE): {error:#}")))?;
    let reached = async {
        let (client, connection) = address.config().connect(tls).await?;
        tokio::spawn(async move {
            // Whoever uses the client learns of the end of the connection too.
            let _ = connection.await;
        });
        // A host that is cut off in the middle of its work must not keep the others from theirs.
        client
            .batch_execute(
                "SET search_path TO brandintel; SET idle_in_transaction_session_timeout TO '5s'; \
                 SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 3; SET tcp_keepalives_count TO 3",
            )
            .await?;
        Ok(client)
    };
    let reached = timeout(HANDSHAKE, reached).await;
    reached.unwrap_or_else(|_| Err(StoreError::silent()))
}

#[cfg(test)]
mod tests;
