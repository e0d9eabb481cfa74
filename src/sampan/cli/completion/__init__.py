"""What the shells complete: `sampan completion`, and `sampan __complete`, which their scripts call."""
