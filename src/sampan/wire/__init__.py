"""Floor 1: protocols without I/O: bytes in, events out, for the light side.

Zone: any. Imports nothing that a CLI verb cannot afford (no re, enum, typing, json, socket at import).
"""
