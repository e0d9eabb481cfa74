import hashlib

from sampan.engine.images.remove import chain_ids


def test_chain_ids() -> None:
    """The example of image-spec config.md: each id is over the one below and the layer's own."""
    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    chains = chain_ids([one, two])
    assert chains[0] == one
    assert chains[1] == "sha256:" + hashlib.sha256(f"{one} {two}".encode()).hexdigest()
    assert chain_ids([]) == []
