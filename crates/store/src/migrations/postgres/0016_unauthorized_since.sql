-- Since when Google has refused every access token, with no other answer in between.
alter table account add column unauthorized_since bigint;
