//! The distribution of work over a few threads, with results in order.

use std::{num::NonZero, sync::mpsc, thread};

use anyhow::Context;

/// More threads wait for each other, and each keeps freed memory of its own.
const THREADS: usize = 4;

/// Pieces of finished work that each thread may be ahead: what memory holds does not depend on how many there are.
const AHEAD: usize = 2;

/// Does `work` for each item on a few threads and gives what comes of it to `take`, in the order of the items. Stops at
/// the first failure of `take`.
pub fn in_order<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> T + Sync,
    mut take: impl FnMut(&I, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS);
    thread::scope(|scope| {
        let lines: Vec<_> = (0..threads)
            .map(|first| {
                let (send, receive) = mpsc::sync_channel(AHEAD);
                let work = &work;
                scope.spawn(move || {
                    for item in items.iter().skip(first).step_by(threads) {
                        // Nobody takes it any more where something failed.
                        if send.send(work(item)).is_err() {
                            break;
                        }
                    }
                });
                receive
            })
            .collect();
        for (item, line) in items.iter().zip(lines.iter().cycle()) {
            let done = line.recv();
            take(item, done.context("a thread that renders has ended early")?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_taken_in_its_order() {
        let items: Vec<usize> = (0..1_000).collect();
        let mut taken = Vec::new();
        in_order(
            &items,
            |i| i * 2,
            |_, double| {
                taken.push(double);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(taken, items.iter().map(|i| i * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_ends_it() {
        let items: Vec<usize> = (0..1_000).collect();
        let mut taken = 0;
        let ended = in_order(
            &items,
            |&i| i,
            |_, i| {
                taken += 1;
                anyhow::ensure!(i < 5, "the disk is full");
                Ok(())
            },
        );
        assert_eq!(ended.unwrap_err().to_string(), "the disk is full");
        assert_eq!(taken, 6);
    }
}
