"""The verbs of `network`, one file each: a request of the Engine API, its answer decoded."""
