"""`python3 -I -S …/sampan/resolver/__main__.py PACKAGES LIBRARIES RUN_ROOT`: the resolver, as the launcher
starts it. Descriptor 0 is told when it listens."""

import sys

if __name__ == "__main__":
    sys.path[:0] = [sys.argv[1]]
    sys.path.append(sys.argv[2])
    from sampan.resolver.server import main

    main(sys.argv[3])
