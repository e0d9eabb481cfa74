"""The way to installed libraries. A verb starts without `site`; the few that need one call `enable` first."""

from __future__ import annotations

import sys


def enable() -> None:
    """Make the site directories importable, behind the standard library: those of the interpreter (`site`
    knows
    about virtual environments and .pth files), and the one that sampan itself lies in (pip --user)."""
    import site

    if not sys.flags.no_site:
        return
    site.main()
    here = __file__.rpartition("/sampan/")[0]
    if here not in sys.path:
        site.addsitedir(here)
