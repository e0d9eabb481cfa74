"""Docker's defaults, and the specification's own schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from sampan.linux import capability
from sampan.oci import runtime

SCHEMA = Path(__file__).resolve().parents[4] / "shared/data/oci-runtime-schema"


def test_the_capability_mask_is_dockers() -> None:
    assert capability.mask(list(runtime.CAPABILITIES)) == 0xA80425FB


def test_device_rules_deny_first() -> None:
    assert runtime.DEVICE_RULES[0] == {"allow": False, "access": "rwm"}
    assert {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"} in runtime.DEVICE_RULES


@pytest.mark.skipif(not SCHEMA.exists(), reason="the specification's schema is not here")
def test_a_spec_made_of_the_defaults_is_valid() -> None:
    spec: dict[str, Any] = {
        "ociVersion": runtime.VERSION,
        "process": {
            "cwd": "/",
            "args": ["true"],
            "user": {"uid": 0, "gid": 0, "username": "bob:wheel"},
            "capabilities": {"bounding": list(runtime.CAPABILITIES)},
        },
        "root": {"path": "rootfs"},
        "mounts": list(runtime.MOUNTS),
        "linux": {
            "namespaces": runtime.namespaces(cgroup_private=True),
            "resources": {"devices": [*runtime.DEVICE_RULES, *runtime.RUNTIME_DEVICE_RULES]},
            "maskedPaths": list(runtime.MASKED_PATHS),
            "readonlyPaths": list(runtime.READONLY_PATHS),
            "sysctl": runtime.SYSCTLS,
        },
    }

    def retrieve(uri: str) -> Resource[Any]:
        contents = json.loads((SCHEMA / uri.rsplit("/", 1)[-1]).read_text())
        return Resource.from_contents(contents, default_specification=DRAFT4)

    schema = json.loads((SCHEMA / "config-schema.json").read_text())
    jsonschema.Draft4Validator(schema, registry=Registry(retrieve=retrieve)).validate(spec)
