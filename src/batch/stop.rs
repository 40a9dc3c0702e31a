//! Signals: the first winds the run down, the second leaves at once.

use tokio::sync::mpsc;

use crate::exit::Exit;

/// Signals as they come; each gives the code that the run ends with.
#[derive(Debug)]
pub struct Signals(mpsc::UnboundedReceiver<Exit>);

impl Signals {
    /// Listens to Ctrl-C and to whatever else asks the program to end.
    pub fn listen() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let interrupts = sender.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok()
                && interrupts.send(Exit::Interrupted).is_ok()
            {}
        });
        tokio::spawn(async move {
            while terminated().await && sender.send(Exit::Terminated).is_ok() {}
        });
        Self(receiver)
    }

    /// The next signal; never, when none can come.
    pub async fn next(&mut self) -> Exit {
        match self.0.recv().await {
            Some(exit) => exit,
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
async fn terminated() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => signal.recv().await.is_some(),
        Err(_) => false,
    }
}

/// The console is closed, the user logs off, or the machine shuts down.
#[cfg(windows)]
async fn terminated() -> bool {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (Ok(mut r#break), Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) =
        (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown())
    else {
        return false;
    };
    tokio::select! {
        some = r#break.recv() => some.is_some(),
        some = close.recv() => some.is_some(),
        some = logoff.recv() => some.is_some(),
        some = shutdown.recv() => some.is_some(),
    }
}
