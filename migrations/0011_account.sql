-- The Stripe account that everything here is of, since the first contact with it. Unknown as long as Stripe was not there, or
-- the key may not know it.
alter table deployment add column account text;
