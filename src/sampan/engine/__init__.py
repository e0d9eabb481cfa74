"""Floor 4: the domain: containers, images, volumes, events, and the states that they are in.

Zone: async (one event loop; whatever blocks runs on worker threads).
"""
