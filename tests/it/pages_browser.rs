//! What browsers are told when something is not possible.

use reqwest::Client;

use crate::support::app::TestApp;

#[tokio::test]
async fn browsers_get_pages_and_programs_get_json_where_there_is_nothing() {
    let app = TestApp::new(5).await;
    let ask = async |path: &str, accept: &str| {
        let url = app.url(path);
        let answer = Client::new().get(url).header("accept", accept).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let run = "/runs/00000000-0000-0000-0000-000000000000";
    for path in ["/nowhere", run] {
        let (status, kind, body) = ask(path, browser).await;
        assert_eq!((status, kind.as_str()), (404, "text/html; charset=utf-8"), "{path}");
        assert!(body.contains("<h1>Not possible</h1>") && body.contains("href=\"/\""), "{body}");
        let (status, kind, body) = ask(path, "*/*").await;
        assert_eq!((status, kind.as_str()), (404, "application/json"), "{path}");
        assert!(body.starts_with("{\"detail\":"), "{body}");
    }
    // What is for programs stays so, whatever they accept.
    for path in ["/api/nowhere", "/api/sync/runs/00000000-0000-0000-0000-000000000000"] {
        assert_eq!(ask(path, browser).await.1, "application/json", "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_shown_as_text_and_never_as_markup() {
    let app = TestApp::new(5).await;
    let url = app.url("/runs/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    let answer = Client::new().get(url).header("accept", "text/html").send().await.unwrap();
    assert!(answer.status().is_client_error());
    assert!(!answer.text().await.unwrap().contains("<script>alert"));
}
