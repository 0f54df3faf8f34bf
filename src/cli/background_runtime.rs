//! Syncs beside the server, on threads that give way to those that answer.

use tokio::runtime::Runtime;

use crate::cli::exit::CommandError;
use ringbook_app::App;
use ringbook_app::config::Config;
use ringbook_runtime::tasks;

/// How much less of a core they get than others that want it, in steps of a tenth (`nice`, 0 to 19).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Threads of their own for syncs and for making the directory.
///
/// A page of Google's takes some milliseconds of work. On the threads that answer, phones would wait for
/// it, and where there are few cores they would wait for theirs, too: so these have a lower priority.
/// What the app starts, it starts here, because it is opened here.
pub(crate) struct Beside(Option<Runtime>);

impl Beside {
    /// # Errors
    /// When threads or the app cannot be had.
    pub(crate) async fn open(config: Config) -> Result<(App, Beside), CommandError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.max(2))
            .max_blocking_threads(16)
            .thread_name("sync")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        let opening = tasks::once_on(runtime.handle(), "opening", App::open(config));
        let beside = Beside(Some(runtime));
        match opening.await {
            Ok(app) => Ok((app?, beside)),
            Err(broken) => Err(CommandError::failed(format!("cannot start: {broken}"))),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Not waited for: what was to be parked was parked before, and the rest survives every kill.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// For this thread and those that it starts. Whoever cannot have it so goes on as before.
fn give_way() {
    // Only Linux counts threads one by one.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}
