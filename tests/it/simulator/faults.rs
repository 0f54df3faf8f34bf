//! What goes wrong on demand.

use super::*;

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
#[expect(clippy::disallowed_methods, reason = "latency is measured in real time")]
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
