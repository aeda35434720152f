"""Alembic environment: runs on the connection that `tradingkb.stores.migrate` hands over."""

from alembic import context

from tradingkb.stores.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
