"""Long work: one at a time per workspace, by leases in SQL, and jobs that nobody waits for."""

from tradingkb.jobs.held import BrokenLease
from tradingkb.jobs.holder import own_name, user_name
from tradingkb.jobs.kinds import Kind, read_arguments
from tradingkb.jobs.lease import Lease, Leases
from tradingkb.jobs.queue import Jobs
from tradingkb.jobs.runner import JobRunner
from tradingkb.jobs.verbs import LongWork
from tradingkb.jobs.watch import Watches

__all__ = [
    "BrokenLease",
    "JobRunner",
    "Jobs",
    "Kind",
    "Lease",
    "Leases",
    "LongWork",
    "Watches",
    "own_name",
    "read_arguments",
    "user_name",
]
