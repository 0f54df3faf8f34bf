//! The field of a contact that its number is read from.

use crate::contact::Phone;
use crate::number::Field;

pub fn field_of(phone: &Phone) -> Field<'_> {
    Field { value: &phone.value, canonical: phone.canonical.as_deref() }
}
