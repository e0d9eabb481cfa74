"""`sampan system …`, one file per verb."""
