"""Floor 5: the far end of the Docker Engine API: HTTP/1.1 in, engine verbs called, JSON and streams out.

Zone: async.
"""
