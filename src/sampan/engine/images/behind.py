"""What a commit leaves for later, and the next start finds: sizes to be counted, data to be synced."""

import logging
import threading

from sampan.storage import taken
from sampan.storage.store import Store

_log = logging.getLogger(__name__)
_alone = threading.Lock()


def catch_up(store: Store) -> None:
    """In the background; nobody waits for it."""
    store.behind(_work)


def _work(store: Store) -> None:
    with _alone:
        try:
            taken.count(store)
            taken.sync(store)
        except Exception:
            _log.exception("cannot finish what a commit left")
