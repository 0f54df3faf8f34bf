-- What is mirrored: `contacts`, or a Workspace domain's `directory` or `shared` contacts.
alter table account add column source text not null default 'contacts';
-- The account whose permission is used; null: its own.
alter table account add column grant_of integer;

-- What may be shown of the service account that speaks instead of a consent; its key is a secret.
alter table oauth_grant add column service_email text;
alter table oauth_grant add column service_client_id text;
alter table oauth_grant add column service_key_id text;
alter table oauth_grant add column service_subject text;
