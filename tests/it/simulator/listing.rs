//! What a full listing says.

use super::*;

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
