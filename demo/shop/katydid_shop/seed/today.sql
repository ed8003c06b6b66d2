-- The trade of the current day up to now: 2,000 orders of one line, by the customers of 2,000 older orders.
-- Run at every start of a stack, because the cached history ends at midnight.

SET session_replication_role = replica;
SELECT setseed(0.24);

WITH placed AS (
    INSERT INTO orders (tenant_id, customer_id, status, total_cents, created_at)
    SELECT o.tenant_id, o.customer_id, 'new', p.price_cents,
           date_trunc('day', now(), 'UTC') + random() * (now() - date_trunc('day', now(), 'UTC'))
    FROM orders AS o JOIN products AS p ON p.id = (o.tenant_id - 1) * 100 + 1 + o.id % 20
    WHERE o.id BETWEEN 100001 AND 102000
    ORDER BY o.id
    RETURNING id, tenant_id, total_cents
)
INSERT INTO order_lines (order_id, product_id, quantity, unit_price_cents)
SELECT placed.id, p.id, 1, p.price_cents
FROM placed JOIN LATERAL (
    SELECT id, price_cents FROM products
    WHERE tenant_id = placed.tenant_id AND price_cents = placed.total_cents ORDER BY id LIMIT 1
) AS p ON true;
