"""SQL stores: SQLite (embedded) and PostgreSQL behind one schema."""

from tradingkb.stores.digests import survey
from tradingkb.stores.partial import partial
from tradingkb.stores.store import SqlTrialStore

__all__ = ["SqlTrialStore", "partial", "survey"]
