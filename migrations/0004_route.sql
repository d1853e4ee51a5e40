-- Says whose ids are, the first to say so wins, and wakes who waited for them.
create function link(whose text, ids text[]) returns void language sql volatile as $$
    -- Shared by all who link, and exclusive for who begins to wait: neither can miss the other.
    select pg_advisory_xact_lock_shared(7811889);
    insert into link (stripe_id, customer)
        select distinct id, whose from unnest(ids) id order by id
        on conflict do nothing;
    update inbox set state = 'received', waits_on = '{}', claimed_until = null
        where seq in (select seq from inbox where state = 'waiting' and waits_on && ids order by seq for update);
$$;

-- Writes what routing found out. Rows that are not `received` any more stay.
create function route(batch jsonb) returns void language plpgsql as $$
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
            claimed_until = null
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
