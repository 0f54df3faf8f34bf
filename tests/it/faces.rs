//! One rule, told on the API, the dashboard and the command line: all three say the same.

use crate::support::app::TestApp;
use crate::support::program::{Ended, Program};

/// The command line on the database of a server that runs.
async fn command(app: &TestApp, args: &[&str]) -> Ended {
    let world = &app.world;
    Program::start(world.folder.path(), &world.settings, args).ended().await
}

/// The cards of a text, each whole.
fn cards(text: &str) -> Vec<String> {
    let cards = text.split_inclusive("END:VCARD\n").map(str::to_owned);
    cards.filter(|it| !it.trim().is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_the_same_vcard_in_an_export_and_as_a_download() {
    let app = TestApp::new(60).await;
    app.post("/api/sync").await.is(200);
    let listed = app.get("/api/contacts?limit=100").await.is(200);
    let ids: Vec<&str> = listed["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 60);
    for (format, version) in [("vcard", "3.0"), ("vcard4", "4.0")] {
        let mut exported = cards(&command(&app, &["export", "--format", format]).await.out);
        let mut downloaded = Vec::new();
        for id in &ids {
            let card = app.get(&format!("/api/contacts/{id}/vcard?version={version}")).await.text;
            assert!(card.contains(&format!("\r\nUID:urn:uuid:{id}\r\n")), "{card}");
            // The output of a program is read by lines here.
            downloaded.push(card.replace("\r\n", "\n"));
        }
        exported.sort();
        downloaded.sort();
        assert_eq!(exported, downloaded, "{format}");
    }
    // The dashboard links to the same download.
    let page = app.get(&format!("/contacts/{}", ids[0])).await.text;
    assert!(page.contains(&format!("/api/contacts/{}/vcard", ids[0])), "{page}");
}
