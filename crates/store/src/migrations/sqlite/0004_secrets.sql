-- What must not lie in the open, sealed by the vault.
create table secret (
    name text primary key,
    sealed text not null,
    updated_at integer not null
) strict;

-- Consents that were asked for. They outlive a restart, and any server may take the answer.
create table consent (
    -- Digest of the state that comes back from Google.
    state text primary key,
    -- Digest of the cookie of the browser that asked; null: whoever brings the state may come back.
    browser text,
    -- What was asked for, and the verifier; null once it was used.
    sealed text,
    expires_at integer not null,
    -- How it ended: the account that was connected, or why none was.
    account integer,
    problem text
) strict;

-- That somebody was told of the coming end, and of the end.
alter table oauth_grant add column ending_noticed_at integer;
alter table oauth_grant add column dead_noticed_at integer;

-- Tokens that earlier versions wrote in the open are still to be wiped from the disk.
alter table install add column unwiped integer not null default 0;
update install set unwiped = 1;
