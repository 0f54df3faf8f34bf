-- What must not lie in the open, sealed by the vault.
create table secret (
    name text primary key,
    sealed text not null,
    updated_at bigint not null
);

-- Consents that were asked for. They outlive a restart, and any server may take the answer.
create table consent (
    -- Digest of the state that comes back from Google.
    state text primary key,
    -- Digest of the cookie of the browser that asked; null: whoever brings the state may come back.
    browser text,
    -- What was asked for, and the verifier; null once it was used.
    sealed text,
    expires_at bigint not null,
    -- How it ended: the account that was connected, or why none was.
    account bigint,
    problem text
);

-- That somebody was told of the coming end, and of the end.
alter table oauth_grant add column ending_noticed_at bigint;
alter table oauth_grant add column dead_noticed_at bigint;

-- Tokens that earlier versions wrote in the open are still to be wiped from the disk.
alter table install add column unwiped bigint not null default 0;
update install set unwiped = 1;
