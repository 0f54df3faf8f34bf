-- The time by which things grow old follows the clock slowly, so that a wrong one makes nothing old.
alter table install add column aged_to integer;

-- Changed to see whether anything can be written: SQLite writes nothing where nothing changes.
alter table install add column probe integer not null default 0;
