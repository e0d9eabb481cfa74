"""`sampan volume …`, one file per verb."""
