-- What happened to one contact, newest first.
create index change_by_contact on change (contact, run, seq);
