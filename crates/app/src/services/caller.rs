//! Who asks for an act.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbook_core::access::{Identity, Permission};

use crate::services::ServiceError;

/// Who asks for an act, as far as it is proved, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    pub identity: Identity,
    /// Where the request came from; `None`: a terminal on this machine.
    pub address: Option<String>,
    /// The id of the administrator who asks, or who made the token that is shown: what they make ends with them.
    pub admin: Option<String>,
    /// The name by which a proxy signed in who asks, or who made the token that is shown.
    pub proxy_name: Option<String>,
    /// The id of the session of a browser.
    pub session: Option<String>,
    recorded: Arc<AtomicBool>,
}

impl Caller {
    pub fn new(identity: Identity, address: Option<String>) -> Caller {
        Caller {
            identity,
            address,
            admin: None,
            proxy_name: None,
            session: None,
            recorded: Arc::default(),
        }
    }

    /// A user at a terminal on this machine. They can read the database, so they may do everything.
    pub fn command_line(name: String) -> Caller {
        Caller::new(Identity::CommandLine { name }, None)
    }

    /// What the audit log calls them.
    pub fn audit_name(&self) -> String {
        match &self.identity {
            Identity::Person { name } | Identity::CommandLine { name } => name.clone(),
            Identity::Program { name, .. } => format!("token `{name}`"),
            Identity::Device { name, .. } => format!("phone `{name}`"),
            Identity::Local => "this machine".to_owned(),
            Identity::PhoneNetwork | Identity::Stranger => "nobody".to_owned(),
        }
    }

    /// Whether a service has recorded an act of this caller.
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire)
    }

    pub(super) fn set_recorded(&self) {
        self.recorded.store(true, Ordering::Release);
    }

    /// # Errors
    /// [`ServiceError::Forbidden`] unless they have this permission.
    pub(super) fn require(&self, needed: Permission) -> Result<(), ServiceError> {
        match self.identity.may(needed) {
            true => Ok(()),
            false => Err(ServiceError::Forbidden("you may not do this".to_owned())),
        }
    }
}
