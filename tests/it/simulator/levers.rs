//! What can be done to the simulator.

use super::*;

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
