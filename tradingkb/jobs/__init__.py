"""Long work: one at a time, by leases in SQL."""

from tradingkb.jobs.lease import Leases

__all__ = ["Leases"]
