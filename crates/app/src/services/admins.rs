//! Administrators, their passwords and their sessions.

use ringbook_core::access::{Identity, Permission};
use ringbook_store::{AdminRow, MadeTokens, RevokedToken, TokenRow};
use secrecy::SecretString;

use crate::App;
use crate::auth;
use crate::services::{AuditAction, AuditSubject, Caller, ServiceError};

/// An administrator who was just added.
#[derive(Debug)]
pub struct NewAdmin {
    /// As it is kept.
    pub name: String,
    /// Tokens in use that were made while there was no administrator, by any user of this machine; empty unless
    /// this is the first administrator.
    pub tokens_before: Vec<TokenRow>,
}

impl App {
    /// The administrator of this id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn admin(&self, id: &str) -> Result<AdminRow, ServiceError> {
        let found = self.store.people().await?.into_iter().find(|it| it.id == id);
        found.ok_or_else(|| ServiceError::not_found("administrator", id))
    }

    /// The administrator of this name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn admin_named(&self, name: &str) -> Result<AdminRow, ServiceError> {
        let found = self.store.person_named(name).await?;
        found.ok_or_else(|| ServiceError::not_found("administrator", name))
    }

    /// Adds an administrator. The caller has entered their own password again.
    ///
    /// # Errors
    /// When the caller is no administrator, the name is taken or none, or the password is too weak.
    pub async fn add_admin(
        &self,
        caller: &Caller,
        name: &str,
        password: SecretString,
    ) -> Result<NewAdmin, ServiceError> {
        caller.require(Permission::Admin)?;
        if caller.identity == Identity::Local {
            return Err(ServiceError::Conflict(
                "the first administrator is made with the code that was printed when this server \
                 started (`POST /api/setup`), or on the command line (`ringbook admins add`)"
                    .to_owned(),
            ));
        }
        let (app, name) = (self.clone(), name.to_owned());
        let about = AuditSubject::named(name.trim());
        let act = async move {
            let name = auth::name(&name)?;
            let hash = app.access.hash(&name, &password).await.map_err(auth::SignInError::from)?;
            let is_first = !app.store.has_people().await?;
            app.store.add_person(&name, &hash, false).await?;
            app.access.forget();
            let tokens_before =
                if is_first { app.access.tokens_in_use().await? } else { Vec::new() };
            Ok(NewAdmin { name, tokens_before })
        };
        self.audited(caller, AuditAction::AdminAdded, about, act).await
    }

    /// Gives an administrator another password, and ends their sessions except the caller's own. Returns the tokens
    /// that were revoked with it.
    ///
    /// # Errors
    /// When the caller is no administrator, or the password is too weak.
    pub async fn set_password(
        &self,
        caller: &Caller,
        admin: &AdminRow,
        password: SecretString,
        tokens: MadeTokens,
    ) -> Result<Vec<RevokedToken>, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, admin, session) = (self.clone(), admin.clone(), caller.session.clone());
        let about = AuditSubject::new(&admin.id, &admin.name);
        let act = async move {
            let hash = app.access.hash(&admin.name, &password).await;
            let hash = hash.map_err(auth::SignInError::from)?;
            app.store.set_password(&admin.id, &hash, session.as_deref()).await?;
            app.access.forget();
            if tokens == MadeTokens::Keep {
                return Ok(Vec::new());
            }
            let revoked = app.store.revoke_tokens_of(&admin.id).await?;
            // A request meanwhile may have remembered one that was good then.
            app.access.forget();
            Ok(revoked)
        };
        let revoked = self.audited(caller, AuditAction::PasswordChanged, about, act).await?;
        self.record_revoked(caller, &revoked).await;
        Ok(revoked)
    }

    /// Removes an administrator and ends their sessions. Returns the tokens that were revoked with them.
    ///
    /// # Errors
    /// When the caller is no administrator, or it is the last one: only the command line may remove that.
    pub async fn remove_admin(
        &self,
        caller: &Caller,
        admin: &AdminRow,
        tokens: MadeTokens,
    ) -> Result<Vec<RevokedToken>, ServiceError> {
        caller.require(Permission::Admin)?;
        let may_be_last = matches!(caller.identity, Identity::CommandLine { .. });
        let (app, admin) = (self.clone(), admin.clone());
        let about = AuditSubject::new(&admin.id, &admin.name);
        let act = async move {
            let revoked = app.store.remove_person(&admin.id, may_be_last, tokens).await?;
            app.access.forget();
            Ok(revoked.unwrap_or_default())
        };
        let revoked = self.audited(caller, AuditAction::AdminRemoved, about, act).await?;
        self.record_revoked(caller, &revoked).await;
        Ok(revoked)
    }

    /// Ends the session of this id, also of another administrator.
    ///
    /// # Errors
    /// When the caller is no administrator, or there is no such session.
    pub async fn revoke_session(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        caller.require(Permission::Admin)?;
        let name = self.store.name_of(id).await?;
        let about = AuditSubject { id: Some(id.to_owned()), name };
        let (app, id) = (self.clone(), id.to_owned());
        let act = async move {
            let ended = app.store.end_session(&id).await?;
            app.access.forget();
            match ended {
                true => Ok(()),
                false => Err(ServiceError::not_found("session", &id)),
            }
        };
        self.audited(caller, AuditAction::SessionRevoked, about, act).await
    }

    async fn record_revoked(&self, caller: &Caller, revoked: &[RevokedToken]) {
        for token in revoked {
            let about = AuditSubject::new(&token.id, &token.name);
            self.record(caller, AuditAction::TokenRevoked, about, true).await;
        }
    }
}
