"""The verbs of `container`, one file each: a request of the Engine API, its answer decoded."""
