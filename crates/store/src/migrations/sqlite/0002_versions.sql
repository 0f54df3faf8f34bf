-- Counts the transactions that changed an account's contacts or labels. Each contact says by which of
-- them it was changed last, so that whoever keeps a copy can ask for what is new.
alter table account add column version integer not null default 0;
-- The last of them that took away a row altogether: a copy from before it must be made anew.
alter table account add column rows_vanished integer not null default 0;
alter table contact add column version integer not null default 0;
create index contact_by_version on contact (account, version, id);

-- How many contacts there had been when the listing began. Who has a later number is new in it, whatever
-- the clocks say.
alter table account add column listing_issued integer not null default 0;
update account set listing_issued = contacts_issued;
