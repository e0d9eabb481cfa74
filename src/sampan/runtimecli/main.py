"""The first file of sampan-runtime: `python3 -I -S …/sampan/runtimecli/main.py ARGUMENTS`."""

import sys


def _adopt_package() -> None:
    package = type(sys)("sampan")
    package.__path__ = [__file__.rpartition("/runtimecli/")[0]]
    package.__file__ = package.__path__[0] + "/__init__.py"
    sys.modules["sampan"] = package


if __name__ == "__main__":
    if "sampan" not in sys.modules:
        _adopt_package()
    from sampan.runtimecli.dispatch import main

    sys.exit(main(sys.argv[1:]))
