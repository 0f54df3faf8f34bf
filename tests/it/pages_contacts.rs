//! The contacts' pages: who is there is found, and who was deleted can be brought back.

use ringbook_simulator::Contact;
use serde_json::Value;

use crate::support::app::TestApp;

async fn id_of(app: &TestApp, name: &str) -> String {
    let found = app.get(&format!("/api/search?q={name}")).await.is(200);
    found["results"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_found_by_name_by_number_and_by_the_keys_of_a_telephone() {
    let app = TestApp::new(3).await;
    app.world.google.add(Contact::named("Xaverl", "Qwyzik", "+44 20 7946 0958"));
    app.post("/api/sync").await.is(200);
    for asked in ["q=xaverl", "q=qwyz", "q=79460958", "q=928375", "letter=X"] {
        let page = app.get(&format!("/contacts?{asked}")).await;
        assert!(page.status == 200 && page.text.contains("Xaverl Qwyzik"), "{asked}: {page:?}");
        assert!(page.text.contains(">1 contact<"), "{asked}");
    }
    let none = app.get("/contacts?q=nobodyatall").await;
    assert!(none.text.contains("Nobody is found."), "{none:?}");
    assert_eq!(app.get("/contacts?letter=ab").await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_pages_shows_every_contact_once_and_leads_back() {
    let app = TestApp::new(120).await;
    app.post("/api/sync").await.is(200);
    let rows = |text: &str| -> Vec<String> {
        let parts = text.split("<a href=\"/contacts/").skip(1);
        parts.map(|it| it[..36].to_owned()).filter(|it| !it.starts_with("deleted")).collect()
    };
    let link = |text: &str, rel: &str| {
        let before = text.split(&format!("\" rel=\"{rel}\"")).next().filter(|it| *it != text)?;
        before.rsplit("href=\"").next().map(|it| it.replace("&amp;", "&").replace("&#38;", "&"))
    };
    let first = app.get("/contacts").await.text;
    let mut seen = rows(&first);
    let second = app.get(&link(&first, "next").unwrap()).await.text;
    assert_eq!(rows(&app.get(&link(&second, "prev").unwrap()).await.text), seen);
    seen.extend(rows(&second));
    let third = app.get(&link(&second, "next").unwrap()).await.text;
    seen.extend(rows(&third));
    assert_eq!(link(&third, "next"), None);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_name_is_only_text_in_every_page() {
    let app = TestApp::new(0).await;
    app.world.google.add(Contact::named("<b>Mallory", "\"><script>x", "+44 20 7946 0958"));
    app.post("/api/sync").await.is(200);
    let id = id_of(&app, "mallory").await;
    for path in [
        "/contacts".to_owned(),
        format!("/contacts/{id}"),
        "/contacts?q=%22%3E%3Cscript%3Ex".to_owned(),
    ] {
        let page = app.get(&path).await;
        assert!(page.status == 200 && !page.text.contains("<script>x"), "{path}");
        assert!(!page.text.contains("<b>Mallory"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deleted_is_listed_and_handed_out_as_a_vcard() {
    let app = TestApp::new(3).await;
    let ada = app.world.google.add(Contact::named("Xaverl", "Qwyzik", "+44 20 7946 0958"));
    app.post("/api/sync").await.is(200);
    let id = id_of(&app, "xaverl").await;
    app.world.google.delete(&ada).unwrap();
    app.post("/api/sync").await.is(200);

    let deleted = app.get("/api/contacts/deleted?search=qwyz").await.is(200);
    assert_eq!(deleted["contacts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&deleted["contacts"][0]["id"], &deleted["next_before"]),
        (&Value::from(id.as_str()), &Value::Null)
    );
    let run = deleted["contacts"][0]["deleted_by_run"].as_str().unwrap().to_owned();
    for path in [
        "/contacts/deleted".to_owned(),
        format!("/contacts/deleted?run={run}"),
        format!("/contacts/{id}"),
    ] {
        let page = app.get(&path).await;
        assert!(page.status == 200 && page.text.contains("Xaverl Qwyzik"), "{path}: {page:?}");
        assert!(page.text.contains("contacts.google.com/trash"), "{path}");
    }
    for path in
        [format!("/api/contacts/{id}/vcard"), format!("/api/contacts/deleted.vcf?run={run}")]
    {
        let card = app.get(&path).await;
        assert!(card.text.starts_with("BEGIN:VCARD\r\nVERSION:3.0\r\n"), "{path}: {card:?}");
        assert!(card.text.contains("FN:Xaverl Qwyzik\r\n"), "{path}");
        assert_eq!(card.headers["content-type"], "text/vcard; charset=utf-8");
    }
    assert!(!app.get("/contacts?q=xaverl").await.text.contains("Xaverl Qwyzik"));
    let page = app.get(&format!("/runs/{run}")).await.text;
    assert!(page.contains(&format!("/contacts/{id}")), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_to_a_contact_is_told_newest_first_part_by_part() {
    let app = TestApp::new(3).await;
    let ada = app.world.google.add(Contact::named("Xaverl", "Qwyzik", "+44 20 7946 0958"));
    app.post("/api/sync").await.is(200);
    let id = id_of(&app, "xaverl").await;
    app.world.google.delete(&ada).unwrap();
    app.post("/api/sync").await.is(200);
    let path = format!("/api/contacts/{id}/changes?limit=1");
    let first = app.get(&path).await.is(200);
    assert_eq!(first["changes"][0]["kind"], "deleted");
    let next = first["next_before"].as_str().unwrap();
    let second = app.get(&format!("{path}&before={next}")).await.is(200);
    assert_eq!(second["changes"][0]["kind"], "created");
    assert_eq!(second["next_before"], Value::Null);
    app.get("/api/contacts/deleted?before=x").await.is(422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_looks_at_nothing_while_many_contacts_are_read_for_the_first_time() {
    let app = TestApp::with(2500, &[("SYNC_BATCH_SIZE", "1000")]).await;
    app.post("/api/sync").await.is(200);
    let first = app.get("/contacts").await.text;
    assert!(first.contains("2,500 contacts") && first.contains("data-again"), "{first}");
    app.world.app.directory.view().await.unwrap();
    let then = app.get("/contacts").await.text;
    assert!(then.contains("id=\"rows\"") && !then.contains("data-again"), "{then}");
}
