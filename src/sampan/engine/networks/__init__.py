"""Networks: the predefined ones, and those that users make. One file per verb."""
