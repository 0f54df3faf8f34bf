-- What administrators did.
create table audit (
    id bigint primary key,
    at bigint not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    detail text
);
