-- Times are microseconds since 1970 (UTC); yes and no are 1 and 0.
-- An id of a contact or a run carries its account in the upper bits (see RunId and ContactId).

create table install (
    one bigint primary key check (one = 1),
    -- Mixed into public ids, so that ids of two installations differ.
    salt bigint not null,
    created_at bigint not null
);

create table account (
    id bigint primary key,
    name text not null,
    -- people/… of the Google account that is mirrored, once it is known.
    google_id text,
    created_at bigint not null,

    -- Kept in step by each transaction that writes contacts, so that nobody has to count.
    contacts_issued bigint not null default 0,
    live bigint not null default 0,
    deleted bigint not null default 0,
    phones bigint not null default 0,
    emails bigint not null default 0,
    with_phone bigint not null default 0,
    with_email bigint not null default 0,

    -- Replaced only by a newer token, in the transaction that stores the last of its data.
    sync_token text,
    token_request text,
    token_grant bigint,
    token_full_at bigint,
    token_at bigint,

    -- A full listing that is not finished: where it goes on.
    listing_request text,
    listing_grant bigint,
    listing_page text,
    listing_started_at bigint,
    listing_at bigint,
    listing_seen bigint not null default 0,
    listing_nameless bigint not null default 0,
    -- What Google said last about how many contacts there are; not every page says it.
    listing_total bigint,

    last_slot bigint,
    last_success_at bigint,
    last_ended_at bigint,
    failures bigint not null default 0,
    failing_since bigint,
    interruptions bigint not null default 0,
    not_before bigint,
    follow_up_at bigint,
    alerted_at bigint,
    held_run bigint,

    schedule_minutes bigint,
    schedule_cron text,
    schedule_zone text,
    schedule_paused bigint not null default 0
);

create table oauth_grant (
    account bigint primary key,
    -- Counts consents. A sync token belongs to one of them.
    number bigint not null,
    -- Counts writes, so that two refreshes at once cannot overwrite each other.
    generation bigint not null,
    access_token text not null,
    expires_at bigint not null,
    refresh_token text,
    refresh_expires_at bigint,
    scopes text not null,
    connected_at bigint not null,
    needs_reauth_at bigint,
    needs_reauth_reason text
);

-- The right to sync an account. The fence only ever grows.
create table lease (
    account bigint primary key,
    fence bigint not null,
    holder text,
    host text,
    boot text,
    taken_at bigint,
    expires_at bigint not null,
    run bigint
);

create table run (
    id bigint primary key,
    account bigint not null,
    kind text not null,
    kind_asked text,
    full_reason text,
    started_by text not null,
    asked_by text,
    holder text not null,
    resumed bigint not null default 0,
    started_at bigint not null,
    updated_at bigint not null,
    ended_at bigint,
    outcome text,
    error_code text,
    error_message text,

    phase text not null,
    wait_until bigint,
    wait_reason text,
    wait_message text,

    pages bigint not null default 0,
    total bigint,
    -- What earlier runs had listed of the listing that this one goes on with.
    listed_before bigint not null default 0,
    listed bigint not null default 0,
    created bigint not null default 0,
    updated bigint not null default 0,
    unchanged bigint not null default 0,
    set_aside bigint not null default 0,
    deleted bigint not null default 0,
    restored bigint not null default 0,
    renamed bigint not null default 0,
    tombstones bigint not null default 0,
    to_delete bigint not null default 0,
    changes bigint not null default 0,
    retries bigint not null default 0,
    requests bigint not null default 0,
    waited_ms bigint not null default 0,
    before_live bigint not null,
    after_live bigint,

    cancel_at bigint,
    cancel_by text,
    decided_at bigint,
    decided_by text
);
create index run_by_account on run (account, id);
create index run_by_start on run (started_at, id);

create table contact (
    id bigint primary key,
    account bigint not null,
    resource_name text not null collate "C",
    fingerprint bytea not null,
    display_name text not null,
    name_key text not null collate "C",
    initial text not null,
    phones bigint not null,
    emails bigint not null,
    edited_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    unique (account, resource_name)
);
create index contact_by_name on contact (name_key, id) where deleted_at is null;
create index contact_by_initial on contact (initial, name_key, id) where deleted_at is null;
create index contact_by_update on contact (updated_at, id) where deleted_at is null;
create index contact_by_deletion on contact (deleted_at) where deleted_at is not null;

-- Apart from the row that is read for every listing, which so stays narrow.
create table contact_content (
    contact bigint primary key,
    content text not null
);

-- What the full listing in progress has named. Narrow, so that an unchanged contact costs no rewrite.
create table seen (
    account bigint not null,
    contact bigint not null,
    primary key (account, contact)
);

-- What the run in progress will delete at its end, if the guard lets it.
create table doomed (
    account bigint not null,
    contact bigint not null,
    primary key (account, contact)
);

-- A run that waits for a person's word, and the token it will earn.
create table hold (
    account bigint primary key,
    run bigint not null,
    sync_token text not null,
    token_request text not null,
    token_grant bigint not null,
    token_full_at bigint not null,
    held_at bigint not null
);

create table held (
    run bigint not null,
    contact bigint not null,
    primary key (run, contact)
);

create table change (
    run bigint not null,
    seq bigint not null,
    contact bigint not null,
    kind text not null,
    at bigint not null,
    name_before text,
    name_after text,
    before_content text,
    after_content text,
    primary key (run, seq)
);

create table set_aside (
    run bigint not null,
    seq bigint not null,
    resource_name text,
    reason text not null,
    at bigint not null,
    primary key (run, seq)
);

create table label (
    account bigint not null,
    resource_name text not null,
    name text not null,
    system bigint not null,
    primary key (account, resource_name)
);
