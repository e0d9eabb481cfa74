"""Floor 1: the specifications of the Open Container Initiative, as data.

Zone: any; nothing here does I/O.
"""
