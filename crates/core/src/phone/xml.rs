//! Screens as XML, in the order of elements that Cisco's schema demands. A phone's parser knows only the
//! tags of its objects, so nothing else is written: no comments, no CDATA, no namespaces.

use quick_xml::escape::escape;

use crate::phone::charset::Charset;
use crate::phone::screen::{Frame, Screen};
use crate::phone::text::Limited;

impl Screen {
    /// The document in a charset, which its first line names: a phone that is not told guesses by its
    /// user's locale.
    pub fn encode(&self, charset: Charset) -> Vec<u8> {
        charset.encode(&self.xml(charset))
    }

    fn xml(&self, charset: Charset) -> String {
        let mut xml = Xml { text: String::with_capacity(4096), charset };
        xml.text.push_str("<?xml version=\"1.0\" encoding=\"");
        xml.text.push_str(charset.name());
        xml.text.push_str("\"?>\n");
        match self {
            Screen::Menu(menu) => xml.within("CiscoIPPhoneMenu", |xml| {
                xml.frame(&menu.frame);
                for item in menu.items() {
                    xml.within("MenuItem", |xml| {
                        xml.limited("Name", &item.name);
                        xml.word("URL", item.url.as_str());
                    });
                }
            }),
            Screen::Directory(directory) => xml.within("CiscoIPPhoneDirectory", |xml| {
                xml.frame(&directory.frame);
                for entry in directory.entries() {
                    xml.within("DirectoryEntry", |xml| {
                        xml.limited("Name", &entry.name);
                        xml.limited("Telephone", &entry.telephone);
                    });
                }
            }),
            Screen::Text(text) => xml.within("CiscoIPPhoneText", |xml| {
                xml.frame(&text.frame);
                xml.limited("Text", &text.text);
            }),
            Screen::Input(input) => xml.within("CiscoIPPhoneInput", |xml| {
                xml.frame(&input.frame);
                xml.word("URL", input.url.as_str());
                for item in input.items() {
                    xml.within("InputItem", |xml| {
                        xml.limited("DisplayName", &item.name);
                        xml.limited("QueryStringParam", &item.parameter);
                        xml.word("InputFlags", item.kind.flags());
                        xml.limited("DefaultValue", &item.default);
                    });
                }
            }),
        }
        xml.text
    }
}

struct Xml {
    text: String,
    charset: Charset,
}

impl Xml {
    fn within(&mut self, tag: &str, inner: impl FnOnce(&mut Xml)) {
        self.tag("<", tag);
        self.text.push('\n');
        inner(self);
        self.tag("</", tag);
        self.text.push('\n');
    }

    fn limited<const MAX: usize>(&mut self, tag: &str, text: &Limited<MAX>) {
        let text = text.in_letters_of(self.charset);
        self.word(tag, &text);
    }

    fn word(&mut self, tag: &str, text: &str) {
        self.tag("<", tag);
        self.text.push_str(&escape(text));
        self.tag("</", tag);
        self.text.push('\n');
    }

    fn tag(&mut self, opening: &str, tag: &str) {
        self.text.push_str(opening);
        self.text.push_str(tag);
        self.text.push('>');
    }

    fn frame(&mut self, frame: &Frame) {
        self.limited("Title", &frame.title);
        self.limited("Prompt", &frame.prompt);
        for key in frame.keys() {
            self.within("SoftKeyItem", |xml| {
                xml.limited("Name", &key.name);
                xml.word("Position", &key.position().to_string());
                xml.word("URL", key.url.as_str());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::screen::{Directory, Menu};
    use crate::phone::text::Url;
    use expect_test::expect;

    #[test]
    fn a_menu_is_written_in_the_order_of_the_schema() {
        let mut frame = Frame::new("Smith & Sons <\"'>", "");
        frame.key("Select", 2, Url::new("SoftKey:Select".into()));
        frame.key("Exit", 1, Url::new("SoftKey:Exit".into()));
        let mut menu = Menu::new(frame);
        menu.item("Ada & Co", Url::new("http://a/directory?b=c&d=e".into()));
        expect![[r#"
            <?xml version="1.0" encoding="utf-8"?>
            <CiscoIPPhoneMenu>
            <Title>Smith &amp; Sons &lt;&quot;&apos;&gt;</Title>
            <Prompt></Prompt>
            <SoftKeyItem>
            <Name>Exit</Name>
            <Position>1</Position>
            <URL>SoftKey:Exit</URL>
            </SoftKeyItem>
            <SoftKeyItem>
            <Name>Select</Name>
            <Position>2</Position>
            <URL>SoftKey:Select</URL>
            </SoftKeyItem>
            <MenuItem>
            <Name>Ada &amp; Co</Name>
            <URL>http://a/directory?b=c&amp;d=e</URL>
            </MenuItem>
            </CiscoIPPhoneMenu>
        "#]]
        .assert_eq(&Screen::Menu(menu).xml(Charset::Utf8));
    }

    #[test]
    fn no_screen_holds_more_than_a_phone_takes() {
        let mut menu = Menu::default();
        let mut directory = Directory::default();
        for _ in 0..200 {
            menu.item("x", Url::new("a".into()));
            directory.entry("x", "1");
        }
        assert_eq!((menu.items().len(), directory.entries().len()), (100, 32));
        menu.item("x", Url::new("a".repeat(257)));
        assert_eq!(menu.items().len(), 100);
    }
}
