"""Floor 2: the client of the OCI distribution specification: tokens, mirrors, manifests, blobs with resume.

Zone: calm (plain synchronous code that may block; the engine calls it on worker threads).
"""
