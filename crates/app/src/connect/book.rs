//! The address book that a run lists, and the thread on which Google is asked.

use std::future::Future;
use std::sync::Arc;

use crate::connect::{ConnectProblem, Connector};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::book::{AddressBook, FetchError, Label, ListRequest, Page, Presence};
use ringbook_core::sync::{AccountId, Delay};
use ringbook_google::{People, SetupError};
use ringbook_runtime::tasks;
use ringbook_store::DbError;

/// A client of an account that is made when it is first asked. It lets a run begin, and fail with a
/// reason in the history, where no client can be made.
#[derive(Clone)]
pub struct AccountClient {
    pub connector: Arc<Connector>,
    pub account: AccountId,
}

impl AccountClient {
    async fn people(&self) -> Result<People, FetchError> {
        self.connector.people(self.account).await.map_err(|problem| match problem {
            // The database may answer again in a moment.
            ConnectProblem::Db(problem) if !matches!(problem, DbError::Vault(_)) => {
                FetchError::Again {
                    delay: Delay::ServerError,
                    retry_after: None,
                    message: problem.to_string(),
                }
            }
            other => FetchError::Misconfigured { message: other.to_string() },
        })
    }
}

impl AccountClient {
    /// A key that Google did not accept when it was entered may turn out to speak for somebody who is mirrored
    /// already. Everybody would then be twice in the directory.
    async fn refuse_twin(&self, found: &ResourceName) -> Result<(), FetchError> {
        let again = |problem: DbError| FetchError::Again {
            delay: Delay::ServerError,
            retry_after: None,
            message: problem.to_string(),
        };
        let connector = &self.connector;
        let account = connector.store.account(self.account).await.map_err(again)?;
        let Some(account) = account.filter(|it| it.grant_of.is_none() && it.google_id.is_none())
        else {
            return Ok(());
        };
        match connector.twin(&account, found).await.map_err(again)? {
            None => Ok(()),
            Some(twin) => Err(FetchError::Misconfigured {
                message: format!(
                    "this mailbox is mirrored by the account `{twin}` already; remove one of the two, or \
                     connect this one as somebody else"
                ),
            }),
        }
    }
}

impl AddressBook for AccountClient {
    async fn identify(&self) -> Result<Option<ResourceName>, FetchError> {
        let this = self.clone();
        let people = async move { this.people().await?.identify().await };
        let found = self.connector.line.ask(people).await?;
        if let Some(found) = &found {
            self.refuse_twin(found).await?;
        }
        Ok(found)
    }

    async fn labels(&self) -> Result<Vec<Label>, FetchError> {
        let this = self.clone();
        self.connector.line.ask(async move { this.people().await?.labels().await }).await
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, FetchError> {
        let (this, request) = (self.clone(), request.clone());
        self.connector.line.ask(async move { this.people().await?.list(&request).await }).await
    }

    async fn verify(&self, names: &[ResourceName]) -> Result<Vec<Presence>, FetchError> {
        let (this, names) = (self.clone(), names.to_vec());
        self.connector.line.ask(async move { this.people().await?.verify(&names).await }).await
    }
}

/// A thread of its own for the conversation with Google.
///
/// A page arrives in a hundred pieces. Where connection and reader are on different threads, each
/// piece wakes a sleeping thread, and together that costs more than everything else about a page.
pub(super) struct Line {
    runtime: tokio::runtime::Handle,
    /// Dropped, it ends the thread.
    _open: tokio::sync::oneshot::Sender<()>,
}

impl Line {
    pub(super) fn open() -> Result<Line, SetupError> {
        let problem = SetupError::Thread;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(problem)?;
        let handle = runtime.handle().clone();
        let (open, closed) = tokio::sync::oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("google".to_owned())
            .spawn(move || runtime.block_on(closed))
            .map_err(problem)?;
        Ok(Line { runtime: handle, _open: open })
    }

    /// Asks on that thread. Whoever stops waiting for the answer hangs up.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, FetchError>> + Send + 'static,
    ) -> Result<T, FetchError> {
        struct HangUp(tokio::task::AbortHandle);
        impl Drop for HangUp {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let call = tasks::once_on(&self.runtime, "asking Google", question);
        let _hang_up = HangUp(call.abort_handle());
        call.await.unwrap_or_else(|error| {
            // A panic in the client is a bug, but no reason to lose the run.
            Err(FetchError::Again {
                delay: Delay::Malformed,
                retry_after: None,
                message: format!("asking Google failed: {error}"),
            })
        })
    }
}
