//! What proxies add to a request. Who sends such a header is not the other end of the connection.
//!
//! A proxy that is not trusted may say nothing that is read here, and still gives itself away by what it adds;
//! so every header that the usual proxies, load balancers and delivery networks add counts.

use axum::http::HeaderMap;

/// The beginnings of headers that a proxy adds.
const BEGINNINGS: [&str; 40] = [
    "x-forward",
    "forwarded",
    "x-original-",
    "x-proxy",
    "x-envoy-",
    "x-arr-",
    "x-azure-",
    "x-appengine-",
    "x-akamai-",
    "x-nginx-",
    "x-haproxy-",
    "x-varnish",
    "x-real-",
    "cf-",
    "cdn-",
    "fastly-",
    "fly-",
    "cloudfront-",
    "tailscale-user-",
    "x-ssl-",
    "ssl-client-",
    "x-vercel-",
    "x-nf-",
    "x-sucuri-",
    // Of proxies that sign people in.
    "remote-",
    "x-remote-",
    "x-auth-request-",
    "x-authenticated-",
    "x-webauth-",
    "x-authentik-",
    "x-vouch-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-pomerium-",
    "x-amzn-oidc-",
    "x-client-cert",
    "do-connecting-",
    "ngrok-",
    "akamai-",
];

/// Further headers of that kind.
const WORDS: [&str; 31] = [
    "via",
    "true-client-ip",
    "x-client-ip",
    "x-clientip",
    "client-ip",
    "x-client-address",
    "x-cluster-client-ip",
    "x-coming-from",
    "x-host",
    "x-http-host-override",
    "x-originating-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
    "front-end-https",
    "proxy-client-ip",
    "wl-proxy-client-ip",
    "surrogate-capability",
    "x-amz-cf-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-request-start",
    "x-queue-start",
    "x-script-name",
    "incap-client-ip",
    "ali-cdn-real-ip",
    "eo-connecting-ip",
    "max-forwards",
    "proxy-connection",
];

/// Whether anything says that a request went through a proxy.
pub(crate) fn was_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        WORDS.contains(&name) || BEGINNINGS.iter().any(|it| name.starts_with(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_adds_is_known_and_what_clients_send_is_not_taken_for_it() {
        let told = |name: &str| {
            let name = axum::http::HeaderName::try_from(name).unwrap();
            was_forwarded(&HeaderMap::from_iter([(name, "x".parse().unwrap())]))
        };
        for name in [
            "Remote-User",
            "Remote-Groups",
            "X-Remote-User",
            "X-Auth-Request-Email",
            "X-Authenticated-User",
            "X-WebAuth-User",
            "X-authentik-username",
            "X-Vouch-User",
            "X-Goog-Authenticated-User-Email",
            "X-MS-CLIENT-PRINCIPAL-NAME",
            "X-Pomerium-Claim-Email",
            "X-Amzn-Oidc-Identity",
            "DO-Connecting-IP",
            "Ngrok-Trace-Id",
            "Via",
            "Forwarded",
            "X-Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Forwarded-Server",
            "X-Forwarded-Port",
            "X-Forwarded-Prefix",
            "X-Forwarded-Scheme",
            "X-Forwarded-Ssl",
            "X-Forwarded-By",
            "X-Real-IP",
            "CF-Connecting-IP",
            "CF-Ray",
            "CDN-Loop",
            "True-Client-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "X-Original-Forwarded-For",
            "X-Envoy-External-Address",
            "X-Azure-ClientIP",
            "Fastly-Client-IP",
            "Fly-Client-IP",
            "X-ProxyUser-Ip",
            "Front-End-Https",
            "X-Forward-For",
            "X-Forward-Proto",
            "X-Amzn-Trace-Id",
            "X-Amz-Cf-Id",
            "X-Cloud-Trace-Context",
            "X-Request-Start",
            "X-Queue-Start",
            "Tailscale-User-Login",
            "Tailscale-User-Name",
            "X-SSL-Client-Cert",
            "X-SSL-Cipher",
            "SSL-Client-Cert",
            "X-Script-Name",
            "X-Vercel-Id",
            "X-Vercel-Forwarded-For",
            "X-NF-Client-Connection-IP",
            "Incap-Client-IP",
            "X-Sucuri-ClientIP",
            "Ali-CDN-Real-IP",
            "EO-Connecting-IP",
            "CloudFront-Viewer-Address",
            "CloudFront-Forwarded-Proto",
            "Max-Forwards",
            "Proxy-Connection",
        ] {
            assert!(told(name), "{name}");
        }
        for name in [
            "Accept",
            "X-CiscoIPPhoneModelName",
            "X-CiscoIPPhoneDisplay",
            "X-Requested-With",
            "X-Requested-By",
            "X-CSRF-Token",
            "User-Agent",
            "Referer",
            "Connection",
            "X-Part",
            "Prefer",
            "DNT",
            "X-Request-ID",
            "Traceparent",
            "Sec-Fetch-Site",
            "X-Token",
        ] {
            assert!(!told(name), "{name}");
        }
    }
}
