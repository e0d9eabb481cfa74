"""The image that a build ends with: configuration, history, and the one commit that names it. Calm."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from sampan.build import exchange
from sampan.build.cache import Record
from sampan.build.graph import StagePlan, Step
from sampan.engine import timestamps
from sampan.engine.builds.made import Made
from sampan.engine.engine import Engine
from sampan.errors import NotFound
from sampan.oci import digest as digests
from sampan.oci.image import LAYER_LIMIT, Config, History, ImageConfig, RootFs
from sampan.storage.images import NewImage
from sampan.storage.leases import Lease

_COMMENT = "buildkit.dockerfile.v0"


class Committed(NamedTuple):
    """`new`: there was no such image before."""

    id: str
    new: bool


class Finished(NamedTuple):
    """`made` and `empty` by id() of the node, as the solver has them."""

    target: StagePlan
    made: Mapping[int, Made]
    empty: set[int]
    labels: Mapping[str, str]
    epoch: int | None
    records: Sequence[Record] = ()  # that the image shall carry


def commit(engine: Engine, finished: Finished, tags: Sequence[tuple[str, str]], lease: Lease) -> Committed:
    top = finished.made[id(finished.target.top)]
    numbers = [*(top.base.layers if top.base else ()), *top.layers]
    with engine.images.store.commit_lock:  # a diff id does not turn into a real one meanwhile
        diff_ids = [_diff_id(engine, number, lease) for number in numbers]
        created = finished.epoch / 1e9 if finished.epoch is not None else (top.created or time.time())
        document = _document(engine, finished, top, diff_ids)
        on_host = top.base is not None and (top.base.is_host or top.base.row.on_host)
        image = NewImage(msgspec.json.encode(document), created, diff_ids, [], on_host=on_host)
        records = engine.images.records
        if again := records.again(image.config, tags):
            return Committed(again, new=False)
        known = records.get(digests.of(image.config)) is not None
        return Committed(records.commit(image, tags), not known)


def _diff_id(engine: Engine, number: int, lease: Lease) -> str:
    layer = engine.images.layers.numbered(number)
    if layer is None or not engine.images.layers.has(lease, layer.diff_id):
        raise NotFound(f"layer {number} of the build is gone: build again")
    return layer.diff_id


def _document(engine: Engine, finished: Finished, top: Made, diff_ids: Sequence[str]) -> ImageConfig:
    target = finished.target
    if len(diff_ids) > LAYER_LIMIT:
        raise NotFound(f"the image would have more than the {LAYER_LIMIT} layers that can be mounted")
    system, architecture, variant = (*target.platform.split("/"), "", "")[:3]
    base = top.base.config if top.base else None
    return ImageConfig(
        rootfs=RootFs("layers", list(diff_ids)),
        architecture=base.architecture if base else architecture,
        os=base.os if base else system,
        variant=(base.variant if base else variant) or None,
        created=_stamp(finished, top.created),
        author=target.author or None,
        config=_run_config(target.final, finished.labels),
        history=[*(base.history or [] if base else ()), *_history(finished)],
        build_cache=exchange.inline(finished.records, _places(top)) or None,
    )


def _places(top: Made) -> dict[int, int]:
    """Of the layers by number, in the image. One that is there twice counts where it is higher."""
    numbers = [*(top.base.layers if top.base else ()), *top.layers]
    return {number: place for place, number in enumerate(numbers)}


def _run_config(config: Config, labels: Mapping[str, str]) -> Config:
    if labels:
        config.Labels = {**(config.Labels or {}), **labels}
    return config


def _history(finished: Finished) -> list[History]:
    """Of the target's stage and of the stages that it is built from. An instruction without files is as old
    as the files below it, so that a build from the cache gives the same image."""
    found: list[History] = []
    chain: list[StagePlan] = []
    stage: StagePlan | None = finished.target
    while stage is not None:
        chain.append(stage)
        stage = stage.bottom_stage
    for one in reversed(chain):
        moment = finished.made[id(one.bottom)].created
        for step in one.steps:
            if step.node is not None:
                moment = finished.made[id(step.node)].created
            found.append(_entry(finished, step, moment))
    return found


def _entry(finished: Finished, step: Step, moment: float) -> History:
    empty = step.node is None or id(step.node) in finished.empty
    told = step.created_by
    return History(
        created=_stamp(finished, moment),
        created_by=told,
        comment=_COMMENT,
        empty_layer=True if empty else None,
    )


def _stamp(finished: Finished, moment: float) -> str:
    nanoseconds = finished.epoch if finished.epoch is not None else int(moment * 1e6) * 1000
    return timestamps.text(nanoseconds or timestamps.now())
