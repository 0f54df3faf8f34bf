//! What Google refuses.

use super::*;

#[tokio::test]
async fn a_bad_mask_size_or_flag_is_refused() {
    let google = Google::of(5).await;
    for bad in [
        ("personFields", "-"),
        ("personFields", "names,fileAses"),
        ("personFields", "names,,phoneNumbers"),
        ("pageSize", "1001"),
        ("pageSize", "-1"),
        ("pageSize", "many"),
        ("requestSyncToken", "yes"),
        ("sources", "CONTACT"),
        ("sortOrder", "LAST_MODIFIED_ASCENDING"),
        ("sortOrder", "FIRST_NAME_ASCENDING"),
        ("alt", "xml"),
        ("fields", "connections(names)"),
        ("person_fields", "names"),
        ("includeDeleted", "true"),
        ("syncToken", "made-up"),
        ("pageToken", "made-up"),
    ] {
        assert_eq!(google.full_but(&[bad]).await.error_status(), REFUSED, "{bad:?}");
    }
}

#[tokio::test]
async fn system_parameters_are_taken_and_selected_fields_kept() {
    let google = Google::of(5).await;
    let system = [
        ("alt", "json"),
        ("prettyPrint", "true"),
        ("quotaUser", "me"),
        ("$.xgafv", "2"),
        ("key", "AIza"),
        ("fields", "nextSyncToken,totalItems"),
    ];
    let answer = google.full_but(&system).await;
    assert_eq!(answer.status, 200);
    let members: Vec<_> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["nextSyncToken", "totalItems"]);
}

#[tokio::test]
async fn an_absent_or_zero_page_size_means_a_hundred() {
    let google = Google::of(120).await;
    for size in ["-", "0"] {
        assert_eq!(google.full_but(&[("pageSize", size)]).await.people().len(), 100);
    }
    assert_eq!(google.full_but(&[("pageSize", "1000")]).await.people().len(), 120);
}

#[tokio::test]
async fn parameters_must_not_change_between_pages() {
    let google = Google::of(100).await;
    let token = text(&google.full_but(&[]).await.json, "/nextPageToken");
    let page = ("pageToken", token.as_str());
    assert_eq!(google.full_but(&[page]).await.status, 200);
    for change in [
        ("personFields", "metadata,names"),
        ("pageSize", "41"),
        ("sources", "-"),
        ("requestSyncToken", "-"),
    ] {
        assert_eq!(google.full_but(&[page, change]).await.error_status(), REFUSED, "{change:?}");
    }
    assert_eq!(google.full_but(&[page, ("prettyPrint", "true")]).await.status, 200);
}

#[tokio::test]
async fn a_sync_token_belongs_to_its_parameters_and_its_user() {
    let google = Google::of(10).await;
    let token = google.sync_token().await;
    let sync = ("syncToken", token.as_str());
    for change in [
        ("personFields", "metadata,names"),
        ("pageSize", "41"),
        ("sources", "-"),
        ("requestSyncToken", "-"),
    ] {
        assert_eq!(google.full_but(&[sync, change]).await.error_status(), REFUSED, "{change:?}");
    }
    let harmed = token.replacen(&token[30..34], "AAAA", 1);
    let refused = google.full_but(&[("syncToken", &harmed)]).await;
    assert_eq!(refused.error_status(), REFUSED);
    assert!(refused.json["error"].get("details").is_none());
    assert_eq!(google.full_but(&[sync]).await.status, 200);
    google.simulator.control().switch_user("eve@example.com", 3, true);
    assert_eq!(google.full_but(&[sync]).await.error_status(), REFUSED);
}

#[tokio::test]
async fn without_a_wish_there_is_no_sync_token() {
    let google = Google::of(5).await;
    let answer = google.full_but(&[("requestSyncToken", "-")]).await;
    assert!(answer.json.get("nextSyncToken").is_none());
    let sorted = google
        .full_but(&[("requestSyncToken", "-"), ("sortOrder", "LAST_MODIFIED_DESCENDING")])
        .await;
    let mut backwards = names(&[sorted.json]);
    backwards.reverse();
    assert_eq!(backwards, names(&[answer.json]));
}

#[tokio::test]
async fn the_default_sources_merge_profiles_in() {
    let google = Google::of(0).await;
    let contact =
        Contact { profile: true, ..Contact::named("Ada", "Lovelace", "+44 20 7946 0018") };
    google.simulator.control().add(contact);
    let merged = google.full_but(&[("sources", "-")]).await;
    assert_eq!(text(&merged.people()[0], "/metadata/sources/0/type"), "PROFILE");
    assert_eq!(merged.people()[0]["names"].as_array().unwrap().len(), 2);
    let own = google.full_but(&[]).await;
    assert_eq!(text(&own.people()[0], "/metadata/sources/0/type"), "CONTACT");
    assert_eq!(text(&own.people()[0], "/names/0/displayName"), "Ada Lovelace");
    assert_ne!(merged.people()[0]["etag"], own.people()[0]["etag"]);
}

#[tokio::test]
async fn the_viewers_language_arranges_names_and_labels() {
    let google = Google::of(0).await;
    google.simulator.control().add(Contact::named("太郎", "山田", "+81 3 1234 5678"));
    for (language, name, label) in [
        ("en", "太郎 山田", "Mobile"),
        ("ja", "山田 太郎", "Mobile"),
        ("de-AT", "太郎 山田", "Mobil"),
    ] {
        let request = google.client.get(google.url("/v1/people/me/connections", FULL));
        let request = request.header("accept-language", language).bearer_auth(&google.token);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(text(&answer.people()[0], "/names/0/displayName"), name);
        assert_eq!(text(&answer.people()[0], "/phoneNumbers/0/formattedType"), label);
    }
}
