"""A program of its own: runs a command, and ends it when its own input closes.

The input closes when whoever started it has ended, also by SIGKILL. Python's standard library
alone, so that it starts at once.
"""

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> None:
    """Runs the command; ends with its exit code, or after ending it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def ended() -> None:
        os._exit(child.wait() & 255)

    threading.Thread(target=ended, daemon=True).start()
    sys.stdin.buffer.read()
    child.terminate()
    child.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
