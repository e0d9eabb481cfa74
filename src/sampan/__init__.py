"""sampan: a container engine for Linux."""
