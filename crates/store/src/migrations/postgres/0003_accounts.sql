-- Ids of accounts that were removed are not given out again: public ids are made of them.
alter table install add column accounts_issued bigint not null default 0;
update install set accounts_issued = (select coalesce(max(id), 0) from account);

-- The labels whose contacts reach the phones, as a JSON list of resource names; null: all contacts do.
alter table account add column labels_shown text;

-- What is being taken away, a part at a time: `contacts`, or the whole `account`. Whoever finds it after a
-- crash goes on with it.
alter table account add column erasing text;
