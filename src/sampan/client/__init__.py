"""Floor 5: the near end of the Docker Engine API: what every CLI verb speaks through.

Zone: calm; and light: imports count (see tests/unit/cli/test_imports.py).
"""
