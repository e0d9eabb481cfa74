"""The first file of sampan-runtime: `python3 -I -S …/sampan/runtimecli/main.py ARGUMENTS`."""

import os
import sys

_ENTERING = ("create", "exec", "run")
_SEALED = "sealed"  # -X: by us


def _adopt_package() -> None:
    package = type(sys)("sampan")
    package.__path__ = [__file__.rpartition("/runtimecli/")[0]]
    package.__file__ = package.__path__[0] + "/__init__.py"
    sys.modules["sampan"] = package


def _go_on_sealed() -> list[str]:
    """Become an interpreter that no container can write to (`runtime.seal`), before anything else is loaded:
    so it costs a start of Python and no more. Returns, with what is to be said, where that cannot be had.

    Also where one of those words is no verb: whoever looks for the verb must have read the flags."""
    if _SEALED in sys._xoptions or not any(word in _ENTERING for word in sys.argv[1:]):
        return []
    from sampan.runtime import seal

    told: list[str] = []
    program = seal.sealed(sys.executable, told.append)
    if program is not None:
        words = [sys.executable, "-X", _SEALED, *sys.orig_argv[1:]]
        os.execv(f"/proc/self/fd/{program}", words)
    return told


if __name__ == "__main__":
    if "sampan" not in sys.modules:
        _adopt_package()
    warnings = _go_on_sealed()
    from sampan.runtimecli.dispatch import main

    sys.exit(main(sys.argv[1:], warnings))
