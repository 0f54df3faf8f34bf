//! The OAuth client: the name and password by which Google knows this installation. Pure.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// An OAuth client of a Google Cloud project.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    pub id: String,
    pub secret: SecretString,
}

/// Where the client in force comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// A setting, by the name of its source.
    Configuration(String),
    /// It was entered in Ringbook.
    Entered,
}

/// Under this name an entered client is kept.
pub(super) const NAME: &str = "google_client";

/// Google's are shorter than a hundred characters.
const LEN_MAX: usize = 500;

/// Why something is no OAuth client. Nothing of the secret is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAClient {
    #[error(
        "`client_id` must be 1 to 500 visible characters, such as 1234-abc.apps.googleusercontent.com"
    )]
    Id,
    #[error("`client_secret` must be 1 to 500 visible characters, such as GOCSPX-…")]
    Secret,
    #[error(
        "this is not the file that the Google Cloud console downloads for an OAuth client; it has \
         `client_id` and `client_secret` below `web`"
    )]
    File,
    #[error(
        "this is the key of a service account, not an OAuth client; create one under Credentials, \
         \"Create credentials\", \"OAuth client ID\""
    )]
    ServiceAccount,
}

impl OAuthClient {
    /// # Errors
    /// When one of the two cannot be what Google gives out.
    pub fn new(id: &str, secret: &str) -> Result<OAuthClient, NotAClient> {
        let good = |text: &str| {
            (1..=LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let (id, secret) = (id.trim(), secret.trim());
        if !good(id) {
            return Err(NotAClient::Id);
        }
        if !good(secret) {
            return Err(NotAClient::Secret);
        }
        Ok(OAuthClient { id: id.to_owned(), secret: secret.into() })
    }

    /// Reads the file that the Google Cloud console offers for download.
    ///
    /// # Errors
    /// When it is another file.
    pub fn from_download(text: &str) -> Result<OAuthClient, NotAClient> {
        let value: Value = serde_json::from_str(text).map_err(|_| NotAClient::File)?;
        if value["type"] == "service_account" {
            return Err(NotAClient::ServiceAccount);
        }
        let client = ["web", "installed"].into_iter().map(|kind| &value[kind]);
        let client = client.chain([&value]).find(|it| it["client_id"].is_string());
        let client = client.ok_or(NotAClient::File)?;
        let text = |name: &str| client[name].as_str().unwrap_or_default();
        OAuthClient::new(text("client_id"), text("client_secret"))
    }

    /// Whether the downloaded file names other addresses to come back to, and not ours: Google would then let
    /// nobody back, unless it was added there since.
    pub fn lacks_redirect(text: &str, redirect_uri: &str) -> bool {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let known = value["web"]["redirect_uris"].as_array();
        known.is_some_and(|known| !known.iter().any(|it| it == redirect_uri))
    }

    /// What is odd about it, though it may be right.
    pub fn warning(&self) -> Option<&'static str> {
        (!self.id.ends_with(".apps.googleusercontent.com")).then_some(
            "the client id does not end in .apps.googleusercontent.com, as Google's do; copy it again \
             from the Google Cloud console, under Credentials",
        )
    }

    pub(super) fn to_secret(&self) -> SecretString {
        let secret = self.secret.expose_secret();
        json!({ "client_id": self.id, "client_secret": secret }).to_string().into()
    }

    pub(super) fn is(&self, other: &OAuthClient) -> bool {
        self.id == other.id && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consoles_download_is_read() {
        let web = r#"{"web":{"client_id":"1-a.apps.googleusercontent.com","project_id":"p",
            "client_secret":"GOCSPX-x","redirect_uris":["http://localhost:8000/auth/callback"]}}"#;
        let client = OAuthClient::from_download(web).unwrap();
        assert_eq!(client.id, "1-a.apps.googleusercontent.com");
        assert_eq!(client.secret.expose_secret(), "GOCSPX-x");
        assert!(client.warning().is_none());
        assert!(!OAuthClient::lacks_redirect(web, "http://localhost:8000/auth/callback"));
        assert!(OAuthClient::lacks_redirect(web, "http://localhost:8080/auth/callback"));
        assert!(!OAuthClient::lacks_redirect("{}", "http://localhost:8080/auth/callback"));
        let again = OAuthClient::from_download(client.to_secret().expose_secret()).unwrap();
        assert!(again.is(&client));
    }

    #[test]
    fn another_file_is_refused_with_what_to_bring_instead() {
        let refused = |text: &str| OAuthClient::from_download(text).unwrap_err();
        assert_eq!(
            refused(r#"{"type":"service_account","client_id":"1"}"#),
            NotAClient::ServiceAccount
        );
        assert_eq!(refused("{}"), NotAClient::File);
        assert_eq!(refused("GOCSPX-secret"), NotAClient::File);
        assert_eq!(refused(r#"{"web":{"client_id":"1"}}"#), NotAClient::Secret);
        assert!(OAuthClient::new("a b", "c").is_err() && OAuthClient::new("a", "").is_err());
    }
}
