"""Long work: one at a time per workspace, by leases in SQL, and jobs that nobody waits for."""

from tradingkb.jobs.held import BrokenLease, break_lease, lease_table
from tradingkb.jobs.kinds import Kind, read_arguments
from tradingkb.jobs.lease import Lease, Leases
from tradingkb.jobs.queue import Jobs
from tradingkb.jobs.runner import JobRunner
from tradingkb.jobs.unhurried import takes_long

__all__ = [
    "BrokenLease",
    "JobRunner",
    "Jobs",
    "Kind",
    "Lease",
    "Leases",
    "break_lease",
    "lease_table",
    "read_arguments",
    "takes_long",
]
