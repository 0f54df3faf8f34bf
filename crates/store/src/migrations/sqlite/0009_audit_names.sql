-- What an act was about is called something, and may be gone when somebody reads of it.
alter table audit add column subject_name text;

-- The record is looked through for what one person did.
create index audit_by_actor on audit (actor, id);
