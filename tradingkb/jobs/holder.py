"""Who holds a lease or a job: a process of a machine, and whether it still lives."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
import sys
from pathlib import Path


def user_name() -> str:
    """The user of this process; "unknown" where there is none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return "unknown"


def own_name(nonce: str) -> str:
    """host:pid:start:namespace-nonce; the start tells two processes of one number apart."""
    # Ids may begin alike, and hold colons.
    pid, short = os.getpid(), hashlib.sha256(nonce.encode()).hexdigest()[:8]
    return f"{socket.gethostname()}:{pid}:{_started(pid)}:{_namespace()}-{short}"


def shown(holder: str) -> str:
    """The holder as people say it."""
    host, pid, *_ = [*holder.rsplit(":", 3), "?"]
    return f"process {pid} on {host}"


def has_died(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more."""
    return _lives(holder) is False


def is_alive(holder: str) -> bool:
    """Whether the holder is a process of this machine that runs."""
    return _lives(holder) is True


def _lives(holder: str) -> bool | None:
    """Whether a process of this machine runs; None for those of others."""
    parts = holder.rsplit(":", 3)
    if len(parts) != 4 or parts[0] != socket.gethostname() or sys.platform == "win32":
        return None
    namespace = parts[3].partition("-")[0] if "-" in parts[3] else _namespace()
    if namespace != _namespace():  # a container of the same host name: other numbers
        return None
    pid, started = int(parts[1]), parts[2]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not started or _started(pid) == started


def _namespace() -> str:
    """What tells the process numbers of containers apart; empty where the kernel does not say."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where the kernel does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The second field is a name in brackets that may hold anything; the start is the 22nd.
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else "gone"
