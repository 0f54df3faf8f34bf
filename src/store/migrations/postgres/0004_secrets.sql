-- What must not lie in the open, sealed by the vault.
create table secret (
    name text primary key,
    sealed text not null,
    updated_at bigint not null
);
