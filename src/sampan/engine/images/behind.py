"""What a commit leaves for later, and the next start finds: sizes to be counted, data to be synced, digests
to be computed."""

import logging
import threading

from sampan.errors import Cancelled
from sampan.storage import seal, taken
from sampan.storage.store import Store

_log = logging.getLogger(__name__)
_alone = threading.Lock()


def catch_up(store: Store) -> None:
    """In the background; nobody waits for it."""
    store.behind(_sync)
    store.behind(_seal)


def _sync(store: Store) -> None:
    with _alone:
        try:
            taken.count(store)
            taken.sync(store)
        except Exception:
            _log.exception("cannot finish what a commit left")


def _seal(store: Store) -> None:
    try:
        seal.seal_all(store, store.closing)
    except Cancelled:
        return  # the next start goes on
    except Exception:
        _log.exception("cannot tell the digests of what was committed")
