//! Ctrl-C, the polite request to stop, and the signals that must not end the process.

use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;

/// From the first of these on, no signal ends the process by itself, except those that cannot be caught and the
/// real-time ones: a sync in progress is always parked first.
pub(crate) struct Signals {
    interrupt: Signal,
    /// Requests to stop that are not typed.
    terminating: Vec<Signal>,
    hangup: Signal,
    /// Not where the process was started with `SIGHUP` ignored, as `nohup` does.
    ends_by_hangup: bool,
    /// Caught, and not answered.
    _ignored: Vec<Signal>,
}

/// `SIGXFSZ`: a file has reached the limit on its size, and what is written then fails and says so. `SIGSTKFLT`,
/// `SIGXCPU`, `SIGVTALRM`, `SIGPROF`, `SIGIO`: nothing here asks for them.
#[cfg(target_os = "linux")]
const WITHOUT_MEANING: [i32; 6] = [25, 16, 24, 26, 27, 29];

/// `SIGPWR`, and `SIGRTMIN+3`: how `init` systems and containers (`STOPSIGNAL`) ask for an orderly end.
#[cfg(target_os = "linux")]
const ENDING: [i32; 2] = [30, 37];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// What service managers send.
    Terminate,
}

impl StopSignal {
    pub(crate) fn exit(self) -> Exit {
        match self {
            StopSignal::Interrupt => Exit::Interrupted,
            StopSignal::Terminate => Exit::Terminated,
        }
    }
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Signals> {
        let mut ignored = Vec::new();
        for kind in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()]
        {
            ignored.push(signal(kind)?);
        }
        #[cfg(target_os = "linux")]
        for number in WITHOUT_MEANING {
            ignored.push(signal(SignalKind::from_raw(number))?);
        }
        let mut terminating = vec![signal(SignalKind::terminate())?, signal(SignalKind::quit())?];
        #[cfg(target_os = "linux")]
        for number in ENDING {
            terminating.push(signal(SignalKind::from_raw(number))?);
        }
        // Before the handler takes its place.
        let ends_by_hangup = !ignores_hangup();
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminating,
            hangup: signal(SignalKind::hangup())?,
            ends_by_hangup,
            _ignored: ignored,
        })
    }

    /// The next request to stop. A terminal that was closed is one.
    pub(crate) async fn next(&mut self) -> StopSignal {
        tokio::select! {
            asked = stop(&mut self.interrupt, &mut self.terminating) => asked,
            () = hung_up(&mut self.hangup), if self.ends_by_hangup => StopSignal::Terminate,
        }
    }

    /// For a server, `SIGHUP` is no request to stop: this tells of each of them as `None`, also under `nohup`.
    pub(crate) async fn next_or_reload(&mut self) -> Option<StopSignal> {
        tokio::select! {
            asked = stop(&mut self.interrupt, &mut self.terminating) => Some(asked),
            () = hung_up(&mut self.hangup) => None,
        }
    }
}

async fn stop(interrupt: &mut Signal, terminating: &mut [Signal]) -> StopSignal {
    let terminated = std::future::poll_fn(|context| {
        let came = terminating.iter_mut().any(|it| it.poll_recv(context) == Poll::Ready(Some(())));
        if came { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::select! {
        Some(()) = interrupt.recv() => StopSignal::Interrupt,
        () = terminated => StopSignal::Terminate,
    }
}

async fn hung_up(hangup: &mut Signal) {
    if hangup.recv().await.is_none() {
        std::future::pending().await
    }
}

/// Whether `SIGHUP` was ignored when this process started.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|it| u64::from_str_radix(it.trim(), 16).ok())
        .is_some_and(|it| it & HANGUP != 0)
}
