-- Not for long: who appends meanwhile is not to wait behind us.
set local lock_timeout = '5s';
-- Few rows are ever in them.
create index customer_unmatched on customer (customer) where facts ? 'unmatched';
create index customer_doubled on customer (customer) where facts ? 'doubled';
create index customer_past_due on customer (customer) where facts ? 'past_due_since';
create index want_parked on want (object_id) where parked;

create function micros(at timestamptz) returns bigint language sql immutable as $$
    select (extract(epoch from at) * 1000000)::bigint
$$;

-- What a person should look at, of one kind, after one of them: in the order of `place`, which is a number where it is of the
-- inbox, else a text, or `customer/text`.
create function oddities(which text, after text, most bigint) returns table (
    place text, whose text, object text, event text, event_type text, since bigint, tries integer, error text, objects text[],
    subject text, told bigint)
language plpgsql stable set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    first text collate "C" := split_part(after, '/', 1);
    second text collate "C" := substr(after, strpos(after, '/') + 1);
begin
    if which = 'waiting_event' then
        return query select seq::text, '', coalesce(object_id, ''), key, inbox.event_type, micros(received_at), attempts, detail,
                waits_on, '', null::bigint
            from inbox where state = 'waiting' and seq > coalesce(nullif(after, '')::bigint, 0) order by seq limit most;
    elsif which = 'parked_event' then
        return query select seq::text, coalesce(customer, ''), coalesce(object_id, ''), key, inbox.event_type, micros(received_at),
                attempts, detail, '{}'::text[], '', null::bigint
            from inbox where state = 'parked' and seq > coalesce(nullif(after, '')::bigint, 0) order by seq limit most;
    elsif which = 'parked_fetch' then
        return query select object_id, customer, object_id, '', '', null::bigint, attempts, detail, '{}'::text[], '', null::bigint
            from want where parked and object_id > after collate "C" order by object_id limit most;
    elsif which = 'unlinked_payer' then
        -- Whoever waits has paid, or is about to, unless all that is known is that there is such a customer.
        return query select payer, '', payer, '', '', micros(min(received_at)), null::integer, '',
                array_agg(distinct object_id) filter (where object_id <> payer), '',
                max(seq) filter (where object_kind = 'checkout.session')
            from (
                select seq, received_at, object_kind, object_id, (
                    select id collate "C" from unnest(waits_on) id where id like 'cus\_%' or id like 'cs\_%'
                    order by id like 'cus\_%' desc limit 1) as payer
                from (select * from inbox where state = 'waiting' order by seq limit 10000) waiting) by_payer
            where payer > after collate "C"
            group by payer having bool_or(object_kind is distinct from 'customer') order by payer limit most;
    elsif which = 'unmatched_price' then
        return query select customer || '/' || held.key, customer, '', '', '', null::bigint, null::integer, '',
                array(select jsonb_array_elements_text(held.value)), held.key, null::bigint
            from customer, jsonb_each(facts -> 'unmatched') held
            where facts ? 'unmatched' and customer >= first and (customer, held.key collate "C") > (first, second)
            order by customer, held.key collate "C" limit most;
    elsif which = 'double_subscription' then
        return query select customer || '/' || held.key, customer, '', '', '', null::bigint, null::integer, '',
                array(select jsonb_array_elements_text(held.value)), held.key, null::bigint
            from customer, jsonb_each(facts -> 'doubled') held
            where facts ? 'doubled' and customer >= first and (customer, held.key collate "C") > (first, second)
            order by customer, held.key collate "C" limit most;
    elsif which = 'past_due' then
        return query select customer || '/' || held.key, customer, held.key, '', '', held.value::text::bigint, null::integer, '',
                '{}'::text[], '', null::bigint
            from customer, jsonb_each(facts -> 'past_due_since') held
            where facts ? 'past_due_since' and customer >= first and (customer, held.key collate "C") > (first, second)
            order by customer, held.key collate "C" limit most;
    elsif which = 'unconfirmed' then
        return query select customer || '/' || held.key, customer, held.key, '', '', null::bigint, null::integer, '',
                '{}'::text[], '', null::bigint
            from customer, jsonb_each(facts -> 'carried_until') held
            where facts -> 'carried_until' <> '{}' and customer >= first and (customer, held.key collate "C") > (first, second)
            order by customer, held.key collate "C" limit most;
    end if;
end $$;

-- Has events routed and applied once more, as if they came now; those whose body is kept. Returns how many.
create function replay(seqs bigint[], asked jsonb, because text, who text, through text) returns bigint language plpgsql as $$
declare
    replayed bigint;
begin
    perform from inbox where seq = any(seqs) order by seq for update;
    update inbox set state = 'received', customer = null, waits_on = '{}', detail = '', retry_at = null, attempts = 0,
            claimed_until = null
        where seq = any(seqs) and source = 'webhook' and octet_length(body) > 0;
    get diagnostics replayed = row_count;
    insert into audit (actor, caller, action, note, before, after)
        values (who, through, 'events_replayed', because, asked, jsonb_build_object('events', replayed));
    return replayed;
end $$;
