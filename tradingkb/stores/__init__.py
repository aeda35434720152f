"""SQL stores: SQLite (embedded) and PostgreSQL behind one schema."""

from tradingkb.stores.store import SqlTrialStore

__all__ = ["SqlTrialStore"]
