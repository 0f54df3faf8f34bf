-- What is mirrored: `contacts`, or a Workspace domain's `directory` or `shared` contacts.
alter table account add column source text not null default 'contacts';
-- The account whose permission is used; null: its own.
alter table account add column grant_of integer;
