"""Docker's `User` strings: who somebody is, by the container's own files."""

import os

import pytest

from sampan.runtime.failure import OciError
from sampan.runtime.users import User, look_up, read

PASSWD = "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\nbroken\nlong:x:1:x:\n"
GROUP = "root:x:0:\nbob:x:1000:\nadm:x:4:root,bob\nwheel:x:10:bob\n"
# An image that maps every strange word to root (CVE-2024-40635, CVE-2026-46680).
TRAP = "".join(
    f"{name}:x:0:0::/root:\n"
    for name in ("1", "01", "+1", "-1", "4294967296", "2147483648", "٣", " 1", "1_0")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", User(0, 0, (0, 4), "/root")),
        ("root", User(0, 0, (0, 4), "/root")),
        ("bob", User(1000, 1000, (1000, 4, 10), "/home/bob")),
        ("1000", User(1000, 1000, (1000, 4, 10), "/home/bob")),
        ("bob:", User(1000, 1000, (1000, 4, 10), "/home/bob")),
        ("bob:4", User(1000, 4, (4,), "/home/bob")),
        ("bob:adm", User(1000, 4, (4,), "/home/bob")),
        (":4", User(0, 4, (4,), "/root")),
        ("5000", User(5000, 0, (0,), "/")),
        ("5000:6000", User(5000, 6000, (6000,), "/")),
        ("2147483647", User(2147483647, 0, (0,), "/")),
    ],
)
def test_docker_looks_up(text: str, expected: User) -> None:
    assert look_up(text, PASSWD, GROUP) == expected


@pytest.mark.parametrize(("text", "uid"), [("1", 1), ("01", 1), ("+1", 1), ("1:", 1), ("0", 0), ("-0", 0)])
def test_a_number_is_never_a_name(text: str, uid: int) -> None:
    assert look_up(text, TRAP, "").uid == uid


@pytest.mark.parametrize(
    "text",
    ["-1", "2147483648", "4294967295", "4294967296", "9" * 5000, "1:4294967296", "bob:-1"],
)
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(OciError, match="uids and gids must be in range 0-2147483647"):
        look_up(text, PASSWD + TRAP, GROUP)


@pytest.mark.parametrize("text", ["٣", "１", "²", "bob:٣"])
def test_digits_of_other_scripts_are_refused(text: str) -> None:
    with pytest.raises(OciError):
        look_up(text, PASSWD + TRAP, "٣:x:0:\n")


def test_the_sentences_are_dockers() -> None:
    with pytest.raises(OciError, match=r"^unable to find user nobody: no matching entries in passwd file$"):
        look_up("nobody", PASSWD, GROUP)
    with pytest.raises(OciError, match=r"^unable to find group nogroup: no matching entries in group file$"):
        look_up("bob:nogroup", PASSWD, GROUP)


def test_only_small_regular_files_are_read(tmp_path: os.PathLike[str]) -> None:
    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    try:
        os.mkfifo(os.path.join(tmp_path, "fifo"))
        with open(os.path.join(tmp_path, "big"), "wb") as file:
            file.truncate(2**30)
        with open(os.path.join(tmp_path, "passwd"), "w") as file:
            file.write(PASSWD)
        os.symlink("/passwd", os.path.join(tmp_path, "link"))
        assert read(root, "/fifo") == ""
        assert read(root, "/big") == ""
        assert read(root, "/missing") == ""
        assert read(root, "/link") == PASSWD
    finally:
        os.close(root)


def test_a_regular_file_that_cannot_be_read_is_none() -> None:
    root = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
    try:
        assert read(root, "/mem") == ""  # EIO
    finally:
        os.close(root)
