-- In which normal form the contacts are, see store/reform.rs. Those of before have composed letters, plain labels
-- and counted numbers only when they are rewritten.
alter table install add column content_form bigint not null default 0;
