//! The confirmation of refusals that would end a run: while a service is asked again, nothing else is bought.

use std::sync::Arc;

use tokio::sync::watch;

/// How many refusals are in doubt, of all services together.
#[derive(Clone, Debug)]
pub struct Confirmation(Arc<watch::Sender<usize>>);

/// A refusal in doubt, until this is dropped.
#[derive(Debug)]
pub struct Doubt(Arc<watch::Sender<usize>>);

impl Default for Confirmation {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Confirmation {
    /// A refusal comes into doubt.
    pub fn begin(&self) -> Doubt {
        self.0.send_modify(|count| *count += 1);
        Doubt(Arc::clone(&self.0))
    }

    /// Waits until none is in doubt.
    pub async fn none(&self) {
        let mut count = self.0.subscribe();
        // The sender is not dropped while this borrows it.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_buys_waits_until_no_refusal_is_in_doubt() {
        let doubts = Confirmation::default();
        assert!(pin!(doubts.none()).now_or_never().is_some());
        let (first, second) = (doubts.begin(), doubts.begin());
        let mut waiting = pin!(doubts.none());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(second);
        assert!(waiting.now_or_never().is_some());
    }
}
