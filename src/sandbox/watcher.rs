//! The hook by which a test watches requests to models.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

type Watch = Box<dyn FnMut(&Value) + Send>;

/// What sees each request to a model.
#[derive(Default)]
pub(super) struct Watcher(Mutex<Option<Watch>>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl Watcher {
    pub(super) fn set(&self, watch: Watch) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
    }

    pub(super) fn show(&self, request: &Value) {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = &mut *watch {
            watch(request);
        }
    }
}
