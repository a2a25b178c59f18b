-- What other systems recorded before the log began: orders of nobody in particular, and customers of
-- whom no more is known than what they are called there.
alter table orders.orders alter column user_id drop not null;
alter table users.users add column external_id text;
