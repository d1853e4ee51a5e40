-- What operators are shown is counted by these; few rows are ever in them.
create index inbox_parked on inbox (seq) where state = 'parked';
create index inbox_waiting_seq on inbox (seq) where state = 'waiting';
-- A renewal is overdue and Stripe was asked.
create index customer_unconfirmed on customer (customer) where facts -> 'carried_until' <> '{}';
