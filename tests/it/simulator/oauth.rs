//! How an app is let in, and thrown out.

use super::*;

const CALLBACK: &str = "http://localhost:8000/auth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Google {
    pub(super) fn client(&self) -> [(&'static str, String); 2] {
        let find = |wanted: &str| {
            let environment = self.simulator.environment();
            environment.into_iter().find(|(name, _)| *name == wanted).unwrap().1
        };
        [("client_id", find("GOOGLE_CLIENT_ID")), ("client_secret", find("GOOGLE_CLIENT_SECRET"))]
    }

    /// Goes to the consent page, and returns what comes back with the browser.
    pub(super) async fn consent(&self, extra: &[(&str, &str)]) -> Vec<(String, String)> {
        let id = self.client()[0].1.clone();
        let mut query = vec![
            ("client_id", id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email https://www.googleapis.com/auth/contacts.readonly"),
            ("state", "a b&c"),
            ("access_type", "offline"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        query.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        query.extend(extra);
        let answer = self.client.get(self.url("/o/oauth2/v2/auth", &query)).send().await.unwrap();
        let Some(location) = answer.headers().get("location") else {
            return vec![("page".to_owned(), answer.text().await.unwrap())];
        };
        let location = reqwest::Url::parse(location.to_str().unwrap()).unwrap();
        assert!(location.as_str().starts_with(CALLBACK));
        location.query_pairs().into_owned().collect()
    }

    pub(super) async fn code(&self, extra: &[(&str, &str)]) -> String {
        found(&self.consent(extra).await, "code")
    }

    pub(super) async fn token(&self, changes: &[(&str, &str)]) -> Answer {
        let client = self.client();
        let mut form: Vec<(&str, &str)> = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        form.extend(client.iter().map(|(name, value)| (*name, value.as_str())));
        form.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        form.extend(changes.iter().filter(|(_, value)| *value != "-"));
        self.post("/token", &form).await
    }

    pub(super) async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }
}

fn found(pairs: &[(String, String)], name: &str) -> String {
    pairs
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_consent_leads_to_tokens_that_open_the_api() {
    let mut google = Google::of(3).await;
    let back = google.consent(&[("prompt", "consent")]).await;
    assert_eq!(found(&back, "state"), "a b&c");
    let code = found(&back, "code");
    let tokens = google.token(&[("code", &code)]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    assert_eq!(
        (&tokens.json["expires_in"], &tokens.json["token_type"]),
        (&json!(3599), &json!("Bearer"))
    );
    assert!(
        text(&tokens.json, "/scope").contains("https://www.googleapis.com/auth/userinfo.email")
    );
    assert_eq!(text(&tokens.json, "/id_token").split('.').count(), 3);
    google.token = text(&tokens.json, "/access_token");
    assert_eq!(google.full_but(&[]).await.status, 200);
    let again = google.token(&[("code", &code)]).await;
    assert_eq!((again.status, text(&again.json, "/error").as_str()), (400, "invalid_grant"));
    let refreshed = google.refresh(&text(&tokens.json, "/refresh_token")).await;
    assert_eq!(refreshed.status, 200);
    assert!(refreshed.json.get("refresh_token").is_none());
}

#[tokio::test]
async fn the_token_endpoint_checks_everything() {
    let google = Google::of(0).await;
    let code = google.code(&[]).await;
    for (change, status, error) in [
        (("client_secret", "wrong"), 401, "invalid_client"),
        (("client_id", "wrong"), 401, "invalid_client"),
        (("client_secret", "-"), 400, "invalid_request"),
        (("redirect_uri", "http://localhost:8000/auth/callback/"), 400, "redirect_uri_mismatch"),
        (("code_verifier", "-"), 400, "invalid_grant"),
        (("code_verifier", CHALLENGE), 400, "invalid_grant"),
        (("code", "4/0Awrong"), 400, "invalid_grant"),
        (("code", "-"), 400, "invalid_request"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
    ] {
        let code = ("code", code.as_str());
        let changes = if change.0 == "code" { vec![change] } else { vec![code, change] };
        let answer = google.token(&changes).await;
        assert_eq!(
            (answer.status, text(&answer.json, "/error").as_str()),
            (status, error),
            "{change:?}"
        );
    }
    assert_eq!(google.token(&[("code", &code)]).await.status, 200, "no refusal used the code up");
}

#[tokio::test]
async fn only_the_first_consent_gives_a_refresh_token_unless_asked_again() {
    let google =
        Google::with(Options { contacts: 0, email: "x@example.com".into(), ..Options::default() })
            .await;
    google.simulator.control().switch_user("fresh@example.com", 0, false);
    let mut given = Vec::new();
    for extra in [
        &[][..],
        &[],
        &[("prompt", "consent")],
        &[("prompt", "consent"), ("access_type", "online")],
    ] {
        let code = google.code(extra).await;
        let tokens = google.token(&[("code", &code)]).await;
        given.push(tokens.json.get("refresh_token").is_some());
    }
    assert_eq!(given, [true, false, true, false]);
}

#[tokio::test]
async fn a_person_can_refuse_or_untick_or_be_somebody_else() {
    let mut google = Google::of(0).await;
    let control = google.simulator.control();
    control.set_consent(Consent { deny: true, scopes: None });
    let back = google.consent(&[]).await;
    assert_eq!(
        (found(&back, "error").as_str(), found(&back, "state").as_str()),
        ("access_denied", "a b&c")
    );
    control
        .set_consent(Consent { deny: false, scopes: Some(vec!["openid".into(), "email".into()]) });
    let code = google.code(&[]).await;
    let tokens = google.token(&[("code", &code)]).await;
    assert!(!text(&tokens.json, "/scope").contains("contacts"));
    google.token = text(&tokens.json, "/access_token");
    let refused = google.full_but(&[]).await;
    assert_eq!(refused.json["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    control.set_consent(Consent::default());
    let code = google.code(&[("login_hint", "eve@example.com")]).await;
    google.token = text(&google.token(&[("code", &code)]).await.json, "/access_token");
    let me = google.get("/v1/people/me", &[("personFields", "emailAddresses")]).await;
    assert_eq!(me.json["emailAddresses"][0]["value"], "eve@example.com");
}

#[tokio::test]
async fn a_redirect_to_a_private_address_or_without_https_is_refused() {
    let google = Google::of(0).await;
    for uri in [
        "http://192.168.1.10:8000/auth/callback",
        "http://ringbook.example.com/auth/callback",
        "https://ringbook.lan/auth/callback",
        "https://user@example.com/auth/callback",
        "not a uri",
    ] {
        let back = google.consent(&[("redirect_uri", uri)]).await;
        assert!(found(&back, "page").contains("400"), "{uri}");
    }
    let id = google.client()[0].1.clone();
    let query = [
        ("client_id", id.as_str()),
        ("redirect_uri", "https://example.com/x"),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    let answer = google.client.get(google.url("/o/oauth2/v2/auth", &query)).send().await.unwrap();
    assert_eq!(answer.status(), 302);
}

#[tokio::test]
async fn revoked_and_expired_tokens_open_nothing() {
    let mut google = Google::of(3).await;
    let control = google.simulator.control();
    control.expire_access_tokens();
    let answer = google.full_but(&[]).await;
    assert_eq!(answer.error_status(), (401, "UNAUTHENTICATED"));
    assert!(answer.headers.contains_key("www-authenticate"));
    let tokens = control.grant(&[CONTACTS_READONLY.to_owned()]);
    google.token = tokens.access_token;
    assert_eq!(google.full_but(&[]).await.status, 200);
    control.advance_clock(Duration::from_secs(3600));
    assert_eq!(google.full_but(&[]).await.status, 401);
    assert_eq!(google.refresh(&tokens.refresh_token).await.status, 200);
    assert_eq!(google.post("/revoke", &[("token", &tokens.refresh_token)]).await.status, 200);
    assert_eq!(google.post("/revoke", &[("token", &tokens.refresh_token)]).await.status, 400);
    let dead = google.refresh(&tokens.refresh_token).await;
    assert_eq!(text(&dead.json, "/error_description"), "Token has been expired or revoked.");
    let tokens = control.grant(&[CONTACTS_READONLY.to_owned()]);
    control.revoke_grants();
    assert_eq!(text(&google.refresh(&tokens.refresh_token).await.json, "/error"), "invalid_grant");
}

#[tokio::test]
async fn grants_and_sync_tokens_outlive_a_restart_with_the_same_seed() {
    let google = Google::of(30).await;
    let sync = google.sync_token().await;
    let code = google.code(&[]).await;
    let tokens = google.token(&[("code", &code)]).await.json;
    let refresh_token = google.simulator.control().grant(&[CONTACTS_READONLY.to_owned()]);
    google.simulator.control().delete_many(1);
    let newer = google.sync_token().await;
    google.simulator.shutdown().await;

    let mut google = Google::of(30).await;
    google.token = text(&tokens, "/access_token");
    assert_eq!(google.full_but(&[]).await.status, 401);
    google.token = text(&google.refresh(&refresh_token.refresh_token).await.json, "/access_token");
    assert_eq!(google.full_but(&[("syncToken", &sync)]).await.people().len(), 0);
    let lost = google.full_but(&[("syncToken", &newer)]).await;
    assert_eq!(lost.json["error"]["details"][0]["reason"], "EXPIRED_SYNC_TOKEN");

    let other = Google::with(Options { seed: 2, ..Options::default() }).await;
    assert_eq!(other.refresh(&refresh_token.refresh_token).await.status, 400);
}
