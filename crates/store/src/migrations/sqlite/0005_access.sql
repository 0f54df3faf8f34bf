-- People who may administer.
create table person (
    id text primary key,
    name text not null,
    -- Folded, so that nobody can be mistaken for somebody else.
    name_key text not null unique,
    -- A PHC string.
    password text not null,
    created_at integer not null,
    changed_at integer not null
) strict;

-- Who is signed in. What a browser shows is not kept, only its hash.
create table session (
    hash blob primary key,
    id text not null unique,
    person text not null,
    created_at integer not null,
    seen_at integer not null,
    address text,
    agent text
) strict;

-- What programs show.
create table api_token (
    id text primary key,
    name text not null,
    hash blob not null unique,
    scope text not null,
    created_at integer not null,
    created_by text not null,
    expires_at integer,
    revoked_at integer,
    used_at integer,
    used_from text
) strict;

-- Phones with a token of their own in their address.
create table device (
    id text primary key,
    name text not null,
    hash blob not null unique,
    created_at integer not null,
    created_by text not null,
    revoked_at integer,
    seen_at integer,
    seen_from text,
    model text
) strict;

-- What was administered: who, what, when, from where.
create table audit (
    id integer primary key,
    at integer not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    succeeded integer not null
) strict;
create index audit_by_time on audit (at);
