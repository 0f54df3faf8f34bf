//! What incremental listings say.

use super::*;

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
        .map(|number| ringbook_simulator::PhoneNumber {
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

#[tokio::test]
async fn life_goes_on_by_itself_when_asked_to() {
    let google = Google::of(80).await;
    let control = google.simulator.control();
    let before = control.truth();
    control.change_settings(|settings| settings.changes_per_minute = 60_000.0);
    let changed = async {
        while control.truth() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.unwrap();
}
