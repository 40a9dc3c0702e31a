//! Two runners as the guide to the earlier program describes them, on the same latencies: one brand after the other,
//! and a pool of workers with a barrier after each chunk of fifty. Both make the calls of a brand one after another, and
//! space them evenly without listening to the service.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{Limits, Night, bound::gate, latency, print_line};

const CHUNK: usize = 50;

/// One of the draws that the program is measured with.
const SEED: u64 = 0;

/// So many requests a minute, evenly.
struct Even {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Even {
    fn new(a_minute: u32) -> Self {
        Self {
            interval: Duration::from_mins(1) / a_minute,
            next: Mutex::new(Instant::now()),
        }
    }

    async fn wait(&self) {
        let mut next = self.next.lock().await;
        let at = (*next).max(Instant::now());
        *next = at + self.interval;
        drop(next);
        sleep_until(at).await;
    }
}

struct Services {
    models: Even,
    searches: Even,
}

impl Services {
    fn new(limits: Limits) -> Self {
        Self {
            models: Even::new(limits.llm),
            searches: Even::new(limits.search),
        }
    }

    async fn research(&self, brand: usize) {
        for number in 0..latency::SEARCHES {
            self.searches.wait().await;
            sleep(Duration::from_secs_f64(latency::search(
                number, brand, SEED,
            )))
            .await;
        }
        for stage in ["analyst", "strategist"] {
            self.models.wait().await;
            sleep(Duration::from_secs_f64(latency::model(stage, brand, SEED))).await;
        }
    }
}

/// One brand after the other.
pub fn sequential(night: &Night) {
    let wall = simulate(async {
        let services = Services::new(night.set);
        for brand in 0..night.brands {
            services.research(brand).await;
        }
    });
    print("peer: one after the other", night, wall);
}

/// A pool of workers, and a barrier after each chunk.
pub fn chunks(night: &Night) {
    let wall = simulate(async {
        let services = Arc::new(Services::new(night.set));
        let workers = Arc::new(Semaphore::new(night.workers));
        for first in (0..night.brands).step_by(CHUNK) {
            let mut chunk = JoinSet::new();
            for brand in first..(first + CHUNK).min(night.brands) {
                let (services, workers) = (Arc::clone(&services), Arc::clone(&workers));
                chunk.spawn(async move {
                    let _worker = workers.acquire().await;
                    services.research(brand).await;
                });
            }
            chunk.join_all().await;
        }
    });
    print("peer: pool, barrier after chunk", night, wall);
}

fn simulate(work: impl Future<Output = ()>) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now();
        work.await;
        start.elapsed()
    })
}

/// The bound is the one for programs that make the searches of a brand together, as these could.
fn print(name: &str, night: &Night, wall: Duration) {
    let paths: f64 = (0..night.brands)
        .map(|brand| {
            let searches =
                (0..latency::SEARCHES).map(|number| latency::search(number, brand, SEED));
            let models = ["analyst", "strategist"].map(|stage| latency::model(stage, brand, SEED));
            searches.fold(0.0, f64::max) + models.iter().sum::<f64>()
        })
        .sum();
    let (models, searches) = (2 * night.brands as u64, 6 * night.brands as u64);
    let bound = (paths / night.workers as f64)
        .max(gate(searches, night.set.search))
        .max(gate(models, night.set.llm));
    let bound = Duration::from_secs_f64(bound);
    print_line(name, night, wall, bound, 0, models, searches);
}
