//! A Workspace domain: its lists, and the service account that speaks for its people.

use ringbook_simulator::DIRECTORY_READONLY;

use super::*;
use crate::support::python;

const DIRECTORY: &str = "/v1/people:listDirectoryPeople";
const LIST: &[(&str, &str)] = &[
    ("readMask", "metadata,names,phoneNumbers"),
    ("sources", "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"),
    ("pageSize", "40"),
    ("requestSyncToken", "true"),
];

async fn domain() -> Google {
    let mut google = Google::of(5).await;
    let scopes = [DIRECTORY_READONLY.to_owned()];
    google.token = google.simulator.control().grant(&scopes).access_token;
    google.simulator.control().directory().generate(90);
    google.simulator.control().shared().generate(3);
    google
}

async fn list_but(google: &Google, changes: &[(&str, &str)]) -> Answer {
    let kept = LIST.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    let query: Vec<_> = kept.chain(changes).copied().filter(|(_, value)| *value != "-").collect();
    google.get(DIRECTORY, &query).await
}

#[tokio::test]
async fn a_domain_is_listed_page_by_page_without_a_total() {
    let google = domain().await;
    let mut found = Vec::new();
    let mut token = None::<String>;
    loop {
        let page: Vec<(&str, &str)> = token.iter().map(|it| ("pageToken", it.as_str())).collect();
        let answer = list_but(&google, &page).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        for total in ["totalItems", "totalPeople", "connections"] {
            assert!(answer.json.get(total).is_none(), "{total}");
        }
        for person in answer.json["people"].as_array().unwrap() {
            assert_eq!(person["metadata"]["sources"][0]["type"], "DOMAIN_PROFILE");
            found.push(text(person, "/resourceName"));
        }
        let next = answer.json["nextPageToken"].as_str().map(str::to_owned);
        assert_eq!(answer.json["nextSyncToken"].is_string(), next.is_none());
        token = next;
        if token.is_none() {
            break;
        }
    }
    found.sort();
    let truth = google.simulator.control().directory().truth();
    assert_eq!(found, truth.iter().map(|it| it.resource_name.clone()).collect::<Vec<_>>());
    let shared = list_but(&google, &[("sources", "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT")]).await;
    assert_eq!(shared.json["people"].as_array().unwrap().len(), 3);
    assert_eq!(shared.json["people"][0]["metadata"]["sources"][0]["type"], "DOMAIN_CONTACT");
}

#[tokio::test]
async fn what_a_list_of_a_domain_needs_is_insisted_on() {
    let google = domain().await;
    for bad in [
        ("readMask", "-"),
        ("readMask", "names,fileAses"),
        ("sources", "-"),
        ("sources", "READ_SOURCE_TYPE_CONTACT"),
        ("mergeSources", "DIRECTORY_MERGE_SOURCE_TYPE_PROFILE"),
        ("pageSize", "1001"),
        ("personFields", "names"),
        ("sortOrder", "LAST_MODIFIED_ASCENDING"),
        ("pageToken", "made-up"),
        ("syncToken", "made-up"),
    ] {
        assert_eq!(list_but(&google, &[bad]).await.error_status(), REFUSED, "{bad:?}");
    }
    let token = text(&list_but(&google, &[]).await.json, "/nextPageToken");
    for change in [
        ("pageSize", "41"),
        ("sources", "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT"),
        ("readMask", "names"),
        ("requestSyncToken", "-"),
    ] {
        let answer = list_but(&google, &[("pageToken", &token), change]).await;
        assert_eq!(answer.error_status(), REFUSED, "{change:?}");
    }
}

#[tokio::test]
async fn a_directory_is_shut_without_the_right_the_sharing_or_a_domain() {
    let google = domain().await;
    let denied = (403, "PERMISSION_DENIED");
    google.lever("POST", "/simulator/directory-sharing", json!({ "on": false })).await;
    assert_eq!(list_but(&google, &[]).await.error_status(), denied);
    google.lever("POST", "/simulator/directory-sharing", json!({ "on": true })).await;
    assert_eq!(list_but(&google, &[]).await.status, 200);
    let mut google = google;
    let control = google.simulator.control();
    google.token = control.grant(&[CONTACTS_READONLY.to_owned()]).access_token;
    let answer = list_but(&google, &[]).await;
    assert_eq!(answer.json["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let scopes = [DIRECTORY_READONLY.to_owned()];
    google.token = control.of("ada@gmail.com").grant(&scopes).access_token;
    assert_eq!(list_but(&google, &[]).await.error_status(), denied);
}

#[tokio::test]
async fn who_left_the_domain_leaves_no_tombstone() {
    let google = domain().await;
    let small = google.simulator.control().shared();
    let sources = ("sources", "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT");
    let token = text(&list_but(&google, &[sources]).await.json, "/nextSyncToken");
    small.delete_many(1);
    let added = small.add(Contact::named("Ada", "Lovelace", "+44 20 7946 0958"));
    let answer = list_but(&google, &[sources, ("syncToken", &token)]).await;
    let people = answer.json["people"].as_array().unwrap();
    assert_eq!(people.iter().map(|it| text(it, "/resourceName")).collect::<Vec<_>>(), [added]);
}

#[tokio::test]
async fn the_levers_reach_the_lists_over_http() {
    let google = Google::of(5).await;
    let made =
        google.lever("POST", "/simulator/contacts/generate?list=directory", json!({ "count": 4 }));
    assert_eq!(made.await.json["resourceNames"].as_array().unwrap().len(), 4);
    let truth = google.lever("GET", "/simulator/truth?list=directory", Value::Null).await;
    assert_eq!(truth.json["count"], 4);
    let truth = google.lever("GET", "/simulator/truth", Value::Null).await;
    assert_eq!(truth.json["count"], 5);
    assert_eq!(google.lever("GET", "/simulator/truth?list=x", Value::Null).await.status, 400);
    let key = google.lever("GET", "/simulator/service-account", Value::Null).await;
    assert_eq!(key.json["type"], "service_account");
}

#[tokio::test]
async fn a_statement_that_is_none_gets_no_token() {
    let google = Google::of(5).await;
    let control = google.simulator.control();
    control.delegate(&[CONTACTS_READONLY]);
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    for (statement, error) in [
        ("", "invalid_request"),
        ("a.b", "invalid_request"),
        ("a.b.c", "invalid_request"),
        // `{}`, signed by nobody.
        ("e30.e30.AA", "invalid_grant"),
    ] {
        let answer = google.post("/token", &[grant, ("assertion", statement)]).await;
        assert_eq!((answer.status, &answer.json["error"]), (400, &json!(error)), "{statement}");
    }
}

const GOOGLES_AUTH: &str = "google-auth==2.62.2\nrequests==2.32.5\n";

const PYTHON: &str = r#"
import json, sys, urllib.request, urllib.error
from google.oauth2 import service_account
from google.auth.transport.requests import Request
from google.auth.exceptions import RefreshError

base, readonly, directory = sys.argv[1:]

def lever(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(base + path, data=data)))

key = lever("/simulator/service-account")
key["token_uri"] = base + "/token"

def mint(subject, scopes, **changes):
    credentials = service_account.Credentials.from_service_account_info(
        {**key, **changes}, scopes=scopes, subject=subject)
    try:
        credentials.refresh(Request())
        return credentials.token
    except RefreshError as error:
        return error.args[1]["error"]

ada = "ada.lovelace@example.com"
before = mint(ada, [readonly])
lever("/simulator/delegation", {"scopes": [readonly]})
token = mint(ada, [readonly])
request = urllib.request.Request(
    base + "/v1/people/me/connections?personFields=names", headers={"Authorization": "Bearer " + token})
listed = json.load(urllib.request.urlopen(request))
print(json.dumps({
    "before": before,
    "listed": len(listed["connections"]),
    "too much": mint(ada, [readonly, directory]),
    "unknown": mint("nobody@example.com", [readonly]),
    "gmail": mint("ada@gmail.com", [readonly]),
    "stranger": mint(ada, [readonly], client_email="stranger@example.iam.gserviceaccount.com"),
    "wrong key id": mint(ada, [readonly], private_key_id="0123"),
}))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn googles_own_python_library_mints_what_the_administrator_allowed() {
    let google = Google::of(7).await;
    let base = google.simulator.base_url();
    let output = tokio::task::spawn_blocking(move || {
        let python = python::environment("google-auth", GOOGLES_AUTH, &[]).join("python");
        let arguments = [&base, CONTACTS_READONLY, DIRECTORY_READONLY];
        Command::new(python).args(["-c", PYTHON]).args(arguments).output().unwrap()
    })
    .await
    .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted = json!({
        "before": "unauthorized_client",
        "listed": 7,
        "too much": "unauthorized_client",
        "unknown": "invalid_grant",
        "gmail": "unauthorized_client",
        "stranger": "invalid_grant",
        "wrong key id": "invalid_grant",
    });
    assert_eq!(said, wanted);
}
