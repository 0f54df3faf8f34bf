//! The accounts' part of the dashboard: how each stands, what is changed about it, and how one is connected.

use reqwest::Method;
use ringbook_core::sync::Kind;
use ringbook_simulator::{CONTACTS_READONLY, Contact, Control, Endpoint};
use serde_json::Value;

use crate::support::app::{Answer, TestApp};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn encoded(fields: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://form/", fields).unwrap();
    url.query().unwrap_or_default().to_owned()
}

async fn post(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    app.send(Method::POST, path, &[FORM, ("accept", "text/html")], Some(&encoded(fields))).await
}

/// Sends a form, and reads the page that it leads to.
async fn led(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = post(app, path, fields).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.text);
    let to = answer.header("location").split('#').next().unwrap().to_owned();
    let page = app.get(&to).await;
    assert_eq!(page.status, 200, "{to}: {}", page.text);
    page.text
}

async fn first(app: &TestApp) -> (String, Value) {
    let accounts = app.get("/api/accounts").await.is(200);
    let account = accounts["accounts"][0].clone();
    (account["id"].as_str().unwrap().to_owned(), account)
}

fn labelled(google: &Control) {
    let customers = google.add_group("Customers");
    let mut ada = Contact::named("Ada", "Lovelace", "+442079460001");
    ada.groups = vec![customers];
    google.add(ada);
    google.add(Contact::named("Zoe", "Zimmer", "+442079460002"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_renamed_paused_and_shows_what_was_wrong_with_a_form() {
    let app = TestApp::new(2).await;
    let (id, _) = first(&app).await;
    app.world.app.store.create_account("Büro").await.unwrap();
    let page = led(&app, &format!("/do/accounts/{id}/rename"), &[("name", "Reception")]).await;
    assert!(page.contains("<h1>Reception</h1>") && page.contains("Saved."), "{page}");
    let taken = post(&app, &format!("/do/accounts/{id}/rename"), &[("name", "buro")]).await;
    assert_eq!(taken.status, 409);
    for words in ["`Büro` already", "value=\"buro\"", "aria-invalid=\"true\"", "<h1>Reception</h1>"]
    {
        assert!(taken.text.contains(words), "{words}: {}", taken.text);
    }
    let back = format!("/accounts/{id}");
    let page =
        led(&app, "/do/pause", &[("account", &id), ("paused", "true"), ("back", &back)]).await;
    assert!(page.contains("Paused") && page.contains("Resume"), "{page}");
    let list = app.get("/accounts").await;
    assert!(list.text.contains("Reception") && list.text.contains("It waits to be connected."));
    let nobody = "00000000-0000-8001-8000-000000000000";
    assert_eq!(app.get(&format!("/accounts/{nobody}")).await.status, 404);
    app.get("/accounts/x").await.status.is_client_error().then_some(()).unwrap();
    assert_eq!(
        post(&app, &format!("/do/accounts/{nobody}/rename"), &[("name", "x")]).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_labels_reach_the_phones_is_chosen_with_boxes() {
    let app = TestApp::new(0).await;
    labelled(&app.world.google);
    app.world.converge(Some(Kind::Full)).await;
    let (id, _) = first(&app).await;
    let known = app.get(&format!("/api/accounts/{id}/labels")).await.is(200);
    let known = known["labels"].as_array().unwrap().clone();
    let customers = known.iter().find(|it| it["name"] == "Customers").unwrap();
    let customers = customers["resource_name"].as_str().unwrap();
    let path = format!("/do/accounts/{id}/labels");
    let page = led(&app, &path, &[("which", "some"), ("show", customers)]).await;
    let ticked = format!("value=\"{customers}\" checked");
    assert!(page.contains(&ticked) && page.contains("those with 1 label"), "{page}");
    assert!(app.get("/directory").await.text.contains("1 contact"));
    let wrong = post(&app, &path, &[("which", "some"), ("show", "contactGroups/none")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("contactGroups/none"), "{}", wrong.text);
    let none = post(&app, &path, &[("which", "some")]).await;
    assert!(none.status == 422 && none.text.contains("at least one label"), "{}", none.text);
    let page = led(&app, &path, &[("which", "all"), ("show", customers)]).await;
    assert!(page.contains("all contacts") && !page.contains(&ticked), "{page}");
    assert!(app.get("/directory").await.text.contains("2 contacts"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_and_removing_ask_first_and_say_how_many_contacts_it_is_about() {
    let app = TestApp::new(7).await;
    app.world.converge(None).await;
    let (id, _) = first(&app).await;
    let asked = app.get(&format!("/accounts/{id}?ask=disconnect")).await.text;
    assert!(asked.contains("Disconnect this account?") && asked.contains("7 contacts"), "{asked}");
    let path = format!("/do/accounts/{id}/disconnect");
    let page = led(&app, &path, &[("contacts", "keep"), ("revoke", "true")]).await;
    assert_eq!(app.world.google.counted(Endpoint::Revoke).requests, 1, "Google has it back");
    assert!(
        page.contains("The permission was forgotten.") && page.contains("7 contacts"),
        "{page}"
    );
    assert!(page.contains(&format!("/auth/google?account={id}")), "{page}");
    let page = led(&app, &path, &[("contacts", "erase")]).await;
    assert!(page.contains("0 contacts"), "{page}");
    let asked = app.get(&format!("/accounts/{id}?ask=remove")).await.text;
    assert!(asked.contains("To confirm, enter its name: Google"), "{asked}");
    let path = format!("/do/accounts/{id}/remove");
    let wrong = post(&app, &path, &[("confirm", "Gogle")]).await;
    assert_eq!(wrong.status, 422);
    for words in ["Remove this account?", "value=\"Gogle\"", "`Google`"] {
        assert!(wrong.text.contains(words), "{words}: {}", wrong.text);
    }
    let list = led(&app, &path, &[("confirm", "google")]).await;
    assert!(list.contains("There is none yet."), "{list}");
    let audit = app.get("/api/audit").await.is(200).to_string();
    assert!(audit.contains("account.remove"), "{audit}");
    let home = app.get("/").await.text;
    assert!(home.contains("href=\"/accounts/connect\""), "{home}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_and_a_list_of_the_domain_are_added_in_the_browser() {
    let app = TestApp::new(3).await;
    let google = &app.world.google;
    let added = post(&app, "/do/accounts/add", &[("name", "Reception")]).await;
    assert_eq!(added.status, 303);
    let place = added.header("location").split(['?', '#']).next().unwrap().to_owned();
    let page = app.get(&format!("{place}?done=added")).await.text;
    assert!(page.contains("It waits to be connected."), "{page}");
    let id = place.rsplit('/').next().unwrap();
    let path = format!("/do/accounts/{id}/service");
    google.of("grace@example.com").generate(3);
    let (key, subject) = (google.service_key().to_string(), "grace@example.com");
    let wrong = post(&app, &path, &[("key", "not a key 0123456789"), ("subject", subject)]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("value=\"grace@example.com\""), "{}", wrong.text);
    assert!(!wrong.text.contains("0123456789"), "a key is never shown again");
    let page = led(&app, &path, &[("key", &key), ("subject", subject)]).await;
    assert!(page.contains("Google does not accept it yet"), "{page}");
    google.delegate(&[CONTACTS_READONLY]);
    let page = led(&app, &path, &[("key", &key), ("subject", subject)]).await;
    assert!(
        page.contains("Google accepts it.") && page.contains("A service account speaks"),
        "{page}"
    );
    assert!(page.contains(CONTACTS_READONLY), "{page}");
    let path = format!("/do/accounts/{id}/source");
    let taken = post(&app, &path, &[("source", "directory"), ("name", "Reception")]).await;
    assert_eq!(taken.status, 409);
    let page = led(&app, &path, &[("source", "directory"), ("name", "The domain")]).await;
    assert!(page.contains(">The domain</a>"), "{page}");
    let list = app.get("/accounts").await.text;
    assert!(list.contains("Directory of the domain"), "{list}");

    // What it is lent, only its lender can give up.
    let lent = app.world.app.store.account_named("The domain").await.unwrap().unwrap();
    let lent = app.world.app.store.ids().account(lent.id).to_string();
    let page = app.get(&format!("/accounts/{lent}")).await.text;
    assert!(!page.contains("ask=disconnect") && page.contains("ask=remove"), "{page}");
    let path = format!("/do/accounts/{lent}/disconnect");
    let refused = post(&app, &path, &[("contacts", "erase")]).await;
    assert!(refused.status == 409 && refused.text.contains("`Reception`"), "{}", refused.text);
    let lender =
        post(&app, &format!("/do/accounts/{id}/remove"), &[("confirm", "Reception")]).await;
    assert!(lender.status == 409 && lender.text.contains("remove `The domain` first"));
    assert!(app.get(&format!("/accounts/{id}")).await.text.contains("A service account speaks"));
    led(&app, &format!("/do/accounts/{lent}/remove"), &[("confirm", "The domain")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_a_connected_account_shows_what_is_done_and_what_is_next() {
    let none = [("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", "")];
    let app = TestApp::with(3, &none).await;
    let page = app.get("/accounts/connect").await.text;
    let uri = app.world.app.connector.redirect_uri().to_owned();
    assert!(page.contains(&uri) && page.contains("First the client has to be entered."), "{page}");
    let wrong =
        post(&app, "/do/accounts/client", &[("client_id", "1-a"), ("client_secret", "")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("`client_secret`") && wrong.text.contains("value=\"1-a\""));
    let file = r#"{"web":{"client_id":"1-a.apps.googleusercontent.com","client_secret":"GOCSPX-planted",
        "redirect_uris":["http://localhost:1/auth/callback"]}}"#;
    let page = led(&app, "/do/accounts/client", &[("file", file)]).await;
    assert!(page.contains("1-a.apps.googleusercontent.com"), "{page}");
    assert!(page.contains("names other redirect URIs"), "{page}");
    assert!(!page.contains("GOCSPX-planted"), "{page}");
    let page = app.get("/accounts/connect?go=1&name=The+%26+office&directory=1").await.text;
    let leave =
        "/auth/google?account=new&amp;name=The%20%26%20office&amp;scopes=contacts,directory";
    assert!(page.contains(leave), "{page}");
    for (name, words) in
        [("google", "`Google` already"), ("7", "taken for the id"), ("new", "mean something else")]
    {
        let page = app.get(&format!("/accounts/connect?go=1&name={name}")).await;
        assert_eq!(page.status, 422, "{name}");
        assert!(page.text.contains(words) && !page.text.contains("Go to Google"), "{}", page.text);
        // Also where nobody has seen the page.
        let gone = app.get(&format!("/auth/google?account=new&name={name}")).await;
        assert!(gone.status.is_client_error(), "{name}: {}", gone.status);
    }
    let page = led(&app, "/do/accounts/forget-client", &[]).await;
    assert!(page.contains("First the client has to be entered."), "{page}");
}
