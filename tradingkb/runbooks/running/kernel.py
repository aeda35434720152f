"""The kernel of one run: that of the running interpreter, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psutil
    from jupyter_client.manager import AsyncKernelManager

#: A socket's name may have some hundred bytes; what is behind the folder takes some twenty.
_LONGEST_FOLDER: Final = 70
_ARGV: Final = (
    *("-m", "ipykernel_launcher", "-f", "{connection_file}"),
    "--HistoryManager.enabled=0",
    # A file of the working folder must not stand in for a module.
    "--InteractiveShellApp.ignore_cwd=1",
)
#: Every chart as its figures alone: the report draws it.
_RENDERER: Final = "plotly_mimetype"
_LAST_BYTES: Final = 2_000


class Kernel:
    """A kernel that is interrupted, or ended with all that it has started."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Takes the environment that the kernel is to have; nothing is started."""
        self._folder = _short_folder()
        self.manager: AsyncKernelManager = _manager(self._folder)
        self._said = self._folder / "said"
        self._environment = {
            **environment,
            "IPYTHONDIR": str(self._folder / "ipython"),  # nobody's start-up files run here
            "PLOTLY_RENDERER": _RENDERER,
        }
        self._pid: int | None = None

    @contextlib.contextmanager
    def options(self) -> Iterator[dict[str, Any]]:
        """How it is started: in this working folder, its own words kept."""
        with self._said.open("wb") as said:
            yield {
                "env": self._environment,
                "cwd": str(Path.cwd()),
                "stdout": said,
                "stderr": said,
            }

    def interrupt(self) -> None:
        """Asks the cell at work to stop, as Ctrl-C does."""
        if (pid := self._its_pid()) is not None:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once, and with it what it has started and what shares its session."""
        if (pid := self._its_pid()) is None:
            return
        started = _descendants(pid)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        for process in started:
            with contextlib.suppress(Exception):  # it has ended meanwhile
                process.kill()

    def death(self) -> str:
        """How the process ended, and the last line of what it has written itself."""
        process = getattr(self.manager.provisioner, "process", None)
        code = process.poll() if process is not None else None
        how = "" if code is None else f" with exit code {code}"
        if code is not None and code < 0:
            how = f" by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += ", as when memory is short"
        try:
            said = self._said.read_bytes()[-_LAST_BYTES:].decode("utf-8", "replace").strip()
        except OSError:
            said = ""
        return f"{how}: {said.splitlines()[-1]}" if said else how

    def close(self) -> None:
        """Ends what is left of it; in the thread that has started it.

        What a run has started in a session of its own stays, once it has succeeded: a service, say.
        """
        from jupyter_core.utils import run_sync

        with contextlib.suppress(Exception):
            if self.manager.has_kernel:
                run_sync(self.manager.shutdown_kernel)(now=True)
        with contextlib.suppress(Exception):
            run_sync(_cleaned)(self.manager)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _its_pid(self) -> int | None:
        """The process; it stays known after its death, for what it leaves behind."""
        found = getattr(self.manager.provisioner, "pid", None)
        self._pid = found if found is not None else self._pid
        return self._pid


async def _cleaned(manager: AsyncKernelManager) -> None:
    from jupyter_core.utils import ensure_async

    await ensure_async(manager.cleanup_resources())


def _manager(folder: Path) -> AsyncKernelManager:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisInterpreter(KernelSpecManager):
        """Knows one kernel, whatever is installed or activated elsewhere."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002 - there is one
            return KernelSpec(
                argv=[sys.executable, *_ARGV], display_name="Python 3", language="python"
            )

    return AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=ThisInterpreter(),
        transport="ipc",
        connection_file=str(folder / "kernel.json"),
        ip=str(folder / "ipc"),
    )


def _short_folder() -> Path:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _LONGEST_FOLDER and Path("/tmp").is_dir():
        folder = "/tmp"
    return Path(tempfile.mkdtemp(prefix="tkb-", dir=folder))


def _descendants(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []
