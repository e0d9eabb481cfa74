"""What the cache takes for the same, and what not; kills in between; other places for context and result."""

import contextlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from harness.daemon import Daemon

FILE = {"Dockerfile": "FROM busybox\nCOPY f /f\nRUN cp /f /g\n", "f": "one"}


def test_times_and_owners_do_not_count(builder: Any) -> None:
    builder(FILE)
    os.utime(builder.directory / "f", (1, 1))
    os.chown(builder.directory / "f", 5, 5)
    builder.again()
    assert builder.cached() == 2


def test_content_and_mode_do(builder: Any) -> None:
    builder(FILE)
    builder({"f": "two"})
    assert builder.cached() == 0
    os.chmod(builder.directory / "f", 0o755)
    builder.again()
    assert builder.cached() == 0
    builder({"Dockerfile": FILE["Dockerfile"].replace("/g", "/h")})
    assert builder.cached() == 1


def test_no_cache_and_filters(builder: Any) -> None:
    files = {"Dockerfile": "FROM busybox AS a\nRUN echo a\nFROM a AS b\nRUN echo b\n"}
    builder(files)
    builder.again("--no-cache-filter", "b")
    assert builder.cached() == 1
    builder.again("--no-cache")
    assert builder.cached() == 0


def test_arguments_count_where_they_are_seen(builder: Any) -> None:
    files = {"Dockerfile": "FROM busybox\nRUN echo before\nARG A\nRUN echo after\n"}
    builder(files, "--build-arg", "A=1")
    builder.again("--build-arg", "A=2")
    assert builder.cached() == 1


def test_the_same_digest_twice(builder: Any) -> None:
    flags = ("--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1700000000")
    files = {"Dockerfile": "FROM busybox\nWORKDIR /w\nRUN date > /dev/null; echo x > y\nCOPY f .\n", "f": "f"}
    one = builder(files, *flags)
    os.utime(builder.directory / "f")
    two = builder.again(*flags)
    ids = {json.loads(builder.sampan("inspect", image).out)[0]["Id"] for image in (one, two)}
    assert len(ids) == 1


def test_independent_stages_run_together(builder: Any) -> None:
    wait = (
        "i=0; while [ $i -lt 100 ] && ! [ -e /c/{other} ]; do sleep 0.1; i=$((i+1)); done; [ -e /c/{other} ]"
    )
    stage = (
        "FROM busybox AS {name}\nRUN --mount=type=cache,id=meet,target=/c touch /c/{name}; "
        + wait
        + "\nRUN touch /{name}\n"
    )
    dockerfile = stage.format(name="a", other="b") + stage.format(name="b", other="a")
    dockerfile += "FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    builder({"Dockerfile": dockerfile})


def test_a_failed_step_can_be_entered(builder: Any) -> None:
    builder({"Dockerfile": "FROM busybox\nENV A=b\nRUN echo left > /left && exit 4\n"}, check=False)
    assert "sampan debug " in builder.result.err
    identity = builder.result.err.split("sampan debug ")[1].split("`")[0]
    script = "cat /left; echo $A"
    assert builder.sampan("debug", identity, "sh", "-c", script).out == "left\nb\n"


def test_outputs(builder: Any, tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY f /dir/f\n", "f": "exported"}
    builder(files, "-o", str(tmp_path / "local"))
    assert (tmp_path / "local/dir/f").read_text() == "exported"
    builder.again("-o", f"type=tar,dest={tmp_path}/root.tar")
    with tarfile.open(tmp_path / "root.tar") as tar:
        assert "dir/f" in tar.getnames()
    builder.again("-o", f"type=oci,dest={tmp_path}/oci.tar", "--iidfile", str(tmp_path / "iid"))
    with tarfile.open(tmp_path / "oci.tar") as tar:
        assert {"oci-layout", "index.json"} <= set(tar.getnames())
    assert (tmp_path / "iid").read_text().startswith("sha256:")


def test_check_builds_nothing(builder: Any) -> None:
    builder({"Dockerfile": "FROM busybox AS Bad\nRUN exit 1\n"}, "--check", check=False)
    assert "StageNameCasing" in builder.result.err
    builder({"Dockerfile": "FROM busybox\nRUN exit 1\n"}, "--check")


def test_a_git_repository(builder: Any, tmp_path: Path) -> None:
    """As `ADD` takes one: the ref is checked out, and no option of git hides in it."""
    said = builder.sampan("build", "https://127.0.0.1:1/x.git#--upload-pack=touch /tmp/x", check=False)
    assert said.code == 1
    assert "invalid git ref" in said.err


def test_a_killed_daemon_leaves_nothing(builder: Any, daemon: Daemon) -> None:
    files = {"Dockerfile": "FROM busybox\nRUN echo first\nRUN echo started; sleep 1000\n"}
    builder.directory.joinpath("Dockerfile").write_text(files["Dockerfile"])
    build = builder.sampan.start("build", "--progress=plain", str(builder.directory))
    assert build.stderr is not None
    for line in build.stderr:
        if b" started" in line:
            break
    daemon.kill()
    build.wait(30)
    daemon.start()
    builder(FILE)
    assert not [name for name in os.listdir(daemon.data / "ingest") if name.startswith("build-")]


def test_a_client_that_goes_ends_the_build(builder: Any) -> None:
    builder.directory.joinpath("Dockerfile").write_text("FROM busybox\nRUN echo started; sleep 1000\n")
    build = builder.sampan.start("build", "--progress=plain", str(builder.directory))
    assert build.stderr is not None
    for line in build.stderr:
        if b" started" in line:
            break
    build.kill()
    build.wait(30)


def test_clients_that_go_at_any_moment(builder: Any) -> None:
    """SAMPAN_BUILD_KILLS in the environment: how many; the default is for every day."""
    builder.directory.joinpath("Dockerfile").write_text(
        "FROM busybox\nRUN echo a\nCOPY . /c\nRUN sleep 1000\n"
    )
    for number in range(int(os.environ.get("SAMPAN_BUILD_KILLS", "4"))):
        build = builder.sampan.start("build", "--no-cache", str(builder.directory))
        with contextlib.suppress(subprocess.TimeoutExpired):
            build.wait(0.1 + number % 16 * 0.06)
        build.kill()
        build.communicate()


def test_a_working_directory_belongs_to_the_user(builder: Any) -> None:
    """As in BuildKit; the classic builder left it to root."""
    image = builder({"Dockerfile": "FROM busybox\nUSER 1000:1001\nWORKDIR /made/by\nWORKDIR /tmp\n"})
    shown = builder.sampan("run", "--rm", image, "stat", "-c", "%u:%g", "/made", "/made/by", "/tmp").out
    assert shown.split()[:2] == ["1000:1001", "1000:1001"]
    assert shown.split()[2] != "1000:1001"


def test_a_linked_copy_does_not_depend_on_what_is_below(builder: Any) -> None:
    text = "FROM busybox\nRUN {made} && ln -s /real /place\nCOPY --link f /place/f\nRUN cat /place/f > /g\n"
    one = builder({"Dockerfile": text.format(made="mkdir /real"), "f": "linked"})
    looked = ("sh", "-c", "cat /g /place/f; [ -L /place ] || echo directory; ls /real")
    assert builder.sampan("run", "--rm", one, *looked).out == "linkedlinkeddirectory\n"
    two = builder({"Dockerfile": text.format(made="mkdir -p /real/sub")})
    assert builder.cached() == 1  # the COPY, and not the RUN on top of it
    assert builder.sampan("run", "--rm", two, *looked).out == "linkedlinkeddirectory\nsub\n"
    builder.again()
    assert builder.cached() == 3
