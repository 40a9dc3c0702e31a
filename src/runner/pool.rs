//! The pool of brands in work: their research runs at the same time, and each comes back with how it ended. It knows
//! nothing of terminals, signals and files.

use std::{collections::HashMap, future::pending};

use tokio::task::{Id, JoinSet};

use super::errors::BrandError;

/// Work in flight. `H` is what its owner wants back with each, `T` what comes of it.
#[derive(Debug)]
pub struct Pool<H, T> {
    tasks: JoinSet<Result<T, BrandError>>,
    held: HashMap<Id, H>,
}

impl<H, T: Send + 'static> Pool<H, T> {
    pub fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            held: HashMap::new(),
        }
    }

    /// Begins work.
    pub fn spawn(
        &mut self,
        held: H,
        work: impl Future<Output = Result<T, BrandError>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(work);
        self.held.insert(task.id(), held);
    }

    /// Waits for the next that ends; for ever where none is in flight. A panic is an error of the one that it met. Nothing
    /// is lost when the waiting is broken off.
    pub async fn next(&mut self) -> (H, Result<T, BrandError>) {
        loop {
            let (id, result) = match self.tasks.join_next_with_id().await {
                Some(Ok(ended)) => ended,
                Some(Err(panic)) => (panic.id(), Err(BrandError::bug(&panic))),
                None => return pending().await,
            };
            if let Some(held) = self.held.remove(&id) {
                return (held, result);
            }
        }
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What is held of those in flight, in no order.
    pub fn held(&self) -> impl Iterator<Item = &H> {
        self.held.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;

    #[tokio::test]
    async fn a_panic_in_one_brand_fails_that_brand_alone() {
        let mut pool = Pool::new();
        pool.spawn("first", async { Ok(1) });
        pool.spawn("second", async { unreachable!("a bug") });
        pool.spawn("third", async { Ok(3) });
        let mut ended = HashMap::new();
        while !pool.is_empty() {
            let (brand, result) = pool.next().await;
            ended.insert(brand, result);
        }
        assert!(matches!(ended["first"], Ok(1)), "{ended:?}");
        assert!(matches!(ended["third"], Ok(3)), "{ended:?}");
        let Err(BrandError::Failed { kind, message, .. }) = &ended["second"] else {
            unreachable!("{ended:?}")
        };
        assert_eq!(*kind, ErrorKind::Bug);
        assert!(message.contains("please report it"), "{message}");
    }
}
