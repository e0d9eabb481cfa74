"""The way of `up`, `create` and `run` to their containers: observe, plan, apply."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session
    from sampan.compose.apply import Work
    from sampan.compose.model import Project
    from sampan.compose.observe import Observed
    from sampan.compose.plan import Options
    from sampan.compose.steps import BuildImage, PullImage, Step


def prepare(
    session: Session,
    project: Project,
    options: Options,
    *,
    quiet_pull: bool = False,
    quiet_build: bool = False,
) -> tuple[Work, list[Step], Observed]:
    """The images are there; what is left to do."""
    from sampan.compose import observe, plan
    from sampan.compose.apply import Hands, Work, apply

    tell(project)
    say = progress.report(session)

    def pull(step: PullImage) -> None:
        from sampan.cli.compose import making

        making.pull(
            session, step.image, say, platform=project.services[step.service].platform, quiet=quiet_pull
        )

    def build(step: BuildImage) -> None:
        from sampan.cli.compose import making

        given: dict[str, object] = {"quiet": True} if quiet_build else {}
        making.make(session, project, project.services[step.service], given=given)
        say("Image", step.image, "Built")

    observed = observe.observe(session.client, project)
    work = Work(session.client, project, Hands(say, pull, build))
    first = plan.images(project, observed, options)
    if first:
        apply(work, first)
        observed.images.update(observe.images(session.client, project.images()))
    work.images = observed.images
    steps = plan.containers(project, observed, options)
    work.names = _names(project, observed, steps)
    _tell_orphans(session, project, observed, options)
    return work, steps, observed


def _names(project: Project, observed: Observed, steps: list[Step]) -> dict[str, list[str]]:
    """Service → those of its containers that stay."""
    from sampan.compose.steps import CreateContainer, RemoveContainer, RenameContainer

    new = {step.old: step.name for step in steps if isinstance(step, CreateContainer | RenameContainer)}
    gone = {step.name for step in steps if isinstance(step, RemoveContainer)}
    return {
        name: [new.get(item.name, item.name) for item in observed.of_service(name) if item.name not in gone]
        for name in project.services
    }


def tell(project: Project) -> None:
    """What has no effect, and what the project cannot do without. Raises Unsupported for that."""
    from sampan.errors import Unsupported

    for line in project.idle:
        console.error(f"WARN[0000] {line}")
    if project.refused:
        raise Unsupported("\n".join(project.refused))


def dry_run(session: Session, project: Project, options: Options) -> int:
    """The plan, and nothing else."""
    from sampan.compose import observe, plan, steps

    tell(project)
    observed = observe.observe(session.client, project)
    first = plan.images(project, observed, options)
    second = plan.containers(project, observed, options)
    console.write(console.STDOUT, steps.text([*first, *second]).encode())
    return 0


def _tell_orphans(session: Session, project: Project, observed: Observed, options: Options) -> None:
    from sampan.compose import plan

    progress.settle(session)
    found = plan.orphans(project, observed)
    ignored = project.variables.get("COMPOSE_IGNORE_ORPHANS", "").lower() in ("1", "true")
    if found and not options.orphans and not ignored:
        names = " ".join(item.name for item in found)
        console.error(
            f"WARN[0000] Found orphan containers ([{names}]) for this project. If you removed or renamed "
            "this service in your compose file, you can run this command with the --remove-orphans flag to "
            "clean it up."
        )
