//! Signals: the first winds the run down, another one that comes more than a second later leaves at once.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};

use crate::exit::Exit;

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
    use futures_util::FutureExt;

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
