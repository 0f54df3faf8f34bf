//! Whether a process lives, and how its tasks go on, are held up, or end with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ringbook_core::sync::RunId;

use crate::table::Table;
use crate::turns::Turn;

/// Whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    Running,
    /// Stopped by a signal, or its machine sleeps. It may wake up.
    Frozen,
    Dead,
}

/// What the tasks of a process have in common.
pub(crate) struct Body {
    life: AtomicU8,
    parked: Mutex<Vec<Waker>>,
}

impl Body {
    pub(crate) fn new() -> Arc<Body> {
        Arc::new(Body { life: AtomicU8::new(Life::Running as u8), parked: Mutex::default() })
    }

    pub(crate) fn life(&self) -> Life {
        match self.life.load(Ordering::Relaxed) {
            0 => Life::Running,
            1 => Life::Frozen,
            _ => Life::Dead,
        }
    }

    pub(crate) fn set(&self, life: Life) {
        self.life.store(life as u8, Ordering::Relaxed);
        if life != Life::Frozen {
            let parked = std::mem::take(&mut *self.parked.lock().unwrap());
            parked.into_iter().for_each(Waker::wake);
        }
    }

    fn park(&self, waker: &Waker) {
        let mut parked = self.parked.lock().unwrap();
        if !parked.iter().any(|it| it.will_wake(waker)) {
            parked.push(waker.clone());
        }
    }
}

/// What unwinds a task when its process is killed.
pub(crate) struct Killed;

/// Something that a process does. It goes on only while the process runs, and may be held up before a
/// transaction: tokio makes a task wait its turn when it has used up its budget, and waiting for the
/// writing connection uses it up.
pub(crate) struct Stepped<T> {
    pub(crate) table: Table,
    pub(crate) process: u32,
    pub(crate) body: Arc<Body>,
    /// The run that this is, if it is one.
    pub(crate) run: Option<RunId>,
    pub(crate) held: Option<Arc<AtomicU8>>,
    turn: Turn,
    pub(crate) inner: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T> Stepped<T> {
    pub(crate) fn new(
        table: &Table,
        process: u32,
        body: &Arc<Body>,
        run: Option<RunId>,
        inner: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Stepped<T> {
        let (table, body) = (table.clone(), body.clone());
        let turn = Turn(table.lock().number());
        Stepped { table, process, body, run, held: None, turn, inner: Some(inner) }
    }
}

impl<T> Future for Stepped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        match this.body.life() {
            Life::Running => {}
            Life::Frozen => {
                this.body.park(cx.waker());
                return Poll::Pending;
            }
            Life::Dead => {
                this.inner = None;
                std::panic::resume_unwind(Box::new(Killed));
            }
        }
        this.body.park(cx.waker());
        if let Some(held) = &this.held {
            if held.load(Ordering::Relaxed) == 0 {
                return Poll::Pending;
            }
            this.held = None;
        }
        let left = {
            let mut table = this.table.lock();
            if table.turns.as_mut().is_some_and(|it| !it.take(this.turn, cx.waker())) {
                return Poll::Pending;
            }
            table.touch();
            let cut = table.cut;
            table.chance.hit(cut).then(|| table.chance.below(4))
        };
        if let Some(left) = left {
            // 128 is tokio's budget of a poll.
            for _ in 0..128 - left {
                match tokio::task::coop::poll_proceed(cx) {
                    Poll::Ready(one) => one.made_progress(),
                    Poll::Pending => break,
                }
            }
        }
        let Some(inner) = &mut this.inner else { return Poll::Pending };
        if this.run.is_some()
            && let Some(watcher) = &mut this.table.lock().watcher
        {
            watcher.mark();
        }
        let polled = inner.as_mut().poll(cx);
        // After a run, its supervisor still reads how it went.
        this.table.lock().leave(this.turn, polled.is_ready() && this.run.is_some());
        if let Some(run) = this.run {
            let mut table = this.table.lock();
            let fault = table.watcher.as_mut().and_then(|it| it.wrote(run));
            if let Some(fault) = fault {
                table.violate(fault);
            }
        }
        if polled.is_pending() && left.is_some() && !tokio::task::coop::has_budget_remaining() {
            let released = Arc::new(AtomicU8::new(0));
            this.held = Some(released.clone());
            let (process, waker) = (this.process, cx.waker().clone());
            this.table.lock().held.push(Held { process, released, waker });
        }
        polled
    }
}

/// A step that is held up before its transaction.
pub(crate) struct Held {
    pub(crate) process: u32,
    released: Arc<AtomicU8>,
    waker: Waker,
}

impl Held {
    pub(crate) fn release(self) {
        self.released.store(1, Ordering::Relaxed);
        self.waker.wake();
    }
}
