"""An image gets its right id, once its configuration is known (docs/adr/0007-commit.md).

The table `config_names` says what an id, or the digest of a configuration, stands for that is not, or not any
more, the id of an image. Its rows outlive the image: who loads it again can go on using them.
"""

import sqlite3

from sampan.oci import digest as digests

_TABLES = ("image_layers", "image_blobs", "tags", "digests")


def rename(sql: sqlite3.Connection, old: str, config: bytes) -> None:
    """`old` becomes the digest of `config`. An image of that id may be here already: then they are one."""
    new = digests.of(config)
    sql.execute(
        "INSERT OR IGNORE INTO images SELECT ?, ?, created, size, tagged, host FROM images WHERE id = ?",
        (new, config, old),
    )
    sql.execute("INSERT OR IGNORE INTO blobs (digest, size) VALUES (?, ?)", (new, len(config)))
    sql.execute("INSERT OR IGNORE INTO image_blobs VALUES (?, ?)", (new, new))
    sql.execute("DELETE FROM image_blobs WHERE image = ? AND digest = ?", (old, old))
    for table in _TABLES:
        sql.execute(f"UPDATE OR IGNORE {table} SET image = ? WHERE image = ?", (new, old))
    sql.execute("DELETE FROM images WHERE id = ?", (old,))
    sql.execute("UPDATE config_names SET image = ? WHERE image = ?", (new, old))
    sql.execute("DELETE FROM config_names WHERE digest = ?", (new,))
    sql.execute("INSERT OR REPLACE INTO config_names VALUES (?, ?)", (old, new))


def aliases(sql: sqlite3.Connection) -> dict[str, str]:
    """The id that an image has by now, for what it was called before."""
    return dict(sql.execute("SELECT digest, image FROM config_names").fetchall())
