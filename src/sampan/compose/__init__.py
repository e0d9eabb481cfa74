"""Compose: files in, a model of the project, a plan, and the requests that carry it out.

Knows only `client`, so it drives any engine that speaks Docker's API. Calm code: synchronous, may block.
"""
