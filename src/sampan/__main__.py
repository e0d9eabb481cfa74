"""`python -m sampan`: the same command, for those who have no script on their PATH."""

import sys

from sampan.cli.dispatch import main

if __name__ == "__main__":
    main(sys.argv[1:])
