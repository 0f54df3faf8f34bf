-- What is to be told of a run that did its work although Google contradicted itself, and how many contacts it
-- kept that Google's listing leaves out.
alter table run add column note text;
alter table run add column unlisted integer not null default 0;

-- Since when Google's listings have come without a sync token.
alter table account add column tokenless_at integer;

-- Google has said under this grant whose contacts these are.
alter table oauth_grant add column identified integer not null default 0;
update oauth_grant set identified = 1 where exists (select 1 from account a
    where a.id = oauth_grant.account and a.google_id is not null and a.token_grant = oauth_grant.number);
