-- Browsers that somebody has signed in with. What the browser shows is not kept, only its hash; it opens
-- nothing, and only keeps strangers' wrong guesses from locking its owner out.
create table known_browser (
    hash bytea primary key,
    id text not null unique,
    person text not null,
    created_at bigint not null,
    seen_at bigint not null
);
create index known_browser_by_person on known_browser (person, seen_at);

-- Who made a token, or the token that it was made with: it ends with them. Null where it was made on the
-- command line, by somebody whom a proxy signed in, or before there was an administrator.
alter table api_token add column person text;
update api_token set person = (select id from person where person.name = api_token.created_by);

-- Lines that strangers can cause have a share of their own, so that they push out no others.
alter table audit add column refused bigint not null default 0;
update audit set refused = 1 where succeeded = 0 and actor in ('somebody', 'nobody');
create index audit_by_share on audit (refused, id);
