-- What a run did when: a line for each phase it entered, and for each time it waited.
create table run_phase (
    run bigint not null,
    seq bigint not null,
    phase text not null,
    began_at bigint not null,
    wait_until bigint,
    wait_reason text,
    wait_message text,
    primary key (run, seq)
);

-- The history is looked through for those that failed, and they may be far back.
create index run_by_outcome on run (outcome, started_at, id);
