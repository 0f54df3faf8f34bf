//! What runs out, and other lists.

use super::*;

#[tokio::test]
async fn a_sync_token_dies_seven_days_after_the_full_sync_however_often_it_was_renewed() {
    let google = Google::of(3).await;
    let control = google.simulator.control();
    let day = Duration::from_secs(24 * 3600);
    let first = google.sync_token().await;
    control.advance_clock(day * 6);
    let scopes = [CONTACTS_READONLY.to_owned()];
    let google = Google { token: control.grant(&scopes).access_token, ..google };
    let renewed = sync_token(&google.chain(Some(&first)).await);
    control.advance_clock(day);
    let google = Google { token: control.grant(&scopes).access_token, ..google };
    for (spelling, status) in [
        (Spelling::FailedPrecondition, "FAILED_PRECONDITION"),
        (Spelling::InvalidArgument, "INVALID_ARGUMENT"),
    ] {
        control.change_settings(|settings| settings.expired_spelling = spelling);
        let answer = google.full_but(&[("syncToken", &renewed)]).await;
        assert_eq!(answer.error_status(), (400, status));
        assert_eq!(answer.json["error"]["details"][0]["reason"], "EXPIRED_SYNC_TOKEN");
    }
}

#[tokio::test]
async fn a_sync_token_can_expire_between_two_pages() {
    let google = Google::of(100).await;
    let token = google.sync_token().await;
    google.simulator.control().touch_all();
    let sync = ("syncToken", token.as_str());
    let first = google.full_but(&[sync]).await;
    let page_token = text(&first.json, "/nextPageToken");
    google.simulator.control().expire_sync_tokens();
    let second = google.full_but(&[sync, ("pageToken", &page_token)]).await;
    assert_eq!(second.json["error"]["details"][0]["reason"], "EXPIRED_SYNC_TOKEN");
}

#[tokio::test]
async fn page_tokens_expire_on_demand() {
    let google = Google::of(100).await;
    let token = text(&google.full_but(&[]).await.json, "/nextPageToken");
    google.simulator.control().expire_page_tokens();
    assert_eq!(google.full_but(&[("pageToken", &token)]).await.error_status(), REFUSED);
}

#[tokio::test]
async fn quotas_refill_by_the_minute_and_speak_in_two_voices() {
    let google = Google::of(100).await;
    let control = google.simulator.control();
    control.change_settings(|settings| settings.critical_reads_per_minute = 2);
    assert_eq!(google.full_but(&[]).await.status, 200);
    assert_eq!(google.full_but(&[]).await.status, 200);
    let limited = google.full_but(&[]).await;
    assert_eq!(limited.error_status(), (429, "RESOURCE_EXHAUSTED"));
    assert_eq!(limited.json["error"]["details"][0]["reason"], "RATE_LIMIT_EXCEEDED");
    control.advance_clock(Duration::from_secs(60));
    assert_eq!(google.full_but(&[]).await.status, 200);

    control.change_settings(|settings| {
        settings.critical_reads_per_minute = 0;
        settings.full_syncs_per_minute = 1;
    });
    let first = google.full_but(&[]).await;
    let token = text(&first.json, "/nextPageToken");
    let limited = google.full_but(&[]).await;
    let violation = &limited.json["error"]["details"][0]["violations"][0];
    assert_eq!(violation["description"], "FBS quota limit exceeded");
    assert_eq!(google.full_but(&[("pageToken", &token)]).await.status, 200, "later pages pass");
}

#[tokio::test]
async fn groups_have_their_own_pages_and_sync_token() {
    let google = Google::of(50).await;
    let control = google.simulator.control();
    let first = google.get("/v1/contactGroups", &[("pageSize", "5")]).await.json;
    let token = text(&first, "/nextPageToken");
    assert_eq!(first["contactGroups"].as_array().unwrap().len(), 5);
    let second = google.get("/v1/contactGroups", &[("pageSize", "5"), ("pageToken", &token)]).await;
    assert_ne!(first["contactGroups"][0], second.json["contactGroups"][0]);
    assert_eq!(
        google.get("/v1/contactGroups", &[("pageToken", &token)]).await.error_status(),
        REFUSED
    );
    let all = google.get("/v1/contactGroups", &[("pageSize", "1000")]).await.json;
    let sync = text(&all, "/nextSyncToken");
    assert_eq!(sync.len(), 12);
    let group = |json: &Value, name: &str| {
        json["contactGroups"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
    };
    let mine = group(&all, "myContacts").unwrap();
    assert_eq!(mine["groupType"], "SYSTEM_CONTACT_GROUP");
    let id = control.add_group("Neighbours");
    let changed = google.get("/v1/contactGroups", &[("syncToken", &sync)]).await.json;
    assert_eq!(changed["contactGroups"].as_array().unwrap().len(), 1);
    assert!(group(&changed, "Neighbours").is_some());
    control.delete_group(&id).unwrap();
    let gone = google.get("/v1/contactGroups", &[("syncToken", &sync)]).await.json;
    assert_eq!(gone["contactGroups"][0]["metadata"]["deleted"], true);
    assert!(group(&all, "Old address book").is_none(), "the list leaves old groups out");
    let batch = [("resourceNames", "contactGroups/6b2a"), ("resourceNames", "contactGroups/no")];
    let batch = google.get("/v1/contactGroups:batchGet", &batch).await.json;
    assert_eq!(batch["responses"][0]["contactGroup"]["name"], "Old address book");
    assert_eq!(batch["responses"][1]["status"]["code"], 5);
    control.expire_sync_tokens();
    let expired = google.get("/v1/contactGroups", &[("syncToken", &sync)]).await;
    assert_eq!(expired.json["error"]["details"][0]["reason"], "EXPIRED_SYNC_TOKEN");
}

#[tokio::test]
async fn a_switched_user_is_somebody_else_with_another_book() {
    let google = Google::of(5).await;
    let me = [("personFields", "names,emailAddresses")];
    let before = google.get("/v1/people/me", &me).await.json;
    let book = names(&google.chain(None).await);
    google.simulator.control().switch_user("eve@example.com", 7, true);
    let after = google.get("/v1/people/me", &me).await.json;
    assert_ne!(before["resourceName"], after["resourceName"]);
    assert_eq!(after["emailAddresses"][0]["value"], "eve@example.com");
    let other = names(&google.chain(None).await);
    assert_eq!((book.len(), other.len()), (5, 7));
    assert!(book.iter().all(|name| !other.contains(name)));
}
