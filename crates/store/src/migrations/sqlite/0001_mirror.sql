-- Times are microseconds since 1970 (UTC); yes and no are 1 and 0.
-- An id of a contact or a run carries its account in the upper bits (see RunId and ContactId).

create table install (
    one integer primary key check (one = 1),
    -- Mixed into public ids, so that ids of two installations differ.
    salt integer not null,
    created_at integer not null
) strict;

create table account (
    id integer primary key,
    name text not null,
    -- people/… of the Google account that is mirrored, once it is known.
    google_id text,
    created_at integer not null,

    -- Kept in step by each transaction that writes contacts, so that nobody has to count.
    contacts_issued integer not null default 0,
    live integer not null default 0,
    deleted integer not null default 0,
    phones integer not null default 0,
    emails integer not null default 0,
    with_phone integer not null default 0,
    with_email integer not null default 0,

    -- Replaced only by a newer token, in the transaction that stores the last of its data.
    sync_token text,
    token_request text,
    token_grant integer,
    token_full_at integer,
    token_at integer,

    -- A full listing that is not finished: where it goes on.
    listing_request text,
    listing_grant integer,
    listing_page text,
    listing_started_at integer,
    listing_at integer,
    listing_seen integer not null default 0,
    listing_nameless integer not null default 0,
    -- What Google said last about how many contacts there are; not every page says it.
    listing_total integer,

    last_slot integer,
    last_success_at integer,
    last_ended_at integer,
    failures integer not null default 0,
    failing_since integer,
    interruptions integer not null default 0,
    not_before integer,
    follow_up_at integer,
    alerted_at integer,
    held_run integer,

    schedule_minutes integer,
    schedule_cron text,
    schedule_zone text,
    schedule_paused integer not null default 0
) strict;

create table oauth_grant (
    account integer primary key,
    -- Counts consents. A sync token belongs to one of them.
    number integer not null,
    -- Counts writes, so that two refreshes at once cannot overwrite each other.
    generation integer not null,
    access_token text not null,
    expires_at integer not null,
    refresh_token text,
    refresh_expires_at integer,
    scopes text not null,
    connected_at integer not null,
    needs_reauth_at integer,
    needs_reauth_reason text
) strict;

-- The right to sync an account. The fence only ever grows.
create table lease (
    account integer primary key,
    fence integer not null,
    holder text,
    host text,
    boot text,
    taken_at integer,
    expires_at integer not null,
    run integer
) strict;

create table run (
    id integer primary key,
    account integer not null,
    kind text not null,
    kind_asked text,
    full_reason text,
    started_by text not null,
    asked_by text,
    holder text not null,
    resumed integer not null default 0,
    started_at integer not null,
    updated_at integer not null,
    ended_at integer,
    outcome text,
    error_code text,
    error_message text,

    phase text not null,
    wait_until integer,
    wait_reason text,
    wait_message text,

    pages integer not null default 0,
    total integer,
    -- What earlier runs had listed of the listing that this one goes on with.
    listed_before integer not null default 0,
    listed integer not null default 0,
    created integer not null default 0,
    updated integer not null default 0,
    unchanged integer not null default 0,
    set_aside integer not null default 0,
    deleted integer not null default 0,
    restored integer not null default 0,
    renamed integer not null default 0,
    tombstones integer not null default 0,
    to_delete integer not null default 0,
    changes integer not null default 0,
    retries integer not null default 0,
    requests integer not null default 0,
    waited_ms integer not null default 0,
    before_live integer not null,
    after_live integer,

    cancel_at integer,
    cancel_by text,
    decided_at integer,
    decided_by text
) strict;
create index run_by_account on run (account, id);
create index run_by_start on run (started_at, id);

create table contact (
    id integer primary key,
    account integer not null,
    resource_name text not null,
    fingerprint blob not null,
    display_name text not null,
    name_key text not null,
    initial text not null,
    phones integer not null,
    emails integer not null,
    edited_at integer,
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    unique (account, resource_name)
) strict;
create index contact_by_name on contact (name_key, id) where deleted_at is null;
create index contact_by_initial on contact (initial, name_key, id) where deleted_at is null;
create index contact_by_update on contact (updated_at, id) where deleted_at is null;
create index contact_by_deletion on contact (deleted_at) where deleted_at is not null;

-- Apart from the row that is read for every listing, which so stays narrow.
create table contact_content (
    contact integer primary key,
    content text not null
) strict;

-- What the full listing in progress has named. Narrow, so that an unchanged contact costs no rewrite.
create table seen (
    account integer not null,
    contact integer not null,
    primary key (account, contact)
) strict, without rowid;

-- What the run in progress will delete at its end, if the guard lets it.
create table doomed (
    account integer not null,
    contact integer not null,
    primary key (account, contact)
) strict, without rowid;

-- A run that waits for a person's word, and the token it will earn.
create table hold (
    account integer primary key,
    run integer not null,
    sync_token text not null,
    token_request text not null,
    token_grant integer not null,
    token_full_at integer not null,
    held_at integer not null
) strict;

create table held (
    run integer not null,
    contact integer not null,
    primary key (run, contact)
) strict, without rowid;

create table change (
    run integer not null,
    seq integer not null,
    contact integer not null,
    kind text not null,
    at integer not null,
    name_before text,
    name_after text,
    before_content text,
    after_content text,
    primary key (run, seq)
) strict, without rowid;

create table set_aside (
    run integer not null,
    seq integer not null,
    resource_name text,
    reason text not null,
    at integer not null,
    primary key (run, seq)
) strict, without rowid;

create table label (
    account integer not null,
    resource_name text not null,
    name text not null,
    system integer not null,
    primary key (account, resource_name)
) strict, without rowid;
