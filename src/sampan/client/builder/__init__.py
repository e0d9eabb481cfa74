"""Requests about the build cache."""
