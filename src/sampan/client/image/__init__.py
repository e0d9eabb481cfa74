"""The verbs of `image`, one file each: a request of the Engine API, its answer decoded."""
