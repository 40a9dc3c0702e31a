//! The listeners of a run: the log, the state folder, the terminal, and what is left to do.

use std::collections::BTreeSet;

use tokio::{sync::oneshot, task::JoinHandle, time::MissedTickBehavior};

use super::{
    log,
    next_steps::NextSteps,
    options::Verbosity,
    outages::Outages,
    progress::{self, Outlook, Progress},
};
use crate::{
    event::{Event, Incoming},
    say,
    text::terminal::Terminal,
};

/// Tells of a run from its first call on; the terminal has something to show when its brands are known.
#[derive(Debug)]
pub struct Listeners {
    task: JoinHandle<NextSteps>,
    begins: oneshot::Sender<WorkBegins>,
}

/// What is known when the work begins.
#[derive(Debug)]
pub struct WorkBegins {
    /// Brands that are due.
    pub due: usize,
    pub verbosity: Verbosity,
    pub outlook: Outlook,
    pub next_steps: NextSteps,
}

impl Listeners {
    /// Begins to listen. Dropped without having begun to work, it ends.
    pub fn start(incoming: Incoming, outages: Outages, terminal: Terminal) -> Self {
        let (begins, begun) = oneshot::channel();
        Self {
            task: tokio::spawn(tell(incoming, outages, begun, terminal)),
            begins,
        }
    }

    /// Shows the work too. The task ends when nobody is left who says anything, with what is left to do.
    pub fn begin(self, begun: WorkBegins) -> JoinHandle<NextSteps> {
        // Without listeners there is nothing to show it.
        let _ = self.begins.send(begun);
        self.task
    }
}

async fn tell(
    mut incoming: Incoming,
    mut outages: Outages,
    mut begun: oneshot::Receiver<WorkBegins>,
    terminal: Terminal,
) -> NextSteps {
    let mut clock = tokio::time::interval(progress::TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut told) = (Vec::new(), BTreeSet::new());
    let WorkBegins {
        due,
        verbosity,
        outlook,
        mut next_steps,
    } = loop {
        tokio::select! {
            biased;
            begun = &mut begun => match begun {
                Ok(begun) => break begun,
                // It has come to no work.
                Err(_) => return NextSteps::default(),
            },
            Some((span, event)) = incoming.recv() => {
                span.in_scope(|| log::log(&event));
                outages.note(&event);
                match event {
                    Event::CallRetried { service, why, .. } => {
                        if told.insert(service) {
                            say!(terminal; "⏳ {service} does not answer and is waited for; Ctrl-C ends this ({why})");
                        }
                    }
                    Event::CallDone { .. } => {}
                    other => before.push(other),
                }
            }
            _ = clock.tick() => {}
        }
        outages.tell();
    };
    let mut progress = Progress::new(due, verbosity, outlook, outages, terminal);
    for event in &before {
        progress.show(event);
    }
    loop {
        tokio::select! {
            event = incoming.recv() => match event {
                Some((span, event)) => {
                    span.in_scope(|| log::log(&event));
                    next_steps.note(&event);
                    progress.note(&event);
                    progress.show(&event);
                }
                None => break,
            },
            _ = clock.tick() => progress.tick(),
        }
        progress.tell_outages();
    }
    progress.finish();
    next_steps
}
