//! What must never be in a database: each with a question for SQLite that counts the cases.

pub(crate) const NEVER: &[(&str, &str)] = &[
    (
        "counters of an account differ from its rows",
        "select count(*) from account a where
            (a.live, a.deleted, a.phones, a.emails, a.with_phone, a.with_email) is not
            (select coalesce(sum(deleted_at is null), 0), coalesce(sum(deleted_at is not null), 0),
                coalesce(sum(case when deleted_at is null then phones end), 0),
                coalesce(sum(case when deleted_at is null then emails end), 0),
                coalesce(sum(deleted_at is null and phones > 0), 0),
                coalesce(sum(deleted_at is null and emails > 0), 0)
            from contact where account = a.id)",
    ),
    (
        "a contact without content, or with another number of phones in it",
        "select count(*) from contact c left join contact_content d on d.contact = c.id
        where d.content is null
            or coalesce(json_array_length(d.content, '$.phones'), 0) <> c.phones
            or coalesce(json_array_length(d.content, '$.emails'), 0) <> c.emails",
    ),
    (
        "content without a contact",
        "select count(*) from contact_content where contact not in (select id from contact)",
    ),
    (
        "a run that is over whose books do not balance",
        "select count(*) from run where outcome is not null and
            (listed <> created + updated + unchanged + set_aside
            or before_live + created + restored - deleted <> after_live)",
    ),
    (
        "a change log that is not that of its run",
        "select count(*) from run r where
            (r.created, r.updated, r.restored, r.deleted) is not
            (select coalesce(sum(kind = 'created'), 0),
                coalesce(sum(kind in ('updated', 'restored')), 0),
                coalesce(sum(kind = 'restored'), 0), coalesce(sum(kind = 'deleted'), 0)
            from change where run = r.id)",
    ),
    (
        "another number of contacts set aside than the run says",
        "select count(*) from run r
        where r.set_aside + r.unlisted <> (select count(*) from set_aside where run = r.id)",
    ),
    (
        "something that belongs to a run that is not there",
        "select (select count(*) from change where run not in (select id from run))
            + (select count(*) from set_aside where run not in (select id from run))
            + (select count(*) from held where run not in (select id from run))
            + (select count(*) from run_phase where run not in (select id from run))
            + (select count(*) from hold where run not in (select id from run))",
    ),
    (
        "a hold that the account or the run does not know of",
        "select (select count(*) from hold h join account a on a.id = h.account
                where a.held_run is not h.run)
            + (select count(*) from account
                where held_run is not null and held_run not in (select run from hold))
            + (select count(*) from hold h join run r on r.id = h.run where r.outcome <> 'held'
                or r.to_delete <> (select count(*) from held where run = r.id))
            + (select count(*) from held where run not in (select run from hold))",
    ),
    (
        "two open runs, or one that is not its lease's",
        "select count(*) from run r where outcome is null and
            (id <> (select max(id) from run where account = r.account)
            or id is not (select run from lease where account = r.account))",
    ),
    (
        "a lease that is held for a run that is over",
        "select count(*) from lease l join run r on r.id = l.run
        where l.holder is not null and r.outcome is not null",
    ),
    (
        "a fence that is lower than a run",
        "select count(*) from run r join lease l on l.account = r.account
        where (r.id & ((1 << 40) - 1)) > l.fence",
    ),
    (
        "a token without what it stands for",
        "select count(*) from account where (sync_token is null) <> (token_request is null)
            or (sync_token is null) <> (token_full_at is null)",
    ),
];
