-- Proxies that passed requests on without being trusted, and when they did so last.
create table strange_proxy (
    address text not null,
    seen_at bigint not null,
    primary key (address)
);
