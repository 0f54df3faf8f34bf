-- What a run did when: a line for each phase it entered, and for each time it waited.
create table run_phase (
    run integer not null,
    seq integer not null,
    phase text not null,
    began_at integer not null,
    wait_until integer,
    wait_reason text,
    wait_message text,
    primary key (run, seq)
) strict, without rowid;

-- The history is looked through for those that failed, and they may be far back.
create index run_by_outcome on run (outcome, started_at, id);
