"""Builds: a graph of `sampan.build` carried out. Zone: async; files are looked at on worker threads."""
