"""Named and anonymous local volumes, one file per verb. Zone: async; `store` is calm."""
