//! Programs' tokens.

use std::time::Duration;

use ringbook_core::access::{Permission, Scope};
use ringbook_core::clock::after;
use ringbook_store::secret::Secret;
use ringbook_store::{Maker, TokenRow};

use crate::App;
use crate::auth;
use crate::services::{AuditAction, AuditSubject, Caller, ServiceError};

/// Longer than this no token need live; the next administrator makes another.
pub const TOKEN_DAYS_MAX: u64 = 3650;

/// A token that was just made: it is shown this once.
#[derive(Debug)]
pub struct NewToken {
    pub secret: Secret,
    pub token: TokenRow,
}

impl App {
    /// Makes a token for a program, good for so many days or, if `None`, for ever. Who makes one that may do
    /// everything has been asked for their password again.
    ///
    /// # Errors
    /// When the caller is no administrator, the name cannot be one, or the days are more than [`TOKEN_DAYS_MAX`].
    pub async fn create_token(
        &self,
        caller: &Caller,
        name: &str,
        scope: Scope,
        days: Option<u64>,
    ) -> Result<NewToken, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, caller_of, name) = (self.clone(), caller.clone(), name.to_owned());
        let before = AuditSubject::named(&name);
        let act = async move {
            let name = auth::name(&name)?;
            if let Some(days) = days.filter(|days| !(1..=TOKEN_DAYS_MAX).contains(days)) {
                let allowed = format!("a whole number from 1 to {TOKEN_DAYS_MAX}");
                return Err(ServiceError::invalid("expires_in_days", &days.to_string(), allowed));
            }
            let lasts = |days: u64| Duration::from_secs(86_400 * days);
            let expires_at = days.map(|days| after(app.clock.now(), lasts(days)));
            let secret = Secret::for_program().map_err(auth::SignInError::from)?;
            let by = caller_of.audit_name();
            let by = Maker {
                name: &by,
                person: caller_of.admin.as_deref(),
                proxy_name: caller_of.proxy_name.as_deref(),
            };
            let token = app.store.add_token(secret.hash(), &name, scope, by, expires_at).await?;
            Ok(NewToken { secret, token })
        };
        let after = |made: &NewToken| AuditSubject::new(&made.token.id, &made.token.name);
        self.audited_as(caller, AuditAction::TokenCreated, before, act, after).await
    }

    /// The token in use that is named by its id or its name.
    ///
    /// # Errors
    /// When there is none, or several are called so.
    pub async fn token_named(&self, named: &str) -> Result<TokenRow, ServiceError> {
        let rows = self.store.tokens().await?.into_iter();
        let mut found: Vec<TokenRow> = rows
            .filter(|it| it.revoked_at.is_none() && (it.id == named || it.name == named))
            .collect();
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(ServiceError::Conflict(format!(
                "several tokens are called `{named}`; name it by its id"
            ))),
            (None, _) => Err(ServiceError::not_found("token in use", named)),
        }
    }

    /// # Errors
    /// When the caller is no administrator, or there is no such token in use.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        caller.require(Permission::Admin)?;
        let name = self.store.name_of(id).await?;
        let about = AuditSubject { id: Some(id.to_owned()), name };
        let (app, id) = (self.clone(), id.to_owned());
        let act = async move {
            let revoked = app.store.revoke_token(&id).await?;
            app.access.forget();
            match revoked {
                true => Ok(()),
                false => Err(ServiceError::not_found("token in use", &id)),
            }
        };
        self.audited(caller, AuditAction::TokenRevoked, about, act).await
    }
}
