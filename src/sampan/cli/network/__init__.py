"""`sampan network …`, one file per verb."""
