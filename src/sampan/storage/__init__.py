"""Floor 2: blobs, layers and image records on disk, verified and crash-safe.

Zone: calm (plain synchronous code that may block; the engine calls it on worker threads).
"""
