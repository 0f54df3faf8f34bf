//! The simulator keeps Google's promises, and its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringbook::simulator::{
    Action, CONTACTS_READONLY, Canned, Consent, Contact, Defect, Endpoint, Fault, Options,
    RetryAfter, Simulator, Spelling, Sync,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MASK: &str = "metadata,names,nicknames,organizations,phoneNumbers,emailAddresses,memberships";
const FULL: &[(&str, &str)] = &[
    ("personFields", MASK),
    ("sources", "READ_SOURCE_TYPE_CONTACT"),
    ("pageSize", "40"),
    ("requestSyncToken", "true"),
    ("prettyPrint", "false"),
];

/// A simulator, and a client who is let in.
struct Google {
    simulator: Simulator,
    client: reqwest::Client,
    token: String,
}

struct Answer {
    status: u16,
    json: Value,
    headers: reqwest::header::HeaderMap,
}

impl Google {
    async fn with(options: Options) -> Google {
        let simulator = Simulator::start(options).await.unwrap();
        let scopes = [CONTACTS_READONLY.to_owned(), "email".to_owned()];
        let token = simulator.control().grant(&scopes).access_token;
        let client = reqwest::Client::builder()
            .user_agent("test (gzip)")
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Google { simulator, client, token }
    }

    async fn of(contacts: usize) -> Google {
        Google::with(Options { contacts, ..Options::default() }).await
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> reqwest::Url {
        let url = format!("{}{path}", self.simulator.base_url());
        reqwest::Url::parse_with_params(&url, query).unwrap()
    }

    async fn send(&self, path: &str, query: &[(&str, &str)]) -> reqwest::Result<reqwest::Response> {
        self.client.get(self.url(path, query)).bearer_auth(&self.token).send().await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        Answer::of(self.send(path, query).await.unwrap()).await
    }

    async fn list(&self, query: &[(&str, &str)]) -> Answer {
        self.get("/v1/people/me/connections", query).await
    }

    /// The full listing's first call, with parameters replaced, added, or taken away by "-".
    async fn full_but(&self, changes: &[(&str, &str)]) -> Answer {
        let kept = FULL.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        let query: Vec<_> =
            kept.chain(changes).copied().filter(|(_, value)| *value != "-").collect();
        self.list(&query).await
    }

    /// All pages, from the first or from a sync token on.
    async fn chain(&self, sync_token: Option<&str>) -> Vec<Value> {
        let mut pages: Vec<Value> = Vec::new();
        loop {
            let mut changes: Vec<(&str, &str)> = Vec::new();
            changes.extend(sync_token.map(|token| ("syncToken", token)));
            let page_token = pages.last().map(|page| page["nextPageToken"].as_str().unwrap());
            changes.extend(page_token.map(|token| ("pageToken", token)));
            let answer = self.full_but(&changes).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
            let last = answer.json.get("nextPageToken").is_none();
            pages.push(answer.json);
            if last {
                return pages;
            }
            assert!(pages.len() < 200, "the listing does not end");
        }
    }

    async fn sync_token(&self) -> String {
        sync_token(&self.chain(None).await)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.client.post(self.url(path, &[])).form(form);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn lever(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = method.parse().unwrap();
        let request = self.client.request(method, self.url(path, &[])).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    fn strike(&self, fault: Fault) {
        self.simulator.control().add_fault(fault);
    }
}

impl Answer {
    async fn of(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let json = serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null);
        Answer { status, json, headers }
    }

    fn error_status(&self) -> (u16, &str) {
        (self.status, self.json["error"]["status"].as_str().unwrap_or("no status"))
    }

    fn people(&self) -> &[Value] {
        people(&self.json)
    }
}

fn people(page: &Value) -> &[Value] {
    page.get("connections").map_or(&[], |people| people.as_array().unwrap())
}

fn sync_token(pages: &[Value]) -> String {
    pages.last().unwrap()["nextSyncToken"].as_str().unwrap().to_owned()
}

fn names(pages: &[Value]) -> Vec<String> {
    pages.iter().flat_map(people).map(|person| text(person, "/resourceName")).collect()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const REFUSED: (u16, &str) = (400, "INVALID_ARGUMENT");

// Listing.

#[tokio::test]
async fn a_full_listing_tells_the_truth_page_by_page() {
    let google = Google::of(250).await;
    let pages = google.chain(None).await;
    assert_eq!(
        pages.iter().map(|page| people(page).len()).collect::<Vec<_>>(),
        [40, 40, 40, 40, 40, 40, 10]
    );
    for (index, page) in pages.iter().enumerate() {
        assert_eq!((&page["totalItems"], &page["totalPeople"]), (&json!(250), &json!(250)));
        assert_eq!(page.get("nextSyncToken").is_some(), index == 6);
        assert_eq!(page["nextPageToken"].as_str().map_or(151, str::len), 151);
    }
    assert_eq!(sync_token(&pages).len(), 112);
    let mut listed = names(&pages);
    listed.sort();
    let truth = google.simulator.control().truth();
    assert_eq!(listed, truth.iter().map(|one| one.resource_name.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_field_listed_is_the_one_stored() {
    let google = Google::of(300).await;
    let truth = google.simulator.control().truth();
    for person in google.chain(None).await.iter().flat_map(people) {
        let name = text(person, "/resourceName");
        let stored = truth.iter().find(|one| one.resource_name == name).unwrap();
        assert_eq!(
            text(person, "/names/0/displayName"),
            stored.display_name.clone().unwrap_or_default()
        );
        assert_eq!(text(person, "/metadata/sources/0/id"), stored.source_id);
        let list = |field: &str, inner: &str| {
            let items = person[field].as_array().cloned().unwrap_or_default();
            let mut found: Vec<String> =
                items.iter().map(|item| text(item, inner)).filter(|one| !one.is_empty()).collect();
            found.sort();
            found
        };
        let mut numbers: Vec<String> =
            stored.phone_numbers.iter().map(|number| number.value.clone()).collect();
        numbers.sort();
        if numbers.len() <= 100 {
            assert_eq!(list("phoneNumbers", "/value"), numbers);
        } else {
            assert_eq!(list("phoneNumbers", "/value").len(), 100);
        }
        let groups = list("memberships", "/contactGroupMembership/contactGroupId");
        assert_eq!(groups, stored.groups);
        for field in ["names", "nicknames", "organizations", "phoneNumbers", "emailAddresses"] {
            let items = person[field].as_array().cloned().unwrap_or_default();
            let primary = items.iter().filter(|item| item["metadata"]["primary"] == true).count();
            assert_eq!(primary, usize::from(!items.is_empty()), "exactly one {field} is primary");
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answers() {
    let (one, other) = (Google::of(120).await, Google::of(120).await);
    assert_eq!(names(&one.chain(None).await), names(&other.chain(None).await));
    let different = Google::with(Options { seed: 2, contacts: 120, ..Options::default() }).await;
    assert_ne!(names(&one.chain(None).await), names(&different.chain(None).await));
}

#[tokio::test]
async fn an_empty_account_lists_no_connections_member_at_all() {
    let google = Google::of(0).await;
    let answer = google.full_but(&[]).await.json;
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["nextSyncToken"]);
}

#[tokio::test]
async fn a_contact_edited_while_paging_comes_up_again_at_the_end_and_none_is_lost() {
    let google = Google::of(100).await;
    let first = google.full_but(&[]).await;
    let early = text(&first.people()[0], "/resourceName");
    google.simulator.control().touch(&early).unwrap();
    let mut listed = names(std::slice::from_ref(&first.json));
    let mut token = text(&first.json, "/nextPageToken");
    while !token.is_empty() {
        let page = google.full_but(&[("pageToken", &token)]).await;
        listed.extend(names(std::slice::from_ref(&page.json)));
        token = text(&page.json, "/nextPageToken");
    }
    assert_eq!((listed.len(), listed.first(), listed.last()), (101, Some(&early), Some(&early)));
    assert_eq!(listed.iter().collect::<HashSet<_>>().len(), 100);
}

#[tokio::test]
async fn what_happens_while_paging_is_in_the_next_incremental_listing() {
    let google = Google::of(100).await;
    let first = google.full_but(&[]).await;
    let early = text(&first.people()[0], "/resourceName");
    google.simulator.control().delete(&early).unwrap();
    let second = google.full_but(&[("pageToken", &text(&first.json, "/nextPageToken"))]).await;
    let last = google.full_but(&[("pageToken", &text(&second.json, "/nextPageToken"))]).await;
    let changes = google.chain(Some(&text(&last.json, "/nextSyncToken"))).await;
    assert_eq!(names(&changes), [early]);
    assert_eq!(people(&changes[0])[0]["metadata"]["deleted"], true);
}

// Strictness.

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

// Changes.

#[tokio::test]
async fn an_incremental_listing_has_what_changed_and_nothing_else() {
    let google = Google::of(100).await;
    let token = google.sync_token().await;
    assert_eq!(names(&google.chain(Some(&token)).await), Vec::<String>::new());
    let control = google.simulator.control();
    let all = control.truth();
    let added = control.add(Contact::named("New", "Comer", "1820"));
    control.edit(&all[1].resource_name, |contact| contact.phone_numbers.clear()).unwrap();
    control.delete(&all[2].resource_name).unwrap();
    control.touch(&all[3].resource_name).unwrap();
    let changes = google.chain(Some(&token)).await;
    let expected: Vec<&String> =
        [&added].into_iter().chain(all[1..4].iter().map(|one| &one.resource_name)).collect();
    assert_eq!(names(&changes).iter().collect::<Vec<_>>(), expected);
    assert_eq!(names(&google.chain(Some(&sync_token(&changes))).await), Vec::<String>::new());
    assert_eq!(names(&google.chain(Some(&token)).await).len(), 4, "the old token still works");
}

#[tokio::test]
async fn a_tombstone_has_a_name_and_nothing_more() {
    let google = Google::of(3).await;
    let token = google.sync_token().await;
    let gone = google.simulator.control().delete_many(1).remove(0);
    let tombstone = google.chain(Some(&token)).await[0]["connections"][0].clone();
    let members: Vec<_> = tombstone.as_object().unwrap().keys().collect();
    assert_eq!(members, ["etag", "metadata", "resourceName"]);
    assert_eq!(tombstone["metadata"], json!({ "deleted": true, "objectType": "PERSON" }));
    assert_eq!(tombstone["resourceName"], gone);
    assert!(!names(&google.chain(None).await).contains(&gone));
    google.simulator.control().restore(&gone).unwrap();
    assert!(names(&google.chain(None).await).contains(&gone));
}

#[tokio::test]
async fn without_metadata_in_the_mask_a_tombstone_is_an_empty_person() {
    let google = Google::of(3).await;
    let mask = ("personFields", "names,phoneNumbers");
    let token = text(&google.full_but(&[mask]).await.json, "/nextSyncToken");
    google.simulator.control().delete_many(1);
    let answer = google.full_but(&[mask, ("syncToken", &token)]).await;
    let members: Vec<_> = answer.people()[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["etag", "resourceName"]);
}

#[tokio::test]
async fn a_rename_names_the_former_name_only_to_those_with_a_sync_token() {
    let google = Google::of(3).await;
    let token = google.sync_token().await;
    let control = google.simulator.control();
    let old = control.truth().remove(0).resource_name;
    let new = control.rename(&old).unwrap();
    let changes = google.chain(Some(&token)).await;
    assert_eq!(names(&changes), std::slice::from_ref(&new));
    assert_eq!(people(&changes[0])[0]["metadata"]["previousResourceNames"], json!([old]));
    let all = google.chain(None).await;
    assert!(names(&all).contains(&new) && !names(&all).contains(&old));
    assert!(!all[0].to_string().contains("previousResourceNames"));
    let batch =
        [("personFields", "names"), ("resourceNames", &old), ("resourceNames", "people/c7")];
    let answer = google.get("/v1/people:batchGet", &batch).await.json;
    assert_eq!(answer["responses"][0]["requestedResourceName"], old);
    assert_eq!(answer["responses"][0]["person"]["resourceName"], new);
    assert_eq!(answer["responses"][1]["status"]["code"], 5);
}

#[tokio::test]
async fn a_merge_is_an_update_and_a_deletion() {
    let google = Google::of(0).await;
    let control = google.simulator.control();
    let keep = control.add(Contact::named("Ada", "Lovelace", "1820"));
    let drop = control.add(Contact::named("A.", "Lovelace", "1821"));
    let token = google.sync_token().await;
    control.merge(&keep, &drop).unwrap();
    let changes = google.chain(Some(&token)).await;
    assert_eq!(names(&changes), [drop, keep.clone()]);
    assert_eq!(people(&changes[0])[0]["metadata"]["deleted"], true);
    assert_eq!(people(&changes[0])[1]["phoneNumbers"].as_array().unwrap().len(), 2);
    assert!(control.merge(&keep, &keep).is_err());
}

#[tokio::test]
async fn random_changes_repeat_with_the_seed() {
    let (one, other) = (Google::of(80).await, Google::of(80).await);
    one.simulator.control().change_at_random(200);
    other.simulator.control().change_at_random(200);
    assert_eq!(one.simulator.control().truth(), other.simulator.control().truth());
    assert_ne!(one.simulator.control().truth(), Google::of(80).await.simulator.control().truth());
}

#[tokio::test]
async fn numbers_beyond_a_hundred_are_only_shown_one_by_one() {
    let google = Google::of(0).await;
    let mut contact = Contact::named("Many", "Numbers", "1");
    contact.phone_numbers = (0..130)
        .map(|number| ringbook::simulator::PhoneNumber {
            value: number.to_string(),
            canonical: None,
            label: None,
        })
        .collect();
    let name = google.simulator.control().add(contact);
    let listed = google.full_but(&[]).await;
    assert_eq!(listed.people()[0]["phoneNumbers"].as_array().unwrap().len(), 100);
    let alone = google.get(&format!("/v1/{name}"), &[("personFields", "phoneNumbers")]).await;
    assert_eq!(alone.json["phoneNumbers"].as_array().unwrap().len(), 130);
}

// Expiry and quotas.

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

// Groups and the user.

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

// OAuth.

const CALLBACK: &str = "http://localhost:8000/auth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Google {
    fn client(&self) -> [(&'static str, String); 2] {
        let find = |wanted: &str| {
            let environment = self.simulator.environment();
            environment.into_iter().find(|(name, _)| *name == wanted).unwrap().1
        };
        [("client_id", find("GOOGLE_CLIENT_ID")), ("client_secret", find("GOOGLE_CLIENT_SECRET"))]
    }

    /// Goes to the consent page, and returns what comes back with the browser.
    async fn consent(&self, extra: &[(&str, &str)]) -> Vec<(String, String)> {
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

    async fn code(&self, extra: &[(&str, &str)]) -> String {
        found(&self.consent(extra).await, "code")
    }

    async fn token(&self, changes: &[(&str, &str)]) -> Answer {
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

    async fn refresh(&self, token: &str) -> Answer {
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

// On the wire.

/// Status line and headers, and the bytes after them, of one request on a new connection.
async fn raw(google: &Google, query: &[(&str, &str)], headers: &str) -> (String, Vec<u8>) {
    let url = google.url("/v1/people/me/connections", query);
    let mut stream = TcpStream::connect(google.simulator.addr()).await.unwrap();
    let request = format!(
        "GET {}?{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{headers}\r\n",
        url.path(),
        url.query().unwrap_or_default(),
        google.token,
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset is reported by tests that expect one; here it only ends the bytes.
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    (head, bytes[(end + 4).min(bytes.len())..].to_vec())
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}

fn gunzipped(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).map(|_| text)
}

const TAKES_GZIP: &str = "Accept-Encoding: gzip\r\nUser-Agent: raw (gzip)\r\n";

#[tokio::test]
async fn answers_come_in_chunks_without_a_length_and_indented_unless_told_otherwise() {
    let google = Google::of(3).await;
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"));
    assert!(unchunked(&body).starts_with(b"{\"connections\":[{\"resourceName\""));
    assert!(body.ends_with(b"0\r\n\r\n"));
    let (_, body) = raw(&google, &FULL[..4], "").await;
    assert!(unchunked(&body).starts_with(b"{\n  \"connections\": [\n    {\n"));
}

#[tokio::test]
async fn only_who_asks_twice_gets_gzip_and_errors_come_in_it_too() {
    let google = Google::of(3).await;
    for half in ["Accept-Encoding: gzip\r\n", "User-Agent: raw (gzip)\r\n"] {
        assert!(!raw(&google, FULL, half).await.0.contains("content-encoding"));
    }
    let (head, body) = raw(&google, FULL, TAKES_GZIP).await;
    assert!(head.contains("content-encoding: gzip"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("nextSyncToken"));
    google.simulator.control().change_settings(|settings| settings.gzip = false);
    assert!(!raw(&google, FULL, TAKES_GZIP).await.0.contains("content-encoding"));
    let (head, body) = raw(&google, &[("pageSize", "5")], TAKES_GZIP).await;
    assert!(head.starts_with("http/1.1 400") && head.contains("content-encoding: gzip"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("personFields mask is required"));
}

// Faults.

#[tokio::test]
async fn every_canned_answer_says_what_it_is_called() {
    let google = Google::of(3).await;
    for (answer, status, word) in [
        (Canned::RateLimit, 429, "RATE_LIMIT_EXCEEDED"),
        (Canned::FbsQuota, 429, "FBS quota limit exceeded"),
        (Canned::ServiceDisabled, 403, "SERVICE_DISABLED"),
        (Canned::ScopeInsufficient, 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        (Canned::ScopeInsufficientBare, 403, "insufficient authentication scopes"),
        (Canned::UserRateLimitExceeded, 403, "userRateLimitExceeded"),
        (Canned::Forbidden, 403, "PERMISSION_DENIED"),
        (Canned::Unauthenticated, 401, "UNAUTHENTICATED"),
        (Canned::NotFound, 404, "NOT_FOUND"),
        (Canned::Gone, 410, "410"),
        (Canned::InvalidArgument, 400, "INVALID_ARGUMENT"),
        (Canned::ExpiredSyncToken, 400, "FAILED_PRECONDITION"),
        (Canned::ExpiredSyncTokenInvalidArgument, 400, "EXPIRED_SYNC_TOKEN"),
        (Canned::InternalError, 500, "INTERNAL"),
        (Canned::BadGateway, 502, "<!DOCTYPE html>"),
        (Canned::Unavailable, 503, "UNAVAILABLE"),
        (Canned::UnavailableHtml, 503, "<!DOCTYPE html>"),
        (Canned::DeadlineExceeded, 504, "DEADLINE_EXCEEDED"),
        (Canned::HtmlPage, 200, "<form>"),
        (Canned::EmptyBody, 200, ""),
        (Canned::JsonArray, 200, "[]"),
        (Canned::JsonNull, 200, "null"),
        (Canned::JsonEmptyObject, 200, "{}"),
    ] {
        google.strike(Fault::answer(answer).on(Endpoint::List));
        let response = google.send("/v1/people/me/connections", FULL).await.unwrap();
        assert_eq!(response.status(), status, "{answer:?}");
        let body = response.text().await.unwrap();
        assert!(body.contains(word), "{answer:?}: {body}");
    }
    assert_eq!(google.full_but(&[]).await.people().len(), 3, "each of them struck once");
}

#[tokio::test]
async fn faults_of_the_token_endpoint_come_from_there() {
    let google = Google::of(0).await;
    let token = google.simulator.control().grant(&[]).refresh_token;
    for (answer, status, error) in [
        (Canned::InvalidGrant, 400, "invalid_grant"),
        (Canned::InvalidGrantBadRequest, 400, "invalid_grant"),
        (Canned::InvalidRapt, 400, "invalid_grant"),
        (Canned::InvalidClient, 401, "invalid_client"),
        (Canned::AdminPolicyEnforced, 400, "admin_policy_enforced"),
        (Canned::TemporarilyUnavailable, 503, "temporarily_unavailable"),
        (Canned::InternalFailure, 500, "internal_failure"),
        (Canned::UnavailableHtml, 503, ""),
        (Canned::EmptyBody, 200, ""),
    ] {
        google.strike(Fault::answer(answer).on(Endpoint::Token));
        let answer = google.refresh(&token).await;
        assert_eq!((answer.status, text(&answer.json, "/error").as_str()), (status, error));
    }
    assert_eq!(google.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn a_fault_strikes_where_when_and_as_often_as_it_is_told() {
    let google = Google::of(100).await;
    let unavailable = || Fault::answer(Canned::Unavailable).on(Endpoint::List);
    google.strike(unavailable().page(2).sync(Sync::Full).after(1).times(2));
    let token = text(&google.full_but(&[]).await.json, "/nextPageToken");
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(google.full_but(&[("pageToken", &token)]).await.status);
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    let sync = google.sync_token().await;
    google.strike(unavailable().sync(Sync::Incremental).forever());
    assert_eq!(google.full_but(&[]).await.status, 200);
    for _ in 0..3 {
        assert_eq!(google.full_but(&[("syncToken", &sync)]).await.status, 503);
    }
    google.simulator.control().clear_faults();
    google.strike(unavailable().user("eve@example.com").forever());
    assert_eq!(google.full_but(&[("syncToken", &sync)]).await.status, 200);
}

#[tokio::test]
async fn two_faults_for_one_request_strike_one_after_the_other() {
    let google = Google::of(3).await;
    google.strike(Fault::answer(Canned::RateLimit));
    google.strike(Fault::answer(Canned::Unavailable));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(google.full_but(&[]).await.status);
    }
    assert_eq!(seen, [429, 503, 200]);
}

#[tokio::test]
async fn retry_after_comes_in_seconds_or_as_a_date() {
    let google = Google::of(3).await;
    for retry_after in [RetryAfter::Seconds(7), RetryAfter::Date { date_in_seconds: 60 }] {
        let answer = Canned::RateLimit;
        google.strike(Fault::new(Action::Answer { answer, retry_after: Some(retry_after) }));
    }
    let header = |answer: Answer| answer.headers["retry-after"].to_str().unwrap().to_owned();
    assert_eq!(header(google.full_but(&[]).await), "7");
    let date = header(google.full_but(&[]).await);
    assert!(jiff::fmt::rfc2822::parse(&date).is_ok() && date.ends_with(" GMT"), "{date}");
}

#[tokio::test]
async fn a_truncated_body_has_no_last_chunk_and_a_truncated_gzip_no_trailer() {
    let google = Google::of(30).await;
    google.strike(Fault::new(Action::TruncatedBody));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.starts_with("http/1.1 200") && body.len() > 1000);
    assert!(!body.ends_with(b"0\r\n\r\n"));
    google.strike(Fault::new(Action::TruncatedBody));
    let answer = google.send("/v1/people/me/connections", FULL).await.unwrap();
    assert!(answer.text().await.is_err());

    google.strike(Fault::new(Action::TruncatedGzip));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-encoding: gzip") && body.ends_with(b"0\r\n\r\n"));
    assert!(gunzipped(&unchunked(&body)).is_err());
}

#[tokio::test]
async fn gzip_can_come_without_saying_so_and_json_as_something_else() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::GzipWithoutHeader { answer: Some(Canned::Forbidden) }));
    let (head, body) = raw(&google, FULL, TAKES_GZIP).await;
    assert!(head.starts_with("http/1.1 403") && !head.contains("content-encoding"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("PERMISSION_DENIED"));
    google.strike(Fault::new(Action::WrongContentType));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-type: text/plain") && body.len() > 100);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::Reset));
    let mut stream = TcpStream::connect(google.simulator.addr()).await.unwrap();
    let request = "GET /v1/people/me HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(google.full_but(&[]).await.status, 200);
}

#[tokio::test]
async fn what_hangs_hangs_until_the_client_goes_or_the_simulator_stops() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::Hang).forever());
    let control = google.simulator.control();
    let request = google.send("/v1/people/me/connections", FULL);
    let patience = tokio::time::timeout(Duration::from_millis(100), request).await;
    assert!(patience.is_err());
    while control.counted(Endpoint::List).in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(control.log()[0].status, None);
    let url = google.url("/v1/people/me/connections", FULL);
    let client = google.client.clone();
    let hanging = tokio::spawn(async move { client.get(url).send().await });
    while control.counted(Endpoint::List).in_flight == 0 {
        tokio::task::yield_now().await;
    }
    google.simulator.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn a_body_can_drip_and_a_body_can_have_no_end() {
    let google = Google::of(1).await;
    google.strike(Fault::new(Action::Drip { bytes: 200, pause_ms: 1 }));
    assert_eq!(google.full_but(&[]).await.people().len(), 1);
    google.strike(Fault::new(Action::Endless));
    let mut answer = google.send("/v1/people/me/connections", FULL).await.unwrap();
    let mut bytes = 0;
    while bytes < 40 << 20 {
        bytes += answer.chunk().await.unwrap().expect("it has no end").len();
    }
}

#[tokio::test]
async fn latency_and_delays_come_before_the_answer() {
    let latency = Duration::from_millis(30);
    let google = Google::with(Options { contacts: 1, latency, ..Options::default() }).await;
    let begun = std::time::Instant::now();
    google.full_but(&[]).await;
    assert!(begun.elapsed() >= latency);
    google.strike(Fault::new(Action::Delay { ms: 50 }));
    let begun = std::time::Instant::now();
    assert_eq!(google.full_but(&[]).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_listing_can_lie_about_its_pages() {
    let google = Google::of(100).await;
    let first = google.full_but(&[]).await;
    let token = text(&first.json, "/nextPageToken");
    let second = ("pageToken", token.as_str());

    google.strike(Fault::new(Action::RepeatPageToken).page(2).times(2));
    for _ in 0..2 {
        let page = google.full_but(&[second]).await;
        assert_eq!(text(&page.json, "/nextPageToken"), token);
        assert_eq!(page.people().len(), 40);
    }
    google.strike(Fault::new(Action::DropPageToken).page(2));
    let page = google.full_but(&[second]).await.json;
    assert!(page.get("nextPageToken").is_none() && page.get("nextSyncToken").is_none());

    google.strike(Fault::new(Action::EndEarly).page(2));
    let page = google.full_but(&[second]).await.json;
    assert!(page.get("nextPageToken").is_none());
    let early = text(&page, "/nextSyncToken");
    assert_eq!(google.full_but(&[("syncToken", &early)]).await.status, 200);

    google.strike(Fault::new(Action::NoSyncToken).page(3));
    let pages = google.chain(None).await;
    assert_eq!(pages.len(), 3);
    assert!(pages[2].get("nextSyncToken").is_none());
}

#[tokio::test]
async fn a_listing_can_lie_about_its_contacts() {
    let google = Google::of(100).await;
    let truth = names(&google.chain(None).await);
    let listed = |fault: Action, pages: u32| {
        google.strike(Fault::new(fault).times(pages));
        google.chain(None)
    };
    let pages = listed(Action::TotalItems { extra: 17 }, 3).await;
    assert_eq!((names(&pages).len(), &pages[2]["totalItems"]), (100, &json!(117)));

    let pages = listed(Action::EmptyListing, 1).await;
    assert_eq!(pages[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["nextSyncToken"]);

    let half = listed(Action::HalfListing { true_total: false }, 3).await;
    assert!((30..70).contains(&names(&half).len()));
    assert_eq!(half[0]["totalItems"], names(&half).len());
    let half = listed(Action::HalfListing { true_total: true }, 3).await;
    assert_eq!(half[0]["totalItems"], 100);

    let doubled = names(&listed(Action::Duplicates { count: 3 }, 3).await);
    assert_eq!((doubled.len(), doubled.iter().collect::<HashSet<_>>().len()), (109, 100));

    let mixed = names(&listed(Action::Reordered, 3).await);
    assert!(mixed != truth && mixed.iter().all(|name| truth.contains(name)));

    let token = google.sync_token().await;
    google.strike(Fault::new(Action::TouchAll));
    let touched = google.chain(Some(&token)).await;
    assert_eq!(names(&touched).len(), 100);
    assert_eq!(
        google.simulator.control().truth(),
        Google::of(100).await.simulator.control().truth()
    );
}

#[tokio::test]
async fn a_contact_can_be_unparsable_in_six_ways() {
    let google = Google::of(5).await;
    for (defect, wrong) in [
        (Defect::NamesIsAString, json!({ "names": "Ada Lovelace" })),
        (
            Defect::PhoneValueIsANumber,
            json!({ "phoneNumbers": [{ "value": 4_930_123_456_u64, "type": ["home"] }] }),
        ),
        (Defect::ResourceNameMissing, json!({ "resourceName": null })),
        (Defect::ResourceNameIsANumber, json!({ "resourceName": 17 })),
        (Defect::MetadataIsAnArray, json!({ "metadata": [1, "two"] })),
        (Defect::PersonIsNull, Value::Null),
    ] {
        google.strike(Fault::new(Action::BadPerson { defect, index: 2, count: 1 }));
        let answer = google.full_but(&[]).await;
        assert_eq!(answer.people().len(), 5);
        let bad = &answer.people()[2];
        match wrong.as_object() {
            Some(members) => members.iter().for_each(|(name, value)| assert_eq!(&bad[name], value)),
            None => assert!(bad.is_null()),
        }
        assert!(!text(&answer.people()[3], "/resourceName").is_empty());
    }
}

// The levers.

#[tokio::test]
async fn everything_can_be_done_over_http() {
    let google = Google::of(3).await;
    let ada = json!({ "name": { "given": "Ada" }, "phoneNumbers": [{ "value": "1820", "type": "Night desk" }] });
    let added = google.lever("POST", "/simulator/contacts", ada.clone()).await;
    let name = text(&added.json, "/resourceName");
    let path = format!("/simulator/contacts/{}", name.trim_start_matches("people/"));
    assert_eq!(google.lever("GET", &path, Value::Null).await.json, ada);
    let patch = json!({ "phoneNumbers": null, "nicknames": ["Countess"] });
    google.lever("PATCH", &path, patch).await;
    let contact = google.lever("GET", &path, Value::Null).await.json;
    assert_eq!(contact, json!({ "name": { "given": "Ada" }, "nicknames": ["Countess"] }));
    let renamed = google.lever("POST", &format!("{path}/rename"), json!({})).await.json;
    let path = format!("/simulator/contacts/{}", text(&renamed, "/resourceName"));
    assert_eq!(google.lever("DELETE", &path, json!({})).await.status, 200);
    assert_eq!(google.lever("DELETE", &path, json!({})).await.status, 404);
    assert_eq!(google.lever("POST", &format!("{path}/restore"), json!({})).await.status, 200);
    assert_eq!(google.lever("POST", &format!("{path}/restore"), json!({})).await.status, 409);

    google.lever("POST", "/simulator/contacts/generate", json!({ "count": 20 })).await;
    google.lever("POST", "/simulator/contacts/delete-many", json!({ "count": 4 })).await;
    let truth = google.lever("GET", "/simulator/truth", Value::Null).await.json;
    assert_eq!(truth["count"], 20);
    assert_eq!(
        truth["contacts"],
        serde_json::to_value(google.simulator.control().truth()).unwrap()
    );

    let fault = json!({
        "match": { "endpoint": "list", "page": 1, "sync": "full" },
        "times": "forever",
        "action": { "kind": "answer", "answer": "rate_limit", "retry_after": 5 },
    });
    let id = google.lever("POST", "/simulator/faults", fault.clone()).await.json["ids"][0].clone();
    let limited = google.full_but(&[]).await;
    assert_eq!((limited.status, &limited.headers["retry-after"]), (429, &"5".parse().unwrap()));
    let plan = google.lever("GET", "/simulator/faults", Value::Null).await.json;
    assert_eq!(
        (&plan["faults"][0]["struck"], &plan["faults"][0]["action"]),
        (&json!(1), &fault["action"])
    );
    google.lever("DELETE", &format!("/simulator/faults/{id}"), Value::Null).await;
    assert_eq!(google.full_but(&[]).await.status, 200);
    let wrong = json!({ "action": { "kind": "explode" } });
    assert_eq!(google.lever("POST", "/simulator/faults", wrong).await.status, 400);

    google.lever("PATCH", "/simulator/settings", json!({ "critical_reads_per_minute": 1 })).await;
    google.lever("POST", "/simulator/clock", json!({ "advance_seconds": 60 })).await;
    google.full_but(&[]).await;
    assert_eq!(google.full_but(&[]).await.status, 429);
    assert_eq!(google.lever("GET", "/simulator/elsewhere", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_log_remembers_requests_but_no_secrets() {
    let google = Google::of(3).await;
    let token = google.simulator.control().grant(&[]).refresh_token;
    google.full_but(&[]).await;
    google.full_but(&[("pageToken", "wrong")]).await;
    google.refresh(&token).await;
    let log = google.lever("GET", "/simulator/log", Value::Null).await.json;
    let requests = log["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (&requests[0]["endpoint"], &requests[0]["sync"], &requests[0]["status"]),
        (&json!("list"), &json!("full"), &json!(200))
    );
    assert_eq!(requests[1]["why"], "the page token is not one of ours");
    assert_eq!(requests[0]["user"], "ada.lovelace@example.com");
    let text = log.to_string();
    assert!(!text.contains(&token) && !text.contains("GOCSPX") && !text.contains(&google.token));
    assert_eq!(
        log["counters"]["list"],
        json!({
            "requests": 2, "succeeded": 1, "refused": 1, "in_flight": 0, "in_flight_max": 1
        })
    );
    google.simulator.control().clear_log();
    assert!(google.simulator.control().log().is_empty());
}

// Google's own client.

const PYTHON: &str = r#"
import json, sys
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
import urllib.request

base, token, refresh, client_id, client_secret = sys.argv[1:]

def lever(path, body):
    request = urllib.request.Request(base + path, data=json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))

credentials = Credentials(
    token, refresh_token=refresh, token_uri=base + "/token",
    client_id=client_id, client_secret=client_secret,
)
service = build(
    "people", "v1", credentials=credentials, static_discovery=True,
    client_options={"api_endpoint": base},
)
connections = service.people().connections()

def everything(sync_token=None):
    request = connections.list(
        resourceName="people/me", personFields="metadata,names,phoneNumbers", pageSize=40,
        sources="READ_SOURCE_TYPE_CONTACT", requestSyncToken=True, syncToken=sync_token,
    )
    people = []
    while request is not None:
        answer = request.execute()
        people += answer.get("connections", [])
        request = connections.list_next(request, answer)
    return people, answer["nextSyncToken"]

people, sync_token = everything()
# From here on the client has to refresh its access token by itself.
lever("/simulator/expire-access-tokens", {})
gone = lever("/simulator/contacts/delete-many", {"count": 2})["resourceNames"]
added = lever("/simulator/contacts", {"name": {"given": "Ada"}})["resourceName"]
changes, sync_token = everything(sync_token)
lever("/simulator/expire-sync-tokens", {})
try:
    everything(sync_token)
    expired = None
except HttpError as error:
    expired = [error.status_code, error.error_details[0]["reason"]]
batch = service.people().getBatchGet(
    resourceNames=[added] + gone, personFields="names").execute()["responses"]
groups = service.contactGroups().list(pageSize=1000).execute()
me = service.people().get(resourceName="people/me", personFields="names").execute()
print(json.dumps({
    "all": sorted(person["resourceName"] for person in people),
    "deleted": sorted(p["resourceName"] for p in changes if p["metadata"].get("deleted")),
    "gone": sorted(gone),
    "changed": [p["resourceName"] for p in changes if not p["metadata"].get("deleted")],
    "added": added,
    "expired": expired,
    "batch": [one.get("status", {}).get("code", 0) for one in batch],
    "groups": len(groups["contactGroups"]),
    "me": me["resourceName"],
}))
"#;

/// An interpreter with Google's client installed, kept between test runs.
fn python_with_googles_client() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python-google");
    let (python, ready) = (home.join("bin/python"), home.join("ready-2.202.0"));
    if ready.exists() {
        return python;
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| {
            panic!("this test needs python3 with venv and pip, but {command:?} failed: {error}")
        });
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "this test needs python3 with venv and pip, and a way to PyPI; {command:?} said: {errors}"
        );
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    run(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "google-api-python-client==2.202.0",
        "google-auth==2.62.2",
    ]));
    std::fs::write(ready, "").unwrap();
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_own_python_client_lists_everything_and_then_the_changes() {
    let google = Google::of(130).await;
    let truth = google.simulator.control().truth();
    let tokens = google.simulator.control().grant(&[CONTACTS_READONLY.to_owned()]);
    let [(_, id), (_, secret)] = google.client();
    let arguments =
        [google.simulator.base_url(), tokens.access_token, tokens.refresh_token, id, secret];
    let output = tokio::task::spawn_blocking(move || {
        let python = python_with_googles_client();
        Command::new(python).args(["-c", PYTHON]).args(arguments).output().unwrap()
    })
    .await
    .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all: Vec<&str> = truth.iter().map(|one| one.resource_name.as_str()).collect();
    assert_eq!(said["all"], json!(all));
    assert_eq!(said["deleted"], said["gone"]);
    assert_eq!(said["changed"], json!([said["added"]]));
    assert_eq!(said["expired"], json!([400, "EXPIRED_SYNC_TOKEN"]));
    assert_eq!(said["batch"], json!([0, 5, 5]));
    assert_eq!(said["groups"], 13);
}
