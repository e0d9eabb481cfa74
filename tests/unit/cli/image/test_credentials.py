"""X-Registry-Auth."""

import base64
import json
from typing import Any

from sampan.cli.image import credentials


def decoded(config: dict[str, Any], domain: str) -> dict[str, str]:
    header = credentials.header(config, domain)
    return json.loads(base64.urlsafe_b64decode(header)) if header else {}


def test_hub_and_others() -> None:
    auth = base64.b64encode(b"me:pass:word?>").decode()
    config = {"auths": {"https://index.docker.io/v1/": {"auth": auth}, "quay.io": {"identitytoken": "t"}}}
    assert decoded(config, "docker.io") == {
        "serveraddress": "https://index.docker.io/v1/",
        "username": "me",
        "password": "pass:word?>",
    }
    assert decoded(config, "quay.io") == {"serveraddress": "quay.io", "identitytoken": "t"}
    assert decoded(config, "other.io") == {}
    assert decoded({}, "docker.io") == {}


def test_a_broken_entry_is_none() -> None:
    assert decoded({"auths": {"quay.io": {"auth": "%"}}}, "quay.io") == {}
