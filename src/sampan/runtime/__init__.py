"""Floor 2: the OCI runtime, the launcher that forks, and the monitor that outlives the daemon.

Zone: lonely (one thread, no loop of anybody else; may fork and change namespaces).
"""
