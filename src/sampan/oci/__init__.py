"""Floor 1: the specifications of the Open Container Initiative, as data: references, digests, images, bundles.

Zone: any; nothing here does I/O.
"""
