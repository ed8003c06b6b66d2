"""A small multi-tenant order service: something real for katydid to put under load.

It is written the way an ordinary backend team writes such a service (FastAPI, SQLAlchemy, redis-py,
RQ), on PostgreSQL and Valkey. It knows nothing of katydid: no module in here imports it.
"""
