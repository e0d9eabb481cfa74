"""`sampan-runtime`: the OCI runtime's own command line, for other engines. Zone: lonely.

It needs no daemon, launcher or monitor: a container is a directory below `--root` and its processes. One file
per verb; the verbs, their flags and their answers are those that runc has, since that is what engines call.
"""
