"""`cp` while the container exchanges what is asked for with links (CVE-2018-15664, CVE-2021-41089,
CVE-2026-42306). A canary on the machine is neither read nor written."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from harness.archives import request
from harness.clients import Client
from harness.daemon import Daemon

TURNS = int(os.environ.get("SAMPAN_CP_RACES", "60"))
FLIP = (
    "mkdir -p /a /b; echo inside > /b/secret; ln -s {canary} /l; ln -s /../../../../..{canary} /u;"
    "while :; do mv -T /b /d; mv -T /d /b; ln -sfn {canary} /d; rm /d; ln -sfn /b /d; rm -f /d; done"
)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    place = tmp_path / "canary"
    place.mkdir(mode=0o700)
    (place / "secret").write_text("the machine's own")
    return place


def test_the_canary_is_not_touched(daemon: Daemon, sampan: Client, canary: Path) -> None:
    name = "racer"
    sampan("run", "-d", "--name", name, "busybox", "sh", "-c", FLIP.format(canary=canary))
    try:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo("planted")
            member.mode, member.size = 0o4777, 3
            archive.addfile(member, io.BytesIO(b"bad"))
            directory = tarfile.TarInfo(".")
            directory.type, directory.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(directory)
        for turn in range(TURNS):
            for path in ("/d/secret", "/d/", "/l/secret", "/u/secret", "/d"):
                answer = request(daemon.host, "GET", name, path)
                assert b"the machine's own" not in answer, (turn, path)
                request(daemon.host, "HEAD", name, path)
            for path in ("/d", "/l", "/u", "/"):
                request(daemon.host, "PUT", name, path, buffer.getvalue())
        assert os.listdir(canary) == ["secret"]
        assert (canary / "secret").read_text() == "the machine's own"
        assert stat.S_IMODE(canary.stat().st_mode) == 0o700
    finally:
        sampan("rm", "-f", name)
