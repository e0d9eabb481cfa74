"""`sampan compose …`, one file per verb."""
