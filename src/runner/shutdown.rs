//! The shutdown of a run: why it ends, and the signals that end it. The first winds the run down, another one that comes
//! more than a second later leaves at once.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::budget_check::LimitReached;
use crate::{
    event::{Event, Events},
    exit::{Exit, Failure},
    store::checkpoint::RunStatus,
};

/// Why a run ended.
pub enum End {
    Complete,
    Signal(Exit),
    /// The budget, or a cap by day or month, was reached.
    Budget(LimitReached),
    /// No other brand would have been done in time; the text says why.
    TimeUp(String),
    /// Nothing more could be done.
    Failed(Failure),
}

impl End {
    /// The status that the run has in files.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Complete => RunStatus::Complete,
            Self::Signal(_) | Self::TimeUp(_) => RunStatus::Interrupted,
            Self::Budget(_) => RunStatus::BudgetReached,
            Self::Failed(_) => RunStatus::Aborted,
        }
    }
}

/// Whether more may be begun, and why not. The first reason counts.
pub struct Shutdown {
    end: End,
    /// Cancelled when nothing new may be paid for.
    stop: CancellationToken,
    events: Events,
}

impl Shutdown {
    /// Of a run that begins; nothing is bought where something `refused` it.
    pub fn new(stop: CancellationToken, events: Events, refused: Option<LimitReached>) -> Self {
        Self {
            end: refused.map_or(End::Complete, End::Budget),
            stop,
            events,
        }
    }

    /// Whether nothing has ended the run so far.
    pub fn begins_more(&self) -> bool {
        matches!(self.end, End::Complete) && !self.stop.is_cancelled()
    }

    /// Whether nothing new may be paid for.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether the run does not end by itself, or because its money or time is used up.
    pub fn is_broken_off(&self) -> bool {
        matches!(self.end, End::Signal(_) | End::Failed(_))
    }

    pub fn end(&self) -> &End {
        &self.end
    }

    pub fn into_end(self) -> End {
        self.end
    }

    /// A run that nothing else has ended ends so.
    pub fn end_as(&mut self, end: End) {
        if let End::Complete = self.end {
            self.end = end;
        }
    }

    /// Takes in a signal. `in_flight` are the brands that are waited for.
    pub fn signalled(&mut self, exit: Exit, in_flight: Vec<Arc<str>>) {
        if self.stop.is_cancelled() && matches!(self.end, End::Signal(_)) {
            // The user is in a hurry. It is as safe as a crash: everything that was paid for is on disk.
            std::process::exit(exit as i32);
        }
        if !matches!(self.end, End::Failed(_)) {
            self.end = End::Signal(exit);
        }
        self.stop.cancel();
        let why = "Stopping after the calls in flight; press Ctrl-C again to leave at once";
        self.say(why.into(), in_flight);
    }

    /// Nothing new is begun; calls in flight are waited for, because they are paid for. That time is up is no reason that
    /// hides another.
    pub fn give_up(&mut self, failure: Failure, in_flight: Vec<Arc<str>>) {
        self.stop.cancel();
        match self.end {
            End::Complete | End::TimeUp(_) => {
                self.say(format!("{:#}", failure.error), in_flight);
                self.end = End::Failed(failure);
            }
            End::Failed(_) => {}
            End::Signal(_) | End::Budget(_) => self.events.warn(format!("{:#}", failure.error)),
        }
    }

    /// Nothing more is begun; others in flight may still find room for what they need.
    pub fn reach_budget(&mut self, reached: LimitReached, in_flight: Vec<Arc<str>>) {
        if let End::Complete = self.end {
            self.say(reached.why.clone(), in_flight);
            self.end = End::Budget(reached);
        }
    }

    /// No other brand would be done in time.
    pub fn time_is_up(&mut self, why: String, in_flight: Vec<Arc<str>>) {
        self.say(format!("The time is up: {why}"), in_flight);
        self.end = End::TimeUp(why);
    }

    /// What went wrong at the very end. It fails a run that nothing else has ended.
    pub fn fail_at_end(&mut self, failure: Failure) {
        match self.end {
            End::Complete | End::TimeUp(_) => self.end = End::Failed(failure),
            _ => self.events.warn(format!("{:#}", failure.error)),
        }
    }

    fn say(&self, why: String, in_flight: Vec<Arc<str>>) {
        self.events.say(Event::WindingDown { why, in_flight });
    }
}

/// Signals that come within this time are one: `timeout` and `systemd` tell the process and then its group, and a key that
/// is held down repeats itself.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

type Sender = mpsc::UnboundedSender<(Exit, Instant)>;

/// Signals as they come; each gives the code that the run ends with.
#[derive(Debug)]
pub struct Signals {
    incoming: mpsc::UnboundedReceiver<(Exit, Instant)>,
    /// When the last one came that counted.
    last: Option<Instant>,
}

impl Signals {
    /// Listens to Ctrl-C and to whatever else asks the program to end.
    pub fn listen() -> Self {
        let (sender, incoming) = mpsc::unbounded_channel();
        listen_to_all(&sender);
        Self {
            incoming,
            last: None,
        }
    }

    /// The next signal; never, when none can come.
    pub async fn next(&mut self) -> Exit {
        loop {
            let Some((exit, at)) = self.incoming.recv().await else {
                return std::future::pending().await;
            };
            if self.last.is_none_or(|last| at > last + ONE_SIGNAL) {
                self.last = Some(at);
                return exit;
            }
        }
    }
}

/// A kind of signal that cannot be listened to ends the program as it always does.
#[cfg(unix)]
fn listen_to_all(sender: &Sender) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds = vec![
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::terminate(), Exit::Terminated),
    ];
    if !hang_up_is_ignored() {
        kinds.push((SignalKind::hangup(), Exit::Terminated));
    }
    for (kind, exit) in kinds {
        let Ok(mut signal) = signal(kind) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() && sender.send((exit, Instant::now())).is_ok() {}
        });
    }
}

/// Whether the program was started with `nohup`, or otherwise so that it outlives its terminal.
#[cfg(target_os = "linux")]
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    // The first bit is that of signal 1, SIGHUP.
    ignored.is_some_and(|signals| signals & 1 == 1)
}

/// Other systems do not say what is ignored. `nohup` leaves no stream on the terminal; without it, and without a terminal,
/// a hang-up ends the program like a crash, which is as safe.
#[cfg(all(unix, not(target_os = "linux")))]
fn hang_up_is_ignored() -> bool {
    use std::io::{IsTerminal, stderr, stdin, stdout};
    !(stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal())
}

/// Besides Ctrl-C: Ctrl-Break, the console is closed, the user logs off, or the machine shuts down.
#[cfg(windows)]
fn listen_to_all(sender: &Sender) {
    use tokio::signal::windows;
    macro_rules! listen_to {
        ($kind:ident, $exit:expr) => {
            if let Ok(mut signal) = windows::$kind() {
                let sender = sender.clone();
                tokio::spawn(async move {
                    while signal.recv().await.is_some()
                        && sender.send(($exit, Instant::now())).is_ok()
                    {}
                });
            }
        };
    }
    listen_to!(ctrl_c, Exit::Interrupted);
    listen_to!(ctrl_break, Exit::Terminated);
    listen_to!(ctrl_close, Exit::Terminated);
    listen_to!(ctrl_logoff, Exit::Terminated);
    listen_to!(ctrl_shutdown, Exit::Terminated);
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn signals_within_a_second_are_one_and_a_later_one_is_the_second() {
        let (sender, incoming) = mpsc::unbounded_channel();
        let mut signals = Signals {
            incoming,
            last: None,
        };
        let press = |exit| sender.send((exit, Instant::now())).unwrap();
        press(Exit::Interrupted);
        press(Exit::Terminated);
        assert_eq!(signals.next().await, Exit::Interrupted);
        for _ in 0..2 {
            tokio::time::advance(Duration::from_millis(500)).await;
            press(Exit::Interrupted);
            assert_eq!(signals.next().now_or_never(), None);
        }
        // The second is counted from the first signal: a key that is held down leaves too.
        tokio::time::advance(Duration::from_millis(1)).await;
        press(Exit::Interrupted);
        assert_eq!(signals.next().await, Exit::Interrupted);
    }
}
