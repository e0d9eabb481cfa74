"""Floor 7: the command line, one folder per command group, one file per verb. The only floor that prints.

Zone: calm; and light: imports count (see tests/unit/cli/test_imports.py).
"""
