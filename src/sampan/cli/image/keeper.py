"""Credential helpers: `docker-credential-NAME get|store|erase`, JSON on stdin and stdout (Docker's
credential helper protocol).
"""

from __future__ import annotations

import subprocess

from sampan.cli.console import ExitWith
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ABSENT = "credentials not found in native keychain"
_TOKEN = "<token>"


def get(helper: str, server: str) -> dict[str, str]:
    """{} for none."""
    status, text = _run(helper, "get", server.encode())
    if status:
        if _ABSENT in text:
            return {}
        raise ExitWith(1, f"error getting credentials - err: exit status {status}, out: `{text}`")
    try:
        found: dict[str, Any] = json.loads(text)
        user, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        raise ExitWith(
            1, f"error getting credentials - err: docker-credential-{helper} said no JSON"
        ) from None
    return {"identitytoken": secret} if user == _TOKEN else {"username": user, "password": secret}


def store(helper: str, server: str, user: str, secret: str) -> None:
    document = json.dumpb({"ServerURL": server, "Username": user, "Secret": secret})
    status, text = _run(helper, "store", document)
    if status:
        raise ExitWith(1, f"error storing credentials - err: exit status {status}, out: `{text}`")


def erase(helper: str, server: str) -> None:
    status, text = _run(helper, "erase", server.encode())
    if status and _ABSENT not in text:
        raise ExitWith(1, f"error erasing credentials - err: exit status {status}, out: `{text}`")


def _run(helper: str, verb: str, data: bytes) -> tuple[int, str]:
    program = f"docker-credential-{helper}"
    if "/" in helper or "\0" in helper:
        raise ExitWith(1, f"error getting credentials - err: {program} is no name of a program")
    try:
        done = subprocess.run([program, verb], input=data, stdout=subprocess.PIPE, check=False)
    except OSError:
        reason = f'exec: "{program}": executable file not found in $PATH'
        raise ExitWith(1, f"error getting credentials - err: {reason}, out: ``") from None
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()
