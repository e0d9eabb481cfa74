"""`sampan container …`, one file per verb."""
