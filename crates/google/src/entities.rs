//! Google writes some of its texts for web pages: `&#39;` is an apostrophe.

use std::borrow::Cow;

use quick_xml::escape::unescape;

/// The longest that is one: `&#x10FFFF;`.
const ENTITY_LEN_MAX: usize = 10;

/// The text with its HTML entities decoded. What is none stays as it is: texts are no documents, and a lone `&`
/// is common.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(ENTITY_LEN_MAX).position(|byte| byte == b';');
        let taken = match end.map(|end| &rest[..=end]) {
            Some(entity) => {
                match unescape(entity) {
                    Ok(decoded) => out.push_str(&decoded),
                    Err(_) if entity == "&nbsp;" => out.push(' '),
                    Err(_) => out.push_str(entity),
                }
                entity.len()
            }
            None => {
                out.push('&');
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_decoded_once_and_nothing_else_changes() {
        for (raw, decoded) in [
            ("People API &#39;contacts&#39; &quot;off&quot;", "People API 'contacts' \"off\""),
            ("a &lt; b &gt; c &amp; d", "a < b > c & d"),
            ("&#x27;&#X27;&#8217;", "'&#X27;\u{2019}"),
            ("it&nbsp;is", "it is"),
            ("&amp;lt;", "&lt;"),
            ("R&D; a & b &unknown; &;", "R&D; a & b &unknown; &;"),
            ("&#0; &#99999999999; &", "&#0; &#99999999999; &"),
            ("ü & ö &amp", "ü & ö &amp"),
            ("", ""),
        ] {
            assert_eq!(decode(raw), decoded, "{raw}");
        }
    }
}
