//! Contacts as they leave Ringbook.

use ringbook_core::contact::{Vcard, VcardVersion};
use ringbook_store::ContactRow;

use crate::App;
use crate::wire::{LabelNames, own_labels};

impl App {
    /// A contact as a vCard, the same for a download, an export and an import elsewhere. `labels` are the names of
    /// at least its own labels.
    pub fn vcard(
        &self,
        contact: &ContactRow,
        labels: &LabelNames,
        version: VcardVersion,
    ) -> String {
        let labels = own_labels(contact, labels);
        Vcard {
            uid: &self.store.ids().contact(contact.id),
            content: &contact.content,
            labels: &labels,
            changed_at: contact.edited_at.unwrap_or(contact.updated_at),
        }
        .write(version)
    }
}
