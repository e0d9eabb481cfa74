"""The verbs of `volume`, one file each: a request of the Engine API, its answer decoded."""
