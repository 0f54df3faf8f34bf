-- Whom a proxy signed in when they made a token, or the token that it was made with. Such a token is good only while
-- that person may administer.
alter table api_token add column proxy_name text;
