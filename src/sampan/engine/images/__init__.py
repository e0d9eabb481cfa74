"""Images: pulled, loaded, imported, named, listed, removed, and what a container mounts of them.

Zone: calm, unlike the rest of the engine: plain synchronous functions that the engine calls on worker
threads. They report through callbacks and give up when a `threading.Event` says so.
"""
