"""Tests in a process of their own."""

import functools
import os
import traceback
from collections.abc import Callable

Test = Callable[..., None]


def alone(test: Test) -> Test:
    """For what changes the process that does it: whoever makes a time namespace has all its further children
    in that (unshare(2)), and /proc tells the daemons of later tests other times than us."""

    @functools.wraps(test)
    def forked(*arguments: object, **named: object) -> None:
        child = os.fork()
        if child == 0:
            try:
                test(*arguments, **named)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "see what it has printed"

    return forked
