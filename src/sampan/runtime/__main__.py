"""`python3 -I -S …/sampan/runtime/__main__.py PACKAGES FD NAME`: the launcher, as the daemon starts it.

`-S` and an explicit path in place of `-m`: no site-packages, no `.pth` files, no environment; the
package may lie in a wheel's directory or in an editable tree. NAME, the run root, is for `ps` only.
"""

import sys

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    # First what a monitor does not touch while its container idles. Objects lie in memory in the order
    # of their making, and what is used together should share pages.
    import sampan.runtime.container
    import sampan.runtime.relay  # noqa: F401
    from sampan.runtime.launcher import main

    main(int(sys.argv[2]))
