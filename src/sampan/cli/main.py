"""The command's first file, run by path: `python3 -I -S …/sampan/cli/main.py ARGUMENTS`.

Without `site` and without a search path of its own; so the package is told where it is, which also
keeps every other package beside it from being found instead of the standard library. A script is
compiled at each start: everything else is in files that have a .pyc.
"""

import sys


def _adopt_package() -> None:
    package = type(sys)("sampan")
    package.__path__ = [__file__.rpartition("/cli/")[0]]
    package.__file__ = package.__path__[0] + "/__init__.py"
    sys.modules["sampan"] = package


if __name__ == "__main__":
    if "sampan" not in sys.modules:
        _adopt_package()
    from sampan.cli.dispatch import main

    main(sys.argv[1:])
