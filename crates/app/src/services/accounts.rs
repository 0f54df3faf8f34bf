//! Adding, naming, pausing, disconnecting and removing accounts, and which of their labels reach phones.

use std::collections::BTreeSet;

use ringbook_core::access::Permission;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::account::{AccountName, same_name};
use ringbook_store::{Account, AccountError};
use tracing::info;

use crate::App;
use crate::connect::AtGoogle;
use crate::services::{AuditAction, AuditSubject, Caller, ServiceError};

/// More labels than this has no account at Google.
pub const LABELS_MAX: usize = 1000;
const LABEL_LEN_MAX: usize = 200;

/// What is to be different about an account. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountChanges {
    pub name: Option<String>,
    pub paused: Option<bool>,
    /// The labels whose contacts reach the phones, each by its resource name or its name; `Some(None)`: all contacts
    /// do, with and without labels.
    pub labels_shown: Option<Option<Vec<String>>>,
}

impl AccountChanges {
    /// Several changes at once have no name of their own.
    fn action(&self) -> AuditAction {
        match (&self.name, self.paused, &self.labels_shown) {
            (Some(_), None, None) => AuditAction::AccountRenamed,
            (None, Some(true), None) => AuditAction::AccountPaused,
            (None, Some(false), None) => AuditAction::AccountResumed,
            (None, None, Some(_)) => AuditAction::LabelsChosen,
            _ => AuditAction::AccountChanged,
        }
    }
}

/// How an account is disconnected.
#[derive(Clone, Copy, Debug)]
pub struct DisconnectRequest {
    /// The contacts and what the history tells of them go for good.
    pub erase: bool,
    /// Google is asked to end the permission, too.
    pub tell_google: bool,
}

/// What became of an account that was disconnected.
#[derive(Clone, Debug)]
pub struct Disconnected {
    pub erased: u64,
    /// `None`: there was no permission, or Google was not to be told.
    pub at_google: Option<AtGoogle>,
}

impl App {
    /// Adds an account, which then waits to be connected.
    ///
    /// # Errors
    /// When the caller is no administrator, or the name is taken or none.
    pub async fn add_account(&self, caller: &Caller, name: &str) -> Result<Account, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, before) = (self.clone(), AuditSubject::named(name));
        let name = name.to_owned();
        let act = async move {
            let id = app.store.create_account(&name).await?;
            info!(account = id.0, "account {} was added", id.0);
            Ok(app.store.account(id).await?.ok_or(AccountError::Gone)?)
        };
        let ids = *self.store.ids();
        let after = move |made: &Account| AuditSubject::new(&ids.account(made.id), &made.name);
        self.audited_as(caller, AuditAction::AccountAdded, before, act, after).await
    }

    /// Renames an account, pauses or resumes its scheduled syncs, or chooses the labels on the phones. All is
    /// checked before anything is changed.
    ///
    /// # Errors
    /// When the caller is no administrator, the name is taken or none, or a label is unknown.
    pub async fn change_account(
        &self,
        caller: &Caller,
        account: &Account,
        changes: AccountChanges,
    ) -> Result<Account, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, account, action) = (self.clone(), account.clone(), changes.action());
        let about = self.about(&account);
        let act = async move {
            if let Some(name) = &changes.name {
                AccountName::parse(name).map_err(AccountError::from)?;
            }
            let labels = match &changes.labels_shown {
                Some(Some(wanted)) => Some(Some(app.resolve_labels(&account, wanted).await?)),
                Some(None) => Some(None),
                None => None,
            };
            if let Some(name) = &changes.name {
                app.store.rename_account(account.id, name).await?;
            }
            if let Some(paused) = changes.paused {
                app.store.set_paused(account.id, paused).await?;
                app.supervisor.nudge();
            }
            if let Some(labels) = labels {
                app.store.set_labels_shown(account.id, labels.as_deref()).await?;
            }
            Ok(app.store.account(account.id).await?.ok_or(AccountError::Gone)?)
        };
        self.audited(caller, action, about, act).await
    }

    /// Pauses scheduled syncs of an account; a sync on request still runs.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub async fn pause_account(
        &self,
        caller: &Caller,
        account: &Account,
    ) -> Result<Account, ServiceError> {
        let changes = AccountChanges { paused: Some(true), ..AccountChanges::default() };
        self.change_account(caller, account, changes).await
    }

    /// # Errors
    /// When the caller is no administrator.
    pub async fn resume_account(
        &self,
        caller: &Caller,
        account: &Account,
    ) -> Result<Account, ServiceError> {
        let changes = AccountChanges { paused: Some(false), ..AccountChanges::default() };
        self.change_account(caller, account, changes).await
    }

    /// The resource names of labels that are named by these or by their names. A label that is misspelt would keep
    /// every contact from the phones. Before the first sync none is known, and one that was chosen may have gone at
    /// Google since.
    async fn resolve_labels(
        &self,
        account: &Account,
        wanted: &[String],
    ) -> Result<Vec<String>, ServiceError> {
        const FIELD: &str = "labels_shown";
        let fits = |label: &String| {
            (1..=LABEL_LEN_MAX).contains(&label.chars().count()) && !label.contains('\0')
        };
        if wanted.len() > LABELS_MAX {
            let found = format!("{} labels", wanted.len());
            let allowed = format!("at most {LABELS_MAX} labels");
            return Err(ServiceError::invalid(FIELD, &found, allowed));
        }
        if let Some(label) = wanted.iter().find(|it| !fits(it)) {
            let allowed = format!("1 to {LABEL_LEN_MAX} characters");
            return Err(ServiceError::invalid(FIELD, label, allowed));
        }
        let known = self.store.labels(account.id).await?;
        let chosen = account.labels_shown.as_deref().unwrap_or_default();
        let mut labels = BTreeSet::new();
        for label in wanted {
            let named = |(resource, name, _): &&(String, String, bool)| {
                resource == label || same_name(name, label)
            };
            let found: Vec<String> =
                known.iter().filter(named).map(|(resource, ..)| resource.clone()).collect();
            if found.is_empty() && !known.is_empty() && !chosen.contains(label) {
                let id = self.store.ids().account(account.id);
                let allowed = format!(
                    "a label of the account, as GET /api/accounts/{id}/labels and `ringbook accounts \
                     labels` list them"
                );
                return Err(ServiceError::invalid(FIELD, label, allowed));
            }
            match found.is_empty() {
                true => drop(labels.insert(label.clone())),
                false => labels.extend(found),
            }
        }
        Ok(labels.into_iter().collect())
    }

    /// Forgets the permission of an account, and erases its contacts if that is wanted.
    ///
    /// # Errors
    /// When the caller is no administrator, or the account has no permission of its own: what it is lent, only the
    /// lender can give up.
    pub async fn disconnect_account(
        &self,
        caller: &Caller,
        account: &Account,
        request: DisconnectRequest,
    ) -> Result<Disconnected, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, account, about) = (self.clone(), account.clone(), self.about(account));
        let act = async move {
            let DisconnectRequest { erase, tell_google } = request;
            let (erased, at_google) = app.disconnect(&account, erase, tell_google).await?;
            Ok(Disconnected { erased, at_google })
        };
        self.audited(caller, AuditAction::AccountDisconnected, about, act).await
    }

    /// Removes an account with all that belongs to it. Returns how many contacts were erased.
    ///
    /// # Errors
    /// When the caller is no administrator, or another account uses its permission; nothing is changed then.
    pub async fn remove_account(
        &self,
        caller: &Caller,
        account: &Account,
    ) -> Result<u64, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, account, about) = (self.clone(), account.clone(), self.about(account));
        let act = async move { Ok(app.remove(&account).await?) };
        self.audited(caller, AuditAction::AccountRemoved, about, act).await
    }

    /// The account that is named by its id or its name, in whatever case and with whatever accents.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account_named(&self, named: &str) -> Result<Account, ServiceError> {
        let found = match self.store.ids().parse_account(named) {
            Some(id) => self.store.account(id).await?,
            None => self.store.account_named(named).await?,
        };
        found.ok_or_else(|| ServiceError::not_found("account", named))
    }

    /// The account of this id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account(&self, id: AccountId) -> Result<Account, ServiceError> {
        let found = self.store.account(id).await?;
        found.ok_or_else(|| ServiceError::not_found("account", &self.store.ids().account(id)))
    }

    fn about(&self, account: &Account) -> AuditSubject {
        AuditSubject::new(&self.store.ids().account(account.id), &account.name)
    }
}
