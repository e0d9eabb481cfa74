"""The life of containers, one file per verb. Zone: async."""
