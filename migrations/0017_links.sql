-- Ids of Stripe's that were taken from a customer by hand. Nobody's mark says whose they are any more; somebody has to link
-- one of them again.
create table disowned (
    stripe_id text primary key,
    -- The same for all that were taken together: who links one of them gets them all back.
    together text not null,
    -- Of an erased customer: what comes of it has no effect. Else it waits.
    erased boolean not null
);
create index disowned_together on disowned (together);

-- Not for long: who routes meanwhile is not to wait behind us.
set local lock_timeout = '5s';

-- As before, and what was erased meanwhile is routed once more.
create or replace function route(batch jsonb) returns void language plpgsql as $$
declare
    entry record;
begin
    -- What a crash of the server takes back is `received` again; so no lock is held for the disk.
    perform set_config('synchronous_commit', 'off', true);
    -- First of all locks. See link().
    if batch @> '[{"state": "waiting"}]' then
        perform pg_advisory_xact_lock(7811889);
    else
        perform pg_advisory_xact_lock_shared(7811889);
    end if;
    -- Between the look at the links and now.
    select coalesce(jsonb_agg(value), '[]') into batch from jsonb_array_elements(batch)
        where value ->> 'state' <> 'routed'
            or not exists (select from disowned where stripe_id in (select jsonb_array_elements_text(value -> 'ids')))
            or exists (select from link where customer = value ->> 'customer'
                and stripe_id in (select jsonb_array_elements_text(value -> 'ids')));
    perform from inbox where seq in (select (value ->> 'seq')::bigint from jsonb_array_elements(batch)) order by seq for update;
    insert into customer (customer)
        select distinct (value ->> 'customer') collate "C" from jsonb_array_elements(batch)
        where value ->> 'state' = 'routed' order by 1
        on conflict do nothing;
    perform from customer
        where customer.customer in (select value ->> 'customer' from jsonb_array_elements(batch) where value ->> 'state' = 'routed')
        order by customer.customer for update;
    with changed as (
        update inbox set
            state = value ->> 'state',
            detail = coalesce(value ->> 'detail', ''),
            customer = value ->> 'customer',
            waits_on = coalesce(array(select jsonb_array_elements_text(value -> 'on')), '{}'),
            retry_at = (value ->> 'retry_at')::bigint,
            attempts = attempts + coalesce((value ->> 'failed')::integer, 0),
            claimed_until = null,
            -- Who is forgotten is not learned anew.
            body = case when value ->> 'detail' = 'of an erased customer' then '' else body end
        from jsonb_array_elements(batch)
        where inbox.seq = (value ->> 'seq')::bigint and inbox.state = 'received'
        returning inbox.customer, inbox.state
    )
    update customer set marks = marks + 1
        where customer.customer in (select changed.customer from changed where state = 'routed');
    for entry in
        select value ->> 'customer' as customer, array(select jsonb_array_elements_text(value -> 'ids')) as ids
        from jsonb_array_elements(batch) where value ->> 'state' = 'routed'
        order by 2, 1
    loop
        perform link(entry.customer, entry.ids);
    end loop;
    -- Who waits for an id that became somebody's while it was found out to be nobody's.
    update inbox set state = 'received', waits_on = '{}'
        where seq in (
            select i.seq from inbox i
            where i.seq in (select (value ->> 'seq')::bigint from jsonb_array_elements(batch) where value ->> 'state' = 'waiting')
                and i.state = 'waiting' and exists (select from link where stripe_id = any(i.waits_on))
            order by i.seq for update);
end $$;

-- Says by hand whose an id of Stripe's is, and wakes what waited for it. The same again changes nothing. `owner` is whose it
-- is now: another customer's stays that one's.
create function link_by_hand(whose text, id text, because text, who text, through text, out owner text, out woken bigint[])
language plpgsql as $$
begin
    -- As who begins to wait.
    perform pg_advisory_xact_lock(7811889);
    select customer into owner from link where stripe_id = id;
    woken := '{}';
    if owner is not null then
        return;
    end if;
    owner := whose;
    insert into customer (customer) values (whose) on conflict do nothing;
    delete from disowned
        where stripe_id = id or together in (select d.together from disowned d where d.stripe_id = id);
    woken := array(select seq from inbox where state = 'waiting' and waits_on && array[id] order by seq);
    perform link(whose, array[id]);
    insert into audit (actor, caller, action, customer, note, after)
        values (who, through, 'customer_linked', whose, because, jsonb_build_object('stripe_object', id));
end $$;

-- Takes one of Stripe's customers from ours: `kept` are the facts without what is of `ids`. Their events wait again. Returns
-- the customer's marks: once they are applied, so is this. Null: the facts are others than they were.
create function unlink(whose text, kept jsonb, version bigint, seed text, ids text[], at bigint, because text, who text, through text)
returns bigint language plpgsql as $$
declare
    marked bigint;
begin
    perform pg_advisory_xact_lock(7811889);
    perform from inbox where object_id = any(ids) order by seq for update;
    update customer set facts = kept, facts_version = facts_version + 1, marks = marks + 1, claimed_until = null
        where customer = whose and facts_version = version
        returning marks into marked;
    if marked is null then
        return null;
    end if;
    insert into disowned (stripe_id, together, erased) select distinct id, seed, false from unnest(ids) id order by id
        on conflict (stripe_id) do update set together = seed, erased = false;
    delete from link where customer = whose and stripe_id = any(ids);
    delete from want where customer = whose and object_id = any(ids);
    -- A fetch is of its moment: who links again has it fetched anew.
    update inbox set
            state = case when source = 'webhook' then 'received' else 'ignored' end,
            detail = case when source = 'webhook' then '' else 'of an unlinked customer' end,
            customer = null, retry_at = null, attempts = 0, claimed_until = null
        where object_id = any(ids) and customer = whose and octet_length(body) > 0
            and (source = 'webhook' and state in ('routed', 'applied', 'parked') or state = 'routed');
    update stripe_customer set generation = generation + 1, attempt = 1, id = null, started_at = at
        where customer = whose and id = any(ids);
    insert into audit (actor, caller, action, customer, note, before)
        values (who, through, 'customer_unlinked', whose, because, jsonb_build_object('stripe_object', seed));
    return marked;
end $$;

-- Forgets a customer: what is left is an empty schedule in the feed, which is a revision, and which of Stripe's ids are to have
-- no effect any more. Returns the revision; null: it was never heard of. The second time changes nothing.
create function erase(whose text, because text, who text, through text) returns bigint language plpgsql as $$
declare
    old customer;
    ids text[];
    head feed_head;
begin
    perform pg_advisory_xact_lock(7811889);
    ids := array(
        select stripe_id from link where customer = whose
        union select session from checkout where customer = whose and session is not null
        union select jsonb_object_keys(facts -> 'objects') from customer where customer = whose and facts ? 'objects'
        order by 1);
    perform from inbox where object_id = any(ids) or waits_on && ids and state = 'waiting' order by seq for update;
    select * into old from customer where customer = whose for update;
    if old.customer is null or old.facts = '{}' and old.schedule = '{}' and ids = '{}'
        and not exists (select from override where customer = whose)
        and not exists (select from checkout where customer = whose)
        and not exists (select from stripe_customer where customer = whose) then
        return old.revision;
    end if;
    update inbox set
            body = '', state = 'ignored', detail = 'of an erased customer', customer = null, waits_on = '{}',
            traceparent = null, retry_at = null, claimed_until = null
        where object_id = any(ids) or waits_on && ids and state = 'waiting';
    delete from want where customer = whose;
    delete from override where customer = whose;
    delete from reread where session = any(ids);
    delete from checkout where customer = whose;
    delete from stripe_customer where customer = whose;
    delete from intent where customer = whose;
    insert into disowned (stripe_id, together, erased)
        select id, 'erased/' || txid_current(), true from unnest(ids) id
        on conflict (stripe_id) do update set together = excluded.together, erased = true;
    delete from link where customer = whose;
    update feed set schedule = '{}', traceparent = null where kind = 'customer' and customer = whose;
    insert into audit (actor, caller, action, customer, note) values (who, through, 'customer_erased', whose, because);
    head := lock_head();
    insert into feed (number, epoch, kind, customer, schedule, activation)
        values (head.number + 1, head.epoch, 'customer', whose, '{}', old.activation);
    update feed_head set number = head.number + 1;
    update customer set facts = '{}', facts_version = facts_version + 1, schedule = '{}', revision = head.number + 1,
        applied_marks = marks, due_at = null, claimed_until = null
        where customer = whose;
    return head.number + 1;
end $$;
