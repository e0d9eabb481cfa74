"""Container events, with the attributes that Docker's have: image, name, labels, and what the action adds."""

from sampan.engine.containers.record import Container
from sampan.engine.events import Bus


def tell(bus: Bus, container: Container, action: str, **more: str) -> None:
    config = container.definition.config
    attributes = {**(config.labels or {}), "image": config.image, "name": container.name, **more}
    bus.publish("container", action, container.id, attributes)
