//! The record of the kinds of paid calls that a service has answered in this run. A cached answer does not count: it
//! proves nothing about today.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

/// The live answers of all services, shared by everything that sends.
#[derive(Debug, Default)]
pub struct Successes {
    /// When the last request was sent that brought an answer, by service and kind of call.
    last_sent: Mutex<HashMap<(&'static str, String), Instant>>,
    news: Notify,
}

impl Successes {
    /// A service has answered a call of this kind that was sent then.
    pub fn note(&self, service: &'static str, kind: &str, sent: Instant) {
        let mut all = self.all();
        let last = all.entry((service, kind.to_owned())).or_insert(sent);
        *last = sent.max(*last);
        drop(all);
        self.news.notify_one();
    }

    /// When the last request of this kind was sent that was answered; `None` where none was in this run.
    pub fn last_sent(&self, service: &'static str, kind: &str) -> Option<Instant> {
        self.all().get(&(service, kind.to_owned())).copied()
    }

    /// Whether the service has answered any call in this run.
    pub fn has_any(&self, service: &str) -> bool {
        self.all().keys().any(|(known, _)| *known == service)
    }

    /// Waits until something was answered that has not been waited for before. One task listens.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(&'static str, String), Instant>> {
        self.last_sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
