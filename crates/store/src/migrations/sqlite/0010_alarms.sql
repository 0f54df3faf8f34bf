-- What a person has to be told, until it was told: an alarm counts as given when it was delivered.
create table alarm (
    id integer primary key,
    account integer not null,
    event text not null,
    -- Since when it has been so, where that is known.
    since integer,
    detail text not null,
    raised_at integer not null,
    attempts integer not null default 0,
    -- When delivery is tried next; null when it was delivered.
    due_at integer,
    delivered_at integer,
    -- When what it told of was over.
    over_at integer
) strict;
create index alarm_due on alarm (due_at) where due_at is not null;
create index alarm_open on alarm (account) where over_at is null;

-- The silences that have been told already: their ends will be told, too.
insert into alarm (account, event, since, detail, raised_at, delivered_at)
    select id, 'sync_silent', last_success_at, '', alerted_at, alerted_at
    from account where alerted_at is not null;
