-- What administrators did.
create table audit (
    id integer primary key,
    at integer not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    detail text
) strict;
