//! The one place where background tasks are started, so that none can end unnoticed.
//!
//! A task that panics is logged and counted. One that has to go on for as long as the process does is started
//! again, at growing intervals. The counts are the process's, as panics are.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use ringbook_core::clock::{Clock, after, between};

/// The first wait before a task is started again; each further one is twice as long.
const AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);

static FAILURES: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// How often tasks have failed since the process started, by their names.
pub fn failures() -> BTreeMap<&'static str, u64> {
    FAILURES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn count(name: &'static str) {
    *FAILURES.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
}

/// Starts a task that is over when its work is done.
///
/// # Panics
/// Outside a runtime.
pub fn once<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    once_on(&Handle::current(), name, work)
}

/// The same on another runtime.
pub fn once_on<T: Send + 'static>(
    runtime: &Handle,
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    runtime.spawn(watched(name, work))
}

/// Work that blocks, on a thread for that.
pub fn blocking<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) => fall(name, panic),
    })
}

/// Notes a panic of `work`, for a task that is started elsewhere, such as in a `JoinSet`.
pub async fn watched<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done,
        Err(panic) => fall(name, panic),
    }
}

/// Does `work` where a panic must not end what goes on after it: then the answer is `None`.
pub async fn attempt<T>(name: &'static str, work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Some(done),
        Err(_) => {
            note(name);
            None
        }
    }
}

/// Whoever waits for the task learns of it, too.
fn fall(name: &'static str, panic: Box<dyn Any + Send>) -> ! {
    note(name);
    std::panic::resume_unwind(panic)
}

fn note(name: &'static str) {
    count(name);
    // The panic's own text was logged where it happened. It may hold data, so it goes no further.
    error!(task = name, "the task `{name}` panicked; this is a mistake in Ringbook");
}

/// Tasks that go on until the process is to end. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Keeper {
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Keeper {
    pub fn new(clock: Arc<dyn Clock>) -> Keeper {
        Keeper { clock, stop: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Runs what `work` makes, and makes it again whenever it panics or returns before the end: after a
    /// second, and then after twice as long each time, a minute at most. At the end it is dropped where it waits.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn keep<F, W>(&self, name: &'static str, work: F)
    where
        F: FnMut() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        self.keep_as(name, work, false);
    }

    /// The same for what must not be dropped halfway: it is told of the end otherwise, and waited for.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn keep_to_its_end<F, W>(&self, name: &'static str, work: F)
    where
        F: FnMut() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        self.keep_as(name, work, true);
    }

    fn keep_as<F, W>(&self, name: &'static str, mut work: F, to_its_end: bool)
    where
        F: FnMut() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let this = self.clone();
        self.tasks.spawn(async move {
            let mut wait = AGAIN_MIN;
            loop {
                let began = this.clock.now();
                let once = AssertUnwindSafe(async { work().await }).catch_unwind();
                let ended = tokio::select! {
                    biased;
                    () = this.stop.cancelled(), if !to_its_end => return,
                    ended = once => ended,
                };
                if this.stop.is_cancelled() {
                    return;
                }
                count(name);
                let now = this.clock.now();
                if between(began, now) > AGAIN_MAX {
                    wait = AGAIN_MIN;
                }
                let how = if ended.is_err() { "panicked" } else { "ended" };
                let seconds = wait.as_secs();
                error!(
                    task = name,
                    "the task `{name}` {how}, which is a mistake in Ringbook; it starts again in {seconds} s"
                );
                tokio::select! {
                    () = this.stop.cancelled() => return,
                    () = this.clock.sleep_until(after(now, wait)) => {}
                }
                wait = (wait * 2).min(AGAIN_MAX);
            }
        });
    }

    /// From now on nothing is started again.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends all of them, and returns when they are gone.
    pub async fn end(&self) {
        self.stop();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::mpsc;

    /// On which every wait is over at once.
    struct Hurried;

    impl Clock for Hurried {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(tokio::task::yield_now())
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_counted_and_starts_again_until_it_is_stopped() {
        let keeper = Keeper::new(Arc::new(Hurried));
        let (tell, mut told) = mpsc::unbounded_channel();
        let starts = AtomicUsize::new(0);
        keeper.keep("a test of tasks", move || {
            let start = starts.fetch_add(1, Ordering::SeqCst);
            let tell = tell.clone();
            async move {
                tell.send(start).unwrap();
                match start {
                    0 => panic!("the first time it falls"),
                    1 => {}
                    _ => std::future::pending().await,
                }
            }
        });
        for expected in 0..3 {
            assert_eq!(told.recv().await, Some(expected));
        }
        keeper.end().await;
        assert_eq!(told.recv().await, None, "it is gone with what it held");
        assert_eq!(failures()["a test of tasks"], 2);
    }

    #[tokio::test]
    async fn a_panic_of_a_single_task_is_counted_and_whoever_waits_learns_of_it() {
        let fallen = once("a single task", async { panic!("at once") });
        assert!(fallen.await.unwrap_err().is_panic());
        let fallen = blocking("a single task", || panic!("at once"));
        assert!(fallen.await.unwrap_err().is_panic());
        assert_eq!(failures()["a single task"], 2);
        assert_eq!(once("a task that is done", async { 7 }).await.unwrap(), 7);
        assert!(!failures().contains_key("a task that is done"));
    }
}
