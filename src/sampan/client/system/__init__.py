"""The verbs of `system`, one file each: a request of the Engine API, its answer decoded."""
