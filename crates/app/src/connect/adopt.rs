//! Takes over the permission that a person gave to the previous app: the file in which Google's Python
//! library keeps it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::Config;
use crate::connect::{ConnectProblem, Connector, NotAClient, OAuthClient, configured};
use ringbook_core::sync::AccountId;
use ringbook_google::SCOPE;
use ringbook_store::{ConnectError, NewTokens, Target};

/// It allows more than is needed here, and the previous app could be set to ask for it.
const SCOPE_WRITE: &str = "https://www.googleapis.com/auth/contacts";

/// A token file: a grant, and the OAuth client that it was given to.
#[derive(Clone, Debug)]
pub struct TokenFile {
    pub client: OAuthClient,
    refresh: SecretString,
    access: SecretString,
    expires_at: Timestamp,
    scopes: Vec<String>,
}

/// Why a token file is of no use. Nothing of what it holds is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATokenFile {
    #[error("it is no token file of the previous app")]
    Shape,
    #[error("it holds no refresh token, and the access token in it lasts for an hour at most")]
    NoRefreshToken,
    #[error("{0}")]
    Client(#[from] NotAClient),
    #[error("its permission does not include reading contacts")]
    Scope,
}

/// As `google.oauth2.credentials.Credentials.to_json` writes it; what is not needed is left out.
#[derive(Deserialize)]
struct Wire {
    token: Option<String>,
    refresh_token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default)]
    scopes: Scopes,
    expiry: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Scopes {
    List(Vec<String>),
    Text(String),
    #[default]
    None,
}

impl TokenFile {
    /// # Errors
    /// When the text is no such file, or cannot be of use.
    pub fn parse(text: &str) -> Result<TokenFile, NotATokenFile> {
        let wire: Wire = serde_json::from_str(text).map_err(|_| NotATokenFile::Shape)?;
        let Some(id) = wire.client_id else { return Err(NotATokenFile::Shape) };
        let Some(refresh) = wire.refresh_token.filter(|it| !it.is_empty()) else {
            return Err(NotATokenFile::NoRefreshToken);
        };
        let scopes: Vec<String> = match wire.scopes {
            Scopes::List(list) => list,
            Scopes::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            // The app asks for nothing else unless it is told to.
            Scopes::None => vec![SCOPE.to_owned()],
        };
        if !scopes.iter().any(|it| it == SCOPE || it == SCOPE_WRITE) {
            return Err(NotATokenFile::Scope);
        }
        Ok(TokenFile {
            client: OAuthClient::new(&id, &wire.client_secret.unwrap_or_default())?,
            refresh: refresh.into(),
            access: wire.token.unwrap_or_default().into(),
            // Without an end it is taken for over: the first request brings another one.
            expires_at: wire.expiry.as_deref().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH),
            scopes,
        })
    }

    /// The same where there is no database yet, whose client would be in force.
    ///
    /// # Errors
    /// When the configuration has another client.
    pub fn lacks_client_in(&self, config: &Config) -> Result<bool, ConnectProblem> {
        self.lacks_client(configured(config).as_ref().map(|(client, _)| client))
    }

    fn lacks_client(&self, in_force: Option<&OAuthClient>) -> Result<bool, ConnectProblem> {
        match in_force {
            None => Ok(true),
            Some(client) if client.id == self.client.id => Ok(false),
            Some(client) => Err(ConnectProblem::Conflict(format!(
                "it belongs to the OAuth client {}, and {} is in force here; configure that one, or \
                 connect the account again with `ringbook auth`",
                self.client.id, client.id
            ))),
        }
    }

    fn tokens(&self) -> NewTokens {
        NewTokens {
            access_token: self.access.clone(),
            expires_at: self.expires_at,
            refresh_token: Some(self.refresh.clone()),
            refresh_expires_at: None,
            scopes: self.scopes.clone(),
        }
    }
}

/// `2026-01-04T06:15:46.415818Z`, or without the zone, which then is UTC.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

impl Connector {
    /// Whether the OAuth client of a token file has to be entered here, since there is none yet.
    ///
    /// # Errors
    /// When another client is in force: Google takes a grant only from the client that it was given to.
    pub async fn lacks_client_of(&self, file: &TokenFile) -> Result<bool, ConnectProblem> {
        let in_force = self.client().await?;
        file.lacks_client(in_force.as_ref().map(|(client, _)| client))
    }

    /// Stores the grant of a token file, and its OAuth client if there is none yet. Google is not asked:
    /// the first sync shows whether it still takes the grant, and whose it is.
    ///
    /// # Errors
    /// When another client is in force, or the account cannot be connected.
    pub async fn adopt(
        &self,
        file: &TokenFile,
        target: &Target,
    ) -> Result<AccountId, ConnectProblem> {
        if self.lacks_client_of(file).await? {
            self.enter_client(&file.client).await?;
        }
        let account = self.store.connect_to(target, None, &file.tokens()).await;
        let account = account.map_err(|error| match error {
            ConnectError::Db(error) => error.into(),
            error => ConnectProblem::DifferentAccount(error),
        })?;
        self.access(account).await?.forget().await;
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const FILE: &str = r#"{"token": "ya29.a0", "refresh_token": "1//0g",
        "token_uri": "https://oauth2.googleapis.com/token", "client_id": "1-a.apps.googleusercontent.com",
        "client_secret": "GOCSPX-x", "scopes": ["https://www.googleapis.com/auth/contacts.readonly"],
        "universe_domain": "googleapis.com", "account": "", "expiry": "2026-01-04T06:15:46.415818Z"}"#;

    fn with(name: &str, value: serde_json::Value) -> String {
        let mut file: serde_json::Value = serde_json::from_str(FILE).unwrap();
        file[name] = value;
        file.to_string()
    }

    #[test]
    fn the_file_of_googles_python_library_is_read() {
        let file = TokenFile::parse(FILE).unwrap();
        assert_eq!(file.client.id, "1-a.apps.googleusercontent.com");
        let tokens = file.tokens();
        assert_eq!(tokens.access_token.expose_secret(), "ya29.a0");
        assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "1//0g");
        assert_eq!(tokens.expires_at.to_string(), "2026-01-04T06:15:46.415818Z");
        assert_eq!(tokens.scopes, [SCOPE]);
    }

    #[test]
    fn what_older_and_other_writers_leave_out_is_no_harm() {
        for (name, value, expires_at) in [
            ("expiry", "2026-01-04T06:15:46".into(), "2026-01-04T06:15:46Z"),
            ("expiry", serde_json::Value::Null, "1970-01-01T00:00:00Z"),
            ("expiry", "soon".into(), "1970-01-01T00:00:00Z"),
            ("token", serde_json::Value::Null, "2026-01-04T06:15:46.415818Z"),
            ("scopes", serde_json::Value::Null, "2026-01-04T06:15:46.415818Z"),
            ("scopes", format!("openid {SCOPE}").into(), "2026-01-04T06:15:46.415818Z"),
            ("scopes", vec![SCOPE_WRITE].into(), "2026-01-04T06:15:46.415818Z"),
        ] {
            let text = with(name, value);
            let file = TokenFile::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(file.expires_at.to_string(), expires_at, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_of_no_use_is_refused_and_nothing_of_it_is_shown() {
        for (text, why) in [
            ("".to_owned(), NotATokenFile::Shape),
            ("[]".to_owned(), NotATokenFile::Shape),
            (r#"{"web": {"client_id": "1"}}"#.to_owned(), NotATokenFile::Shape),
            (with("refresh_token", serde_json::Value::Null), NotATokenFile::NoRefreshToken),
            (with("refresh_token", "".into()), NotATokenFile::NoRefreshToken),
            (with("client_secret", serde_json::Value::Null), NotAClient::Secret.into()),
            (with("client_id", "".into()), NotAClient::Id.into()),
            (with("scopes", vec!["openid"].into()), NotATokenFile::Scope),
        ] {
            let error = TokenFile::parse(&text).unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!error.to_string().contains("1//0g"));
        }
        assert!(!format!("{:?}", TokenFile::parse(FILE).unwrap()).contains("1//0g"));
    }
}
