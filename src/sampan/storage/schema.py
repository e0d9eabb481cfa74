"""The tables of images, layers and blobs. `SCHEMA` goes to `Database.open`."""

from sampan.storage.database import Schema

SCHEMA = Schema(
    "images",
    (
        """
        CREATE TABLE layers (
            id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the name of its directory; never used twice
            diff_id TEXT NOT NULL UNIQUE,
            size INTEGER NOT NULL,                 -- bytes of its regular files
            opaque INTEGER NOT NULL                -- hides every layer below
        );
        CREATE TABLE blobs (
            digest TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            diff_id TEXT                           -- of the layer that it unpacks to
        ) WITHOUT ROWID;
        CREATE TABLE images (
            id TEXT PRIMARY KEY,                   -- digest of the configuration
            config BLOB NOT NULL,
            created REAL NOT NULL,                 -- seconds since 1970, from the configuration
            size INTEGER NOT NULL,
            tagged REAL NOT NULL,                  -- when it last came in or got a name
            host INTEGER NOT NULL DEFAULT 0        -- the machine itself (engine.images.host)
        ) WITHOUT ROWID;
        CREATE TABLE image_layers (
            image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
            position INTEGER NOT NULL,             -- 0 is the bottom
            layer INTEGER NOT NULL REFERENCES layers,
            PRIMARY KEY (image, position)
        ) WITHOUT ROWID;
        CREATE INDEX image_layers_layer ON image_layers (layer);
        CREATE TABLE image_blobs (
            image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
            digest TEXT NOT NULL REFERENCES blobs,
            PRIMARY KEY (image, digest)
        ) WITHOUT ROWID;
        CREATE INDEX image_blobs_digest ON image_blobs (digest);
        CREATE TABLE tags (
            repository TEXT NOT NULL,              -- canonical: docker.io/library/nginx
            tag TEXT NOT NULL,
            image TEXT NOT NULL REFERENCES images,
            PRIMARY KEY (repository, tag)
        ) WITHOUT ROWID;
        CREATE INDEX tags_image ON tags (image);
        CREATE TABLE digests (
            repository TEXT NOT NULL,
            digest TEXT NOT NULL,                  -- of the manifest or index
            image TEXT NOT NULL REFERENCES images,
            PRIMARY KEY (repository, digest)
        ) WITHOUT ROWID;
        CREATE INDEX digests_image ON digests (image);
        CREATE TABLE layer_holders (
            holder TEXT NOT NULL,                  -- id of a container
            layer INTEGER NOT NULL REFERENCES layers,
            PRIMARY KEY (holder, layer)
        ) WITHOUT ROWID;
        CREATE INDEX layer_holders_layer ON layer_holders (layer)
        """,
        # Layers that were a container's upper directory (docs/adr/0007-commit.md). `pending`: the diff id is
        # only a placeholder so far, and the size -1 until somebody counted. `unsynced`: the boot id of the
        # machine while not all of it is on the disk.
        """
        ALTER TABLE layers ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE layers ADD COLUMN unsynced TEXT;
        ALTER TABLE layers ADD COLUMN tar INTEGER;     -- bytes of the tar, where there is no blob of it
        CREATE TABLE moves (
            layer INTEGER PRIMARY KEY REFERENCES layers ON DELETE CASCADE,
            source TEXT NOT NULL                   -- where the directory goes back to, from the data root
        );
        CREATE TABLE config_names (
            digest TEXT PRIMARY KEY,               -- of a configuration, as save and push write it
            image TEXT NOT NULL                    -- the id that the image was given before
        ) WITHOUT ROWID
        """,
    ),
)
