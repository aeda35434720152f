"""Long work: one at a time, by leases in SQL."""

from tradingkb.jobs.lease import Lease, Leases

__all__ = ["Lease", "Leases"]
