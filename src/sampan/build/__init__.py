"""The Dockerfile language and the graph that a build is. Zone: *calm*.

Text → `lexer` → `parser` → `instructions` → `stages` → `plan` → `graph`; nothing here runs anything.
"""
