"""Long work: one at a time, by leases in SQL."""

from tradingkb.jobs.held import BrokenLease, break_lease, lease_table
from tradingkb.jobs.lease import Lease, Leases

__all__ = ["BrokenLease", "Lease", "Leases", "break_lease", "lease_table"]
