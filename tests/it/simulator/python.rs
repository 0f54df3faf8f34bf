//! Google's own client takes the simulator for Google.

use super::*;
use crate::support::python;

const GOOGLES_CLIENT: &str = "google-api-python-client==2.202.0\ngoogle-auth==2.62.2\n";

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

#[tokio::test(flavor = "multi_thread")]
async fn googles_own_python_client_lists_everything_and_then_the_changes() {
    let google = Google::of(130).await;
    let truth = google.simulator.control().truth();
    let tokens = google.simulator.control().grant(&[CONTACTS_READONLY.to_owned()]);
    let [(_, id), (_, secret)] = google.client();
    let arguments =
        [google.simulator.base_url(), tokens.access_token, tokens.refresh_token, id, secret];
    let output = tokio::task::spawn_blocking(move || {
        let python = python::environment("google", GOOGLES_CLIENT, &[]).join("python");
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
