//! Phones that have a token of their own.

use ringbook_core::access::Permission;
use ringbook_store::DeviceRow;
use ringbook_store::secret::Secret;

use crate::App;
use crate::auth;
use crate::services::{AuditAction, AuditSubject, Caller, ServiceError};

/// A token that a phone was just given: it is shown this once.
#[derive(Debug)]
pub struct PhoneToken {
    pub secret: Secret,
    pub phone: DeviceRow,
}

impl App {
    /// The phone that is named by its id or its name. One whose token was revoked is meant only if no other is
    /// called so.
    ///
    /// # Errors
    /// When there is none, or several are called so.
    pub async fn phone_named(&self, named: &str) -> Result<DeviceRow, ServiceError> {
        let rows = self.store.devices().await?;
        let mut found: Vec<DeviceRow> =
            rows.into_iter().filter(|it| it.id == named || it.name == named).collect();
        if found.iter().any(|it| it.revoked_at.is_none()) {
            found.retain(|it| it.revoked_at.is_none() || it.id == named);
        }
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(ServiceError::Conflict(format!(
                "several phones are called `{named}`; name it by its id"
            ))),
            (None, _) => Err(ServiceError::not_found("phone", named)),
        }
    }

    /// Gives a phone a token of its own.
    ///
    /// # Errors
    /// When the caller is no administrator, or the name cannot be one.
    pub async fn add_phone(&self, caller: &Caller, name: &str) -> Result<PhoneToken, ServiceError> {
        caller.require(Permission::Admin)?;
        let (app, by, name) = (self.clone(), caller.audit_name(), name.to_owned());
        let before = AuditSubject::named(&name);
        let act = async move {
            let name = auth::name(&name)?;
            let secret = Secret::for_device().map_err(auth::SignInError::from)?;
            let phone = app.store.add_device(secret.hash(), &name, &by).await?;
            // It may be tried before this process would look again.
            app.access.forget();
            Ok(PhoneToken { secret, phone })
        };
        let after = |made: &PhoneToken| subject(&made.phone);
        self.audited_as(caller, AuditAction::PhoneAdded, before, act, after).await
    }

    /// # Errors
    /// When the caller is no administrator, there is no such phone, or the name cannot be one.
    pub async fn rename_phone(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<(), ServiceError> {
        caller.require(Permission::Admin)?;
        let (phone, name) = (self.phone(id).await?, name.to_owned());
        let (app, about) = (self.clone(), subject(&phone));
        let act = async move {
            let name = auth::name(&name)?;
            match app.store.rename_device(&phone.id, &name).await? {
                true => Ok(()),
                false => Err(ServiceError::not_found("phone", &phone.id)),
            }
        };
        self.audited(caller, AuditAction::PhoneRenamed, about, act).await
    }

    /// Gives a phone another token in place of the one before, also if that was revoked.
    ///
    /// # Errors
    /// When the caller is no administrator, or there is no such phone.
    pub async fn renew_phone_token(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<PhoneToken, ServiceError> {
        caller.require(Permission::Admin)?;
        let phone = self.phone(id).await?;
        let (app, about) = (self.clone(), subject(&phone));
        let act = async move {
            let secret = Secret::for_device().map_err(auth::SignInError::from)?;
            let renewed = app.store.renew_device(&phone.id, secret.hash()).await?;
            app.access.forget();
            if !renewed {
                return Err(ServiceError::not_found("phone", &phone.id));
            }
            // As it is now: its token is not revoked, and has not been used yet.
            let phone = app.phone(&phone.id).await?;
            Ok(PhoneToken { secret, phone })
        };
        self.audited(caller, AuditAction::PhoneTokenRenewed, about, act).await
    }

    /// # Errors
    /// When the caller is no administrator, or there is no such phone with a token in use.
    pub async fn revoke_phone(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        caller.require(Permission::Admin)?;
        let phone = self.phone(id).await?;
        let (app, about) = (self.clone(), subject(&phone));
        let act = async move {
            let revoked = app.store.revoke_device(&phone.id).await?;
            app.access.forget();
            match revoked {
                true => Ok(()),
                false => Err(ServiceError::not_found("phone with a token in use", &phone.id)),
            }
        };
        self.audited(caller, AuditAction::PhoneRevoked, about, act).await
    }

    /// The phone of this id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn phone(&self, id: &str) -> Result<DeviceRow, ServiceError> {
        let found = self.store.devices().await?.into_iter().find(|it| it.id == id);
        found.ok_or_else(|| ServiceError::not_found("phone", id))
    }
}

fn subject(phone: &DeviceRow) -> AuditSubject {
    AuditSubject::new(&phone.id, &phone.name)
}
