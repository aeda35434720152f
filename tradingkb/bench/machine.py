"""On what was measured."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("tradingkb", "polars", "numpy", "sqlalchemy", "qdrant-client", "optuna")


def describe(at: datetime) -> dict[str, str]:
    """Machine, system, versions and date."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
        "system": f"{_system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}",
        "libraries": ", ".join(f"{name} {version(name) or 'missing'}" for name in _LIBRARIES),
        "date": at.date().isoformat(),
    }


def load() -> str:
    """How many processes wanted a core over the last minute: what else the machine was doing."""
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except (AttributeError, OSError):
        return "unknown"


def version(distribution: str) -> str | None:
    """The version of an installed package, None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def peak_memory_mb() -> float:
    """The most memory that this process ever held, resident, in 10^6 bytes."""
    # On Linux the maximum of getrusage survives exec: a child would report its parent's.
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        peak = next((line for line in lines if line.startswith("VmHWM:")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1024 / 1e6
    import resource

    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_bytes / 1e6 if platform.system() == "Darwin" else peak_bytes * 1024 / 1e6


def children_s() -> float:
    """Seconds that processors worked for this process's children, those that have ended."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return "memory unknown"
    return f"{size / 2**30:.0f} GiB"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
