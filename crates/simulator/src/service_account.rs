//! A service account, and the domain-wide delegation that lets it speak for people.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::answers::{Reply, oauth_error};

/// Made for the simulator, and good for nothing else.
const PRIVATE_KEY: &str = include_str!("service_account.pem");
const KEY_ID: &str = "5e1f0c2b9a7d4836b1c0de5a3f7e92840d6c1b5a";
const CLIENT_EMAIL: &str = "ringbook@simulated-project.iam.gserviceaccount.com";
const CLIENT_ID: &str = "104857600000000000042";

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Seconds that a statement may be good for.
const LIFETIME_MAX: i64 = 3600;

/// The file that Google hands out with a new key.
pub(super) fn key_file() -> Value {
    json!({
        "type": "service_account",
        "project_id": "simulated-project",
        "private_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "client_email": CLIENT_EMAIL,
        "client_id": CLIENT_ID,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/ringbook%40simulated-project.iam.gserviceaccount.com",
        "universe_domain": "googleapis.com",
    })
}

/// What a good statement asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) subject: String,
    pub(super) scopes: Vec<String>,
}

/// Reads a signed statement. `delegated` is what the domain's administrator has allowed the client id.
pub(super) fn check(
    assertion: &str,
    audiences: &[String],
    delegated: &[String],
    now: i64,
) -> Result<Wanted, Reply> {
    let invalid = |what: &str| oauth_error(400, "invalid_grant", what);
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err(oauth_error(400, "invalid_request", "Bad Request").because("no JWT"));
    };
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    };
    let (Some(header_read), Some(claims_read)) = (object(header), object(claims)) else {
        return Err(
            oauth_error(400, "invalid_request", "Bad Request").because("no JSON in the JWT")
        );
    };
    let text = |name: &str| claims_read[name].as_str().unwrap_or_default();
    if text("iss") != CLIENT_EMAIL {
        return Err(invalid("Invalid grant: account not found"));
    }
    if header_read["alg"] != "RS256" || header_read.get("kid").is_some_and(|kid| kid != KEY_ID) {
        return Err(invalid("Invalid JWT Signature."));
    }
    let signed = format!("{header}.{claims}");
    // Of RS256 there is one signature for each text, so whoever can sign can compare.
    if sign(signed.as_bytes()).is_none_or(|own| URL_SAFE_NO_PAD.encode(own) != signature) {
        return Err(invalid("Invalid JWT Signature."));
    }
    if !audiences.iter().any(|audience| audience == text("aud")) {
        return Err(invalid(
            "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token",
        ));
    }
    let (issued, ends) = (claims_read["iat"].as_i64(), claims_read["exp"].as_i64());
    let now = now / 1000;
    let timely = matches!((issued, ends), (Some(issued), Some(ends))
        if issued <= now && now < ends && ends > issued && ends - issued <= LIFETIME_MAX);
    if !timely {
        return Err(invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
             Check your iat and exp values in the JWT claim.",
        ));
    }
    let scopes: Vec<String> = text("scope").split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(oauth_error(400, "invalid_scope", "Empty or missing scope not allowed."));
    }
    let subject = text("sub").to_owned();
    if subject.is_empty() {
        let why = "a service account has no contacts of its own here";
        return Err(invalid("Invalid email or User ID").because(why));
    }
    let allowed = scopes.iter().all(|scope| delegated.contains(scope));
    if !allowed || is_consumer(&subject) {
        return Err(oauth_error(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not \
             authorized for any of the scopes requested.",
        ));
    }
    Ok(Wanted { subject, scopes })
}

/// Those without a Google Workspace.
pub(super) fn is_consumer(email: &str) -> bool {
    email.ends_with("@gmail.com") || email.ends_with("@googlemail.com")
}

fn sign(text: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).ok()?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).ok()?;
    key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?.sign(text).ok()
}
