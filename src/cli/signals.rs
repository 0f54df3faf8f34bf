//! Ctrl-C and the polite request to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;

/// From the first of these on, the signals no longer end the process by themselves.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Ctrl-C.
    Interrupt,
    /// What service managers send.
    Terminate,
}

impl Asked {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Asked::Interrupt => Exit::Interrupted,
            Asked::Terminate => Exit::Terminated,
        }
    }
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Asked::Interrupt,
            Some(()) = self.terminate.recv() => Asked::Terminate,
            else => std::future::pending().await,
        }
    }
}
