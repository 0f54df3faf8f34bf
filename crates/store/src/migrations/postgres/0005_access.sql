-- People who may administer.
create table person (
    id text primary key,
    name text not null,
    -- Folded, so that nobody can be mistaken for somebody else.
    name_key text not null unique,
    -- A PHC string.
    password text not null,
    created_at bigint not null,
    changed_at bigint not null
);

-- Who is signed in. What a browser shows is not kept, only its hash.
create table session (
    hash bytea primary key,
    id text not null unique,
    person text not null,
    created_at bigint not null,
    seen_at bigint not null,
    address text,
    agent text
);

-- What programs show.
create table api_token (
    id text primary key,
    name text not null,
    hash bytea not null unique,
    scope text not null,
    created_at bigint not null,
    created_by text not null,
    expires_at bigint,
    revoked_at bigint,
    used_at bigint,
    used_from text
);

-- Phones with a token of their own in their address.
create table device (
    id text primary key,
    name text not null,
    hash bytea not null unique,
    created_at bigint not null,
    created_by text not null,
    revoked_at bigint,
    seen_at bigint,
    seen_from text,
    model text
);

-- What was administered: who, what, when, from where.
create table audit (
    id bigint primary key,
    at bigint not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    succeeded bigint not null
);
create index audit_by_time on audit (at);
