"""Floor 2: the name server at 127.0.0.11 of every container on a network of users'.

Zone: async, in a process of its own: one for a run root, which outlives the daemon as the monitors do. It
reads the names from a file that the daemon writes, and gets its sockets, made inside the containers' network
namespaces, from whoever starts a container.
"""
