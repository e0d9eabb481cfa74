"""Dockerfiles that are meant to hurt: a clean answer within two seconds (security recipe E12)."""

import contextlib
import random
import time

import pytest

from sampan.build.graph import BaseImage
from sampan.build.parser import parse
from sampan.build.plan import Options, plan
from sampan.build.source import DockerfileError
from sampan.errors import SampanError
from sampan.oci.image import Config

WORDS = [
    "FROM",
    "RUN",
    "COPY",
    "ADD",
    "ARG",
    "ENV",
    "<<EOF",
    "EOF",
    "\\",
    "\n",
    "\n",
    '"',
    "'",
    "${",
    "}",
    "$a",
    ":-",
    "##",
    "%",
    "/",
    "--from=",
    "--mount=",
    "type=",
    "busybox",
    "AS",
    "a",
    "=",
    "[",
    "]",
    "#",
    "escape",
    "\0",
    "é",
    "ONBUILD",
    "HEALTHCHECK",
    "CMD",
    "`",
    "*",
    "//",
    "..",
    "\t",
    " ",
]


def build(text: str) -> None:
    dockerfile, findings = parse(text)
    plan(
        dockerfile,
        Options("x86_64"),
        lambda name, _: BaseImage(name, name, Config(), "linux/amd64"),
        findings,
    )


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN " + "x" * 2_000_000,
        "FROM a\n" + "RUN x\n" * 120_000,
        "FROM a\nENV a=" + "${a:-" * 500 + "}" * 500,
        "FROM a\nARG a=" + "ab" * 30_000 + "\nENV b=${a//*a*b*c/x}",
        "FROM a\nRUN <<EOF\n" + "x\n" * 50_000,
        "\n".join(f"FROM a{i} AS s{i}" for i in range(1200)),
        "FROM a\nCOPY " + "x " * 100_000 + "/y",
    ],
    ids=["line", "lines", "nesting", "pattern", "heredoc", "stages", "words"],
)
def test_a_clean_end(text: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(SampanError):
        build(text)
    assert time.perf_counter() - began < 4


def test_a_chain_of_stages_has_its_end() -> None:
    text = "FROM a AS s0\n" + "\n".join(f"FROM s{i} AS s{i + 1}" for i in range(900))
    with pytest.raises(DockerfileError, match="nested too deeply"):
        build(text)


def test_noise_is_only_ever_refused() -> None:
    chance = random.Random(4)
    for _ in range(3000):
        text = "FROM busybox\n" + "".join(chance.choice(WORDS) + chance.choice(["", " "]) for _ in range(20))
        with contextlib.suppress(SampanError):
            build(text)
