//! Answers in fewer bytes: for whom, and for whom never.

use std::io::Read;

use reqwest::Method;

use crate::support::app::TestApp;

/// The bytes of an answer as they come, with the headers that matter here.
async fn raw(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (Vec<u8>, String, String) {
    // A client that unpacks by itself would tell nothing of it.
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let mut request = client.request(Method::GET, app.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let header = |name: &str| {
        let values = answer.headers().get_all(name).iter();
        values.map(|it| it.to_str().unwrap().to_lowercase()).collect::<Vec<_>>().join(", ")
    };
    let (encoding, vary) = (header("content-encoding"), header("vary"));
    (answer.bytes().await.unwrap().to_vec(), encoding, vary)
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_compressed_where_their_length_gives_nothing_away() {
    let app = TestApp::new(60).await;
    app.post("/api/sync").await.is(200);
    let page = app.get("/").await.text;
    let at = page.find("/assets/ringbook.css").unwrap();
    let style = page[at..].split('"').next().unwrap().to_owned();
    let gzip = ("accept-encoding", "gzip, br");
    let cookie = ("cookie", "anything=1");
    for path in
        ["/api/openapi.json", "/api/contacts?limit=60", "/", "/contacts", "/metrics", &style]
    {
        let (plain, encoding, vary) = raw(&app, path, &[("accept-encoding", "identity")]).await;
        assert!(encoding.is_empty() && vary.ends_with("accept-encoding"), "{path}: {vary}");
        let (short, encoding, vary) = raw(&app, path, &[gzip]).await;
        assert!(encoding == "gzip" && vary.ends_with("accept-encoding"), "{path}: {vary}");
        assert!(short.len() < plain.len() / 2, "{path}: {} of {}", short.len(), plain.len());
        if path != "/metrics" && path != "/" && path != "/contacts" {
            assert_eq!(inflated(&short), plain, "{path}");
        }
        // A browser adds cookies by itself, so the length could be watched from elsewhere.
        let (_, encoding, _) = raw(&app, path, &[gzip, cookie]).await;
        let for_everybody = path.starts_with("/assets/") || path == "/api/openapi.json";
        assert_eq!(encoding, if for_everybody { "gzip" } else { "" }, "{path}");
    }
    // Clients that do not accept it get the plain answer, never a refusal.
    for asked in ["gzip;q=0", "gzip;q=0, identity;q=0", "*;q=0", "br", "identity;q=0", ""] {
        let (bytes, encoding, _) =
            raw(&app, "/api/contacts?limit=60", &[("accept-encoding", asked)]).await;
        assert!(encoding.is_empty() && bytes.starts_with(b"{"), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_and_followers_of_events_get_every_answer_as_it_is() {
    let app = TestApp::new(60).await;
    app.post("/api/sync").await.is(200);
    for path in ["/directory", "/directory/groups/2ABC", "/directory/help", "/lookup?number=1"] {
        for asked in ["gzip", "identity;q=0", "*"] {
            let (bytes, encoding, vary) = raw(&app, path, &[("accept-encoding", asked)]).await;
            assert_eq!((encoding.as_str(), vary.as_str()), ("", ""), "{path} {asked}");
            assert!(path.starts_with("/lookup") || bytes.starts_with(b"<?xml"), "{path}");
        }
    }
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let events = client.get(app.url("/api/sync/events")).header("accept-encoding", "gzip");
    let mut events = events.send().await.unwrap();
    assert!(events.headers().get("content-encoding").is_none());
    let first = events.chunk().await.unwrap().unwrap();
    assert!(!first.is_empty());
    // One that is too short to gain anything.
    let (_, encoding, _) = raw(&app, "/health/live", &[("accept-encoding", "gzip")]).await;
    assert_eq!(encoding, "");
}
