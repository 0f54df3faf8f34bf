// An OAuth server that others have written, and beside it just enough of the People API to be asked with
// its tokens. The rules that it lacks are Google's: the secret of the client, the scopes that were
// consented to, and refresh tokens that end. Each refresh hands out another refresh token, which Google
// does not, and the one before is void.
import { createServer } from "node:http";
import { OAuth2Server } from "oauth2-mock-server";

const [clientId, clientSecret] = process.argv.slice(2);
const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
await server.start(0, "127.0.0.1");

const scopes = new Map(); // by code, then by refresh token
const access = new Set();
const counts = { refreshes: 0, revoked: 0 };

server.service.on("beforeAuthorizeRedirect", ({ url }, request) => {
  scopes.set(url.searchParams.get("code"), request.query.scope);
});

server.service.on("beforeResponse", (answer, request) => {
  const asked = request.body;
  const refuse = (statusCode, error) => Object.assign(answer, { statusCode, body: { error } });
  if (asked.client_id !== clientId || asked.client_secret !== clientSecret) {
    return refuse(401, "invalid_client");
  }
  const key = asked.grant_type === "refresh_token" ? asked.refresh_token : asked.code;
  if (!scopes.has(key)) return refuse(400, "invalid_grant");
  if (asked.grant_type === "refresh_token") counts.refreshes += 1;
  answer.body.scope = scopes.get(key);
  scopes.set(answer.body.refresh_token, scopes.get(key));
  scopes.delete(key);
  access.add(answer.body.access_token);
});

server.service.on("beforeRevoke", () => {
  counts.revoked += 1;
});

const people = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const say = (status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (pathname === "/counts") return say(200, counts);
  if (pathname === "/expire") return access.clear(), say(200, {});
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  if (!access.has(token)) {
    return say(401, { error: { code: 401, message: "Invalid Credentials", status: "UNAUTHENTICATED" } });
  }
  const metadata = (type, id) => ({ sources: [{ type, id, etag: "#1" }], objectType: "PERSON" });
  if (pathname === "/v1/people/me") {
    return say(200, { resourceName: "people/117", etag: "%1", metadata: metadata("PROFILE", "117") });
  }
  if (pathname === "/v1/contactGroups") return say(200, { contactGroups: [], totalItems: 0 });
  if (pathname === "/v1/people/me/connections") {
    const ada = {
      resourceName: "people/c1",
      etag: "%1",
      metadata: metadata("CONTACT", "1"),
      names: [{ metadata: { primary: true }, displayName: "Ada Lovelace", givenName: "Ada" }],
      phoneNumbers: [{ value: "+44 20 7946 0958", canonicalForm: "+442079460958" }],
    };
    return say(200, { connections: [ada], totalPeople: 1, totalItems: 1, nextSyncToken: "sync-1" });
  }
  say(404, { error: { code: 404, message: "Not found", status: "NOT_FOUND" } });
});
people.listen(0, "127.0.0.1", () => {
  const { port } = people.address();
  console.log(JSON.stringify({ oauth: server.issuer.url, people: `http://127.0.0.1:${port}` }));
});
