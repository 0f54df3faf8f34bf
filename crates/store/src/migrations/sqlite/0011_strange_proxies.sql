-- Proxies that passed requests on without being trusted, and when they did so last.
create table strange_proxy (
    address text not null,
    seen_at integer not null,
    primary key (address)
) strict, without rowid;
