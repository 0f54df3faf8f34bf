//! The screens of Cisco IP phones: objects that cannot be built outside a phone's limits, and how each
//! model wants them.
//!
//! The limits are those of Cisco's schema for CiscoIPPhone objects, version 3.3, and of the "Cisco Unified
//! IP Phone Services Application Development Notes". They count characters, not bytes.

mod charset;
mod model;
mod pages;
mod screen;
mod text;
mod xml;

pub use charset::Charset;
pub use model::{Family, Paging, Phone};
pub use pages::{
    Body, ContactText, Group, Line, Number, Place, ScreenBuilder, label_in_words, searched,
};
pub use screen::{Directory, Entry, Input, InputItem, Item, Menu, Screen, SoftKey, Text};
pub use text::{Limited, Url};
