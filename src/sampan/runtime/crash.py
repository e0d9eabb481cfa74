"""A traceback is never lost: in the run directory, and without importing anything."""

import os
import sys

_FILE = "monitor.err"
_LIMIT = 256 * 1024  # bytes


def report_crash(run_dir: str) -> None:
    """Append the exception that is being handled. Never raises."""
    try:
        path = f"{run_dir}/{_FILE}"
        if os.path.exists(path) and os.path.getsize(path) > _LIMIT:
            return
        before = sys.stderr
        with open(path, "a", encoding="utf-8") as sys.stderr:
            sys.__excepthook__(*sys.exc_info())
        sys.stderr = before
    except OSError:  # no directory, no space: there is nobody else to tell
        return
