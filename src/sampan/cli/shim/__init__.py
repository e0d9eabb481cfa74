"""`sampan shim …`, one file per verb."""
