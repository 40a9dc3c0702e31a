//! The batcher of statements to the shared store. A brand needs the store some twelve times, most of them small, and
//! each round trip costs more than what is done there: so whoever asks waits for a moment whether others ask too, and
//! all of it is one transaction, sent in one piece.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use futures::future::{MaybeDone, maybe_done};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use super::{Address, Listener, Patience, StoreError, Value, connect, schema::TURN};

/// The longest that somebody waits for company.
const LONGEST_GATHERING: Duration = Duration::from_millis(100);

/// Part of the usual time between two that ask for which the first waits. Half of it halves the ways less one third, and
/// makes a brand some two hundredths slower.
const GATHERING: f64 = 0.5;

/// Weight of the last of these times in the usual one.
const LAST: f64 = 1.0 / 16.0;

/// How often the others are told that this host is there; its lease is several times longer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// A connection over which nothing came for this long is given up.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// One thing to be done, and who waits for it.
struct Op {
    sql: &'static str,
    values: Vec<Value>,
    answer: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

/// The way to the store.
#[derive(Clone, Debug)]
pub struct Pipe(mpsc::UnboundedSender<Op>);

/// The other end.
struct Worker {
    address: Address,
    events: Listener,
    host: i64,
    line: Option<Line>,
    last_sign: Option<Instant>,
    /// Seconds between two that ask, as it is of late.
    usual: f64,
    last_asked: Instant,
}

/// A connection, with the statements that it knows.
struct Line {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Pipe {
    pub fn open(address: Address, events: Listener, host: i64) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let worker = Worker {
            address,
            events,
            host,
            line: None,
            last_sign: None,
            usual: 0.0,
            last_asked: Instant::now(),
        };
        tokio::spawn(worker.work(receiver));
        Self(sender)
    }

    pub async fn ask(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let op = Op {
            sql,
            values,
            answer,
        };
        let gone = || StoreError::Failed("its worker has ended".into());
        self.0.send(op).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Worker {
    async fn work(mut self, mut asked: mpsc::UnboundedReceiver<Op>) {
        loop {
            let mut ops = match timeout(SIGN_OF_LIFE, asked.recv()).await {
                Ok(Some(first)) => vec![first],
                Ok(None) => break,
                Err(_) if self.last_sign.is_none() => continue,
                // Whoever plans or writes pages is alive too.
                Err(_) => Vec::new(),
            };
            if !ops.is_empty() {
                sleep(self.gathering()).await;
            }
            while let Ok(op) = asked.try_recv() {
                ops.push(op);
            }
            self.meet(ops.len());
            self.carry_out(ops).await;
        }
    }

    fn gathering(&self) -> Duration {
        Duration::from_secs_f64(self.usual * GATHERING).min(LONGEST_GATHERING)
    }

    #[expect(clippy::cast_precision_loss, reason = "few ask at once")]
    fn meet(&mut self, asked: usize) {
        if asked == 0 {
            return;
        }
        let each = self.last_asked.elapsed().as_secs_f64() / asked as f64;
        self.last_asked = Instant::now();
        for _ in 0..asked {
            self.usual += (each - self.usual) * LAST;
        }
    }

    async fn carry_out(&mut self, ops: Vec<Op>) {
        let (address, events) = (self.address.clone(), self.events.clone());
        let mut patience = Patience::in_a_run(&events, &address);
        let done = loop {
            match self.once(&ops).await {
                Ok(rows) => {
                    patience.over();
                    break Ok(rows);
                }
                Err(trouble) => {
                    self.line = None;
                    if let Err(trouble) = patience.after(trouble).await {
                        break Err(trouble);
                    }
                }
            }
        };
        match done {
            Ok(rows) => {
                for (op, rows) in ops.into_iter().zip(rows) {
                    // Whoever asked may have gone.
                    let _ = op.answer.send(Ok(rows));
                }
            }
            Err(trouble) => {
                for op in ops {
                    let _ = op.answer.send(Err(trouble.clone()));
                }
            }
        }
    }

    /// Does all of it, or nothing.
    async fn once(&mut self, ops: &[Op]) -> Result<Vec<Vec<Row>>, StoreError> {
        if self.line.is_none() {
            self.line = Some(Line {
                client: connect(&self.address).await?,
                statements: HashMap::new(),
            });
        }
        let Some(line) = &mut self.line else {
            return Err(StoreError::silent());
        };
        in_time(line.prepare(ops)).await?;
        let sign = ops.is_empty() || self.last_sign.is_none_or(|at| at.elapsed() >= SIGN_OF_LIFE);
        let begin = match sign {
            false => format!("BEGIN; SELECT pg_advisory_xact_lock({TURN})"),
            true => format!(
                "BEGIN; SELECT pg_advisory_xact_lock({TURN}); \
                 UPDATE host SET seen_at = clock_timestamp() WHERE id = {}",
                self.host
            ),
        };
        let rows = in_time(line.send(&begin, ops)).await?;
        if sign {
            self.last_sign = Some(Instant::now());
        }
        Ok(rows)
    }
}

impl Line {
    async fn prepare(&mut self, ops: &[Op]) -> Result<(), StoreError> {
        for op in ops {
            if !self.statements.contains_key(op.sql) {
                let statement = self.client.prepare(op.sql).await?;
                self.statements.insert(op.sql, statement);
            }
        }
        Ok(())
    }

    /// Sends a whole transaction without waiting for its parts: a statement leaves when it is first polled.
    async fn send(&self, begin: &str, ops: &[Op]) -> Result<Vec<Vec<Row>>, StoreError> {
        let work = ops.iter().map(|op| async move {
            let values = op
                .values
                .iter()
                .map(|value| &**value as &(dyn ToSql + Sync));
            let values: Vec<_> = values.collect();
            self.client.query(&self.statements[op.sql], &values).await
        });
        let work = work.map(|op| Box::pin(maybe_done(op))).collect();
        let opened = self.client.batch_execute(begin);
        let committed = self.client.batch_execute("COMMIT");
        // Each is polled in this order, all of `work` before the last.
        let (opened, rows, committed) = tokio::join!(opened, in_order(work), committed);
        opened?;
        let rows = rows.into_iter().collect::<Result<Vec<_>, _>>();
        // After a statement that failed, this one undoes the others, and does not fail.
        committed?;
        Ok(rows?)
    }
}

/// Waits for all, and polls them in their order. What is at hand for this gives way to others after some, and the end of
/// the transaction would overtake the rest.
async fn in_order<F: Future>(mut work: Vec<Pin<Box<MaybeDone<F>>>>) -> Vec<F::Output> {
    poll_fn(|context| {
        let ended = work.iter_mut().map(|one| one.as_mut().poll(context));
        match ended.filter(Poll::is_pending).count() {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    let ended = work.iter_mut().map(|one| one.as_mut().take_output());
    ended.flatten().collect()
}

/// Waits, but not for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let done = timeout(LONGEST_ANSWER, work).await;
    done.unwrap_or_else(|_| Err(StoreError::silent()))
}
