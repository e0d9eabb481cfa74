"""`run`: create and start in one; in the foreground wait, and delete it at its end."""

import os

from sampan.linux import task
from sampan.runtimecli import entry as entries
from sampan.runtimecli.attend import attend, signals
from sampan.runtimecli.create import FLAGS as CREATE_FLAGS
from sampan.runtimecli.create import abandon, check_console, create, load, send_console
from sampan.runtimecli.delete import delete
from sampan.runtimecli.flags import Flag, switch
from sampan.runtimecli.invocation import Invocation, one_operand, preserved, write_pid_file
from sampan.runtimecli.start import start

FLAGS: list[Flag] = [
    *CREATE_FLAGS,
    switch("detach d", "do not wait for its end"),
    switch("keep", "do not delete it at its end"),
    switch("no-subreaper", "leave the container's orphans to somebody else"),
]


def run(invocation: Invocation) -> int:
    identifier = one_operand(invocation, "run")
    given = invocation.given
    bundle = os.path.abspath(given["bundle"] or ".")
    spec = load(bundle)
    detached = given["detach"]
    check_console(spec["process"], given["console-socket"], detached=detached)
    if not detached and not given["no-subreaper"]:
        task.set_child_subreaper(on=True)
    with signals() as woken, entries.create(invocation.root, identifier) as entry:
        made = create(entry, bundle, spec, kept=preserved(given["preserve-fds"], spec["process"]))
        try:
            if made.console is not None and detached:
                send_console(given["console-socket"], made.console)
            write_pid_file(given["pid-file"], made.pid)
            start(entry)
        except BaseException:
            abandon(entry, made)
            raise
        if detached:
            return 0
        code = attend(made.pidfd, made.console, woken)
        if not given["keep"]:
            delete(entry.lock(), invocation.log, force=True)
    return code
