"""`sampan builder …`."""
