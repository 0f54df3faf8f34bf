//! The way to Google's consent page and back: what is remembered meanwhile, and who may come back.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ConnectProblem, Connector};
use ringbook_core::sync::account::AccountName;
use ringbook_google::Authorization;
use ringbook_store::{AccountError, ConsentState, DbError, Target};

/// What a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub target: Target,
    /// The directory of a Workspace domain, besides the contacts.
    pub directory: bool,
    /// Where the browser goes when the account is connected; our own page unless given. It was checked.
    pub return_to: Option<String>,
}

impl Default for Ask {
    fn default() -> Ask {
        Ask { target: Target::Any, directory: false, return_to: None }
    }
}

/// What came back from Google.
#[derive(Clone)]
pub struct CallbackParams {
    pub state: String,
    /// The code, or what Google said instead of one.
    pub answer: Result<SecretString, String>,
}

/// What is remembered between leaving for Google and coming back; and where it could not be finished at once,
/// what has come of it so far.
#[derive(Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) verifier: String,
    pub(super) account: Option<i64>,
    pub(super) is_new: bool,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) return_to: Option<String>,
    /// Google's code, which is still good.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// What Google gave for its code, when it would not say for whom.
    #[serde(default)]
    pub(super) tokens: Option<super::keep::TokensAtRest>,
}

impl CallbackParams {
    /// Reads the address that Google sent a browser to, in full or from the `?` on. `None` where there is no answer
    /// in it: a sign-in is not over because an address was cut off.
    pub fn parse(pasted: &str) -> Option<CallbackParams> {
        let pasted = pasted.trim().trim_matches(['"', '\'', '<', '>']);
        let query = match Url::parse(pasted) {
            Ok(url) => url.query()?.to_owned(),
            Err(_) => pasted.split_once('?').map_or(pasted, |(_, query)| query).to_owned(),
        };
        let pairs = Url::parse(&format!("http://localhost/?{query}")).ok()?;
        let find = |name: &str| {
            let mut found = pairs.query_pairs().filter(|(key, _)| key == name);
            let value = found.next().map(|(_, value)| value.into_owned());
            // Twice the same parameter is not what Google writes.
            if found.next().is_some() { None } else { value }
        };
        let state = find("state").filter(|it| !it.is_empty())?;
        let answer = match (find("error"), find("code").filter(|it| !it.is_empty())) {
            (Some(error), _) => Err(error),
            (None, Some(code)) => Ok(code.into()),
            (None, None) => return None,
        };
        Some(CallbackParams { state, answer })
    }

    /// Another try with what was brought before, and could not be finished.
    pub fn again(state: String) -> CallbackParams {
        CallbackParams { state, answer: Ok("".into()) }
    }
}

/// Digests are stored and compared, not what was given to somebody: a database that is read tells no
/// state that could still be used.
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Connector {
    /// The address to send a person's browser to. `browser` is the digest of that browser's cookie, if
    /// only it may come back.
    ///
    /// # Errors
    /// When no OAuth client is configured, or the account is not there.
    pub async fn begin(
        &self,
        ask: &Ask,
        browser: Option<&str>,
    ) -> Result<Authorization, ConnectProblem> {
        let oauth = self.oauth().await?;
        if let Target::New { name: Some(name) } = &ask.target {
            // Before anybody has gone to Google for nothing.
            self.refuse_name(name).await?;
        }
        let mut hint = None;
        if let Target::Account(id) = ask.target {
            let account = self.store.account(id).await?.ok_or(ConnectProblem::NotConnected)?;
            // Google offers the right account first. Its number is that of the person.
            hint = account.google_id.and_then(|it| {
                let number = it.as_str().strip_prefix("people/")?.to_owned();
                number.bytes().all(|b| b.is_ascii_digit()).then_some(number)
            });
        }
        let scopes: &[&str] = if ask.directory {
            &[ringbook_google::SCOPE, ringbook_google::SCOPE_DIRECTORY]
        } else {
            &[ringbook_google::SCOPE]
        };
        let authorization = oauth.begin(scopes, hint.as_deref())?;
        let (account, is_new, name) = match &ask.target {
            Target::Any => (None, false, None),
            Target::Account(id) => (Some(id.0), false, None),
            Target::New { name } => (None, true, name.clone()),
        };
        let verifier = authorization.verifier.expose_secret().to_owned();
        let return_to = ask.return_to.clone();
        let asked = Asked { verifier, account, is_new, name, return_to, code: None, tokens: None };
        let asked: SecretString =
            serde_json::to_string(&asked).map_err(|error| unreadable(&error))?.into();
        self.store.remember_consent(&digest(&authorization.state), browser, &asked).await?;
        Ok(authorization)
    }

    /// Whether another account could have this name.
    ///
    /// # Errors
    /// When it is none, or taken.
    pub async fn refuse_name(&self, name: &str) -> Result<(), ConnectProblem> {
        AccountName::parse(name)
            .map_err(|problem| ConnectProblem::Unusable(format!("`name`: {problem}")))?;
        match self.store.account_named(name).await? {
            None => Ok(()),
            Some(other) => {
                Err(ConnectProblem::Conflict(AccountError::Taken(other.name).to_string()))
            }
        }
    }

    /// How a consent stands that was begun here; `None` when its time is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consent(&self, state: &str) -> Result<Option<ConsentState>, DbError> {
        self.store.consent(&digest(state)).await
    }
}

pub(super) fn unreadable(error: &serde_json::Error) -> ConnectProblem {
    // Only a mistake of ours does this. The text holds the place, not the words.
    ConnectProblem::Refused(format!(
        "this sign-in cannot be read any more ({:?}); begin again at /auth/google",
        error.classify()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pasted: &str) -> Option<(String, Result<String, String>)> {
        let back = CallbackParams::parse(pasted)?;
        Some((back.state, back.answer.map(|code| code.expose_secret().to_owned())))
    }

    #[test]
    fn what_people_paste_is_read() {
        let code = Some(("s-1".to_owned(), Ok("4/0Ab+c".to_owned())));
        for pasted in [
            "http://localhost:8000/auth/callback?state=s-1&code=4%2F0Ab%2Bc&scope=x",
            "  \"http://localhost:8000/auth/callback?code=4/0Ab%2Bc&state=s-1\"\n",
            "localhost:8000/auth/callback?code=4/0Ab%2Bc&state=s-1",
            "/auth/callback?code=4/0Ab%2Bc&state=s-1",
            "code=4/0Ab%2Bc&state=s-1",
        ] {
            assert_eq!(parsed(pasted), code, "{pasted}");
        }
        let denied = parsed("http://localhost/?error=access_denied&state=s").unwrap();
        assert_eq!(denied.1, Err("access_denied".to_owned()));
        for nothing in [
            "",
            "?state=s",
            "?state=s&code=",
            "4/0Ab",
            "http://localhost:8000/",
            "?code=4",
            "?state=a&state=b&code=4",
        ] {
            assert_eq!(parsed(nothing), None, "{nothing}");
        }
    }
}
