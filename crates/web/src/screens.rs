//! Screens as they are sent, and a memory of those that many phones share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body as Bytes, Bytes as Shared};
use axum::http::{HeaderValue, header};
use axum::response::Response;

use ringbook_core::phone::{Body, Charset, Family};

/// A screen as it is sent.
pub(crate) struct Rendered {
    bytes: Shared,
    charset: Charset,
    refresh: Option<HeaderValue>,
    keep: bool,
}

/// What a shared screen depends on, beside the directory.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) base: String,
    pub(crate) family: Family,
    pub(crate) charset: Charset,
    pub(crate) path: String,
    pub(crate) page: usize,
}

/// Stands in the links of a screen where a phone's own token will be, and is as long. So phones with tokens
/// share their screens, too. It cannot be a token, nor is it escaped anywhere.
pub(crate) const ANY_TOKEN: &str = "~~~~~~~~~~~~~~~~~~~~~~";
const _: () = assert!(ANY_TOKEN.len() == ringbook_store::secret::DEVICE_LEN);

/// Shared screens of the newest directory. At five kilobytes each they take as many megabytes.
const KEPT: usize = 1000;

#[derive(Default)]
pub(crate) struct Screens(Mutex<State>);

#[derive(Default)]
struct State {
    view: u64,
    screens: HashMap<Key, Arc<Rendered>>,
}

impl Rendered {
    pub(crate) fn of(body: &Body, charset: Charset) -> Rendered {
        let refresh = body.refresh.as_ref();
        Rendered {
            bytes: body.screen.encode(charset).into(),
            charset,
            refresh: refresh.and_then(|next| format!("0; url={}", next.as_str()).try_into().ok()),
            keep: body.keep,
        }
    }

    /// As a phone with this token gets it: with its own token in the links.
    pub(crate) fn answer_for(&self, token: Option<&str>) -> Response {
        match token {
            None => self.answer(),
            Some(token) => self.with_token(token).answer(),
        }
    }

    fn with_token(&self, token: &str) -> Rendered {
        let finder = memchr::memmem::Finder::new(ANY_TOKEN);
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut rest: &[u8] = &self.bytes;
        while let Some(at) = finder.find(rest) {
            bytes.extend_from_slice(&rest[..at]);
            bytes.extend_from_slice(token.as_bytes());
            rest = &rest[at + ANY_TOKEN.len()..];
        }
        bytes.extend_from_slice(rest);
        let own = |refresh: &HeaderValue| {
            let text = refresh.to_str().ok()?.replace(ANY_TOKEN, token);
            HeaderValue::try_from(text).ok()
        };
        Rendered {
            bytes: bytes.into(),
            charset: self.charset,
            refresh: self.refresh.as_ref().and_then(own),
            keep: self.keep,
        }
    }

    pub(crate) fn answer(&self) -> Response {
        let kind = match self.charset {
            Charset::Utf8 => "text/xml; charset=utf-8",
            Charset::Latin1 => "text/xml; charset=iso-8859-1",
        };
        let mut response = Response::new(Bytes::from(self.bytes.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(next) = &self.refresh {
            headers.insert(header::REFRESH, next.clone());
        }
        if !self.keep {
            // A page that has expired is not put on the phone's stack, so that Back passes it over.
            let past = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");
            headers.insert(header::EXPIRES, past);
        }
        response
    }
}

impl Screens {
    pub(crate) fn get(&self, view: u64, key: &Key) -> Option<Arc<Rendered>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.view == view { state.screens.get(key).cloned() } else { None }
    }

    pub(crate) fn keep(&self, view: u64, key: Key, screen: &Arc<Rendered>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.view > view {
            return;
        }
        if state.view < view || state.screens.len() >= KEPT {
            state.screens.clear();
        }
        state.view = view;
        state.screens.insert(key, screen.clone());
    }
}
