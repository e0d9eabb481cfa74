"""`sampan manifest …`."""
