-- Ninety days of trade, ending at midnight (UTC) before the day of seeding.
-- Set-based and without user input: a few seconds on two cores. The same every time but for the day it ends on.
-- Expects empty tables without their indexes; katydid_shop.seed adds those, and the users, afterwards.

SET max_parallel_workers_per_gather = 0;  -- random() is repeatable only in a plan without parallel workers
SET session_replication_role = replica;   -- the rows below refer to each other by construction: no check per row
SET work_mem = '128MB';
SELECT setseed(0.42);

-- Tenants are as unequal as customers of a real service: the k-th has 1/k of the trade of the first.
CREATE TEMP TABLE share AS
SELECT k AS tenant_id, (1.0 / k) / sum(1.0 / k) OVER () AS part FROM generate_series(1, 50) AS k;

INSERT INTO tenants (slug, name)
SELECT format('tenant-%s', lpad(k::text, 2, '0')), format('Tenant %s Ltd', k) FROM generate_series(1, 50) AS k;

INSERT INTO products (tenant_id, sku, name, price_cents, stock)
SELECT t, format('SKU-%s', lpad(p::text, 4, '0')), format('Product %s of tenant %s', p, t),
       199 + floor(random() * 9800)::int, 1000000
FROM generate_series(1, 50) AS t, generate_series(1, 100) AS p;

INSERT INTO customers (tenant_id, name, email, city)
SELECT tenant_id, format('Customer %s', n), format('customer%s@t%s.example', n, tenant_id),
       (ARRAY['Lyon', 'Porto', 'Leeds', 'Graz', 'Turku', 'Ghent', 'Brno', 'Cork'])[1 + floor(random() * 8)::int]
FROM share, generate_series(1, greatest(20, round(20000 * part)::int)) AS n;

CREATE TEMP TABLE customer_range AS
SELECT tenant_id, min(id) AS first_id, count(*) AS n FROM customers GROUP BY tenant_id;

-- Numbered in the order of time, as a table filled by real traffic would be.
CREATE TEMP TABLE drawn AS
SELECT row_number() OVER (ORDER BY age DESC) AS id, tenant_id, customer_id, age, dice
FROM (
    SELECT tenant_id, first_id + floor(power(random(), 2) * n)::bigint AS customer_id,
           random() * 90 AS age, random() AS dice
    FROM share JOIN customer_range USING (tenant_id), generate_series(1, round(200000 * part)::int + 1)
) AS d;

-- One to four lines each; a few products of a tenant sell much more than the others.
INSERT INTO order_lines (order_id, product_id, quantity, unit_price_cents)
SELECT l.order_id, p.id, l.quantity, p.price_cents
FROM (
    SELECT o.id AS order_id, (o.tenant_id - 1) * 100 + 1 + floor(power(random(), 3) * 100)::bigint AS product_id,
           1 + floor(random() * 5)::int AS quantity
    FROM drawn AS o, generate_series(1, 1 + (o.id * 7 % 4)::int)
) AS l JOIN products AS p ON p.id = l.product_id
ORDER BY l.order_id;

INSERT INTO orders (tenant_id, customer_id, status, total_cents, created_at)
SELECT tenant_id, customer_id,
       CASE WHEN age < 2 THEN 'new' WHEN age < 5 THEN 'paid' WHEN dice < 0.03 THEN 'cancelled' ELSE 'shipped' END,
       total, date_trunc('day', now(), 'UTC') - age * interval '1 day'
FROM drawn JOIN (
    SELECT order_id, sum(quantity * unit_price_cents) AS total FROM order_lines GROUP BY order_id
) AS sums ON order_id = id
ORDER BY id;
