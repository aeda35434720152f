"""How much one workspace may ask: in any minute, and at once."""

from tradingkb.limits.backends import Backend, backend_of
from tradingkb.limits.share import Counted, MemoryShare, Share
from tradingkb.limits.slots import MemorySlots
from tradingkb.limits.windows import MemoryWindows, Take
from tradingkb.limits.workspace import PER_MINUTE, READS, Admission, WorkspaceLimits

__all__ = [
    "PER_MINUTE",
    "READS",
    "Admission",
    "Backend",
    "Counted",
    "MemoryShare",
    "MemorySlots",
    "MemoryWindows",
    "Share",
    "Take",
    "WorkspaceLimits",
    "backend_of",
]
