"""At the building of a wheel: the manual pages go to share/man/man1."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface[Any]):
    """Found by its base class; named in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":  # an editable install has its tree, and no share/
            return
        sys.path.insert(0, str(Path(self.root) / "src"))
        from sampan.cli.manual import pages

        self._place = Path(tempfile.mkdtemp(prefix="sampan-man-"))
        for name, text in pages().items():
            (self._place / name).write_text(text, encoding="utf-8")
            build_data["shared_data"][str(self._place / name)] = f"share/man/man1/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version == "standard":
            shutil.rmtree(self._place)
