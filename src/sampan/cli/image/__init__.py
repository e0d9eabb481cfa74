"""`sampan image …`, one file per verb."""
