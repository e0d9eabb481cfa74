"""The instructions of one stage, one after the other: each adds a step to the plan."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sampan.build import changes, mounts, parser, remote
from sampan.build import instructions as ins
from sampan.build.graph import (
    BoundMount,
    Copy,
    From,
    Http,
    Inline,
    Input,
    MakeDirectory,
    Node,
    Run,
    StagePlan,
    Step,
    Warned,
)
from sampan.build.instructions import Instruction, Mount
from sampan.build.lexer import Heredoc, heredoc
from sampan.build.scope import Globals, StageScope
from sampan.build.source import DockerfileError, suggestion

_MODE = re.compile(r"0?[0-7]{1,4}|([ugoa]*([-+=]([rwxXst]*|[ugo]))+)(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*")
_TRIGGERS = 1000


class Around(Protocol):
    """What a stage needs of the whole plan."""

    outside: Globals
    warnings: list[Warned]

    def input(self, name: str) -> Input: ...


class StageBuilder:
    def __init__(self, around: Any, stage: StagePlan) -> None:
        self._around: Around = around
        self._network = around.options.network
        self._escape: str = around.dockerfile.escape
        self._stage = stage
        self._config = stage.config
        self._cmd_set = False
        self._scope = StageScope(self._around.outside, self._config.Env or ())
        self._trigger = False

    def all(self, instructions: Iterable[Instruction]) -> None:
        triggers, self._config.OnBuild = self._config.OnBuild or [], None
        if len(triggers) > _TRIGGERS:
            raise DockerfileError(f"more than {_TRIGGERS} ONBUILD triggers", self._stage.base.span)
        for text in triggers:
            self._trigger = True
            with_place = self._stage.base
            try:
                self._one(parser.trigger(text, self._escape), with_place.span)
            except DockerfileError as error:
                raise error.at(with_place.span) from None
        self._trigger = False
        for instruction in instructions:
            span = instruction.place.span
            try:
                self._one(instruction, span)
            except DockerfileError as error:
                raise error.at(span) from None

    def _one(self, instruction: Instruction, span: Any) -> None:
        self._span = span
        self._config = changes.copied(self._config)
        node, told = _DO[type(instruction)](self, instruction)
        place = ins.Place(instruction.place.text, span)
        self._stage.steps.append(Step(place, node, told, self._config, self._trigger))

    # Variables

    def _expand(self, word: str) -> str:
        try:
            for name in self._scope.unset(word):
                near = suggestion(name, list(self._scope.values()))
                self._warn("UndefinedVar", f"Usage of undefined variable '${name}'{near}")
            return self._scope.expand(word)
        except DockerfileError as error:
            raise DockerfileError(f'failed to process "{word}": {error}', offending=word) from None

    def _expand_words(self, words: Iterable[str]) -> list[str]:
        found: list[str] = []
        for word in words:
            self._expand(word)  # tells what is not defined
            found += self._scope.expand_words(word)
        return found

    def _warn(self, rule: str, message: str) -> None:
        warned = Warned(rule, message, self._span)
        if warned not in self._around.warnings:
            self._around.warnings.append(warned)

    # Instructions that change the configuration only

    def arg(self, given: ins.Arg) -> tuple[None, str]:
        told = []
        for name, default in given.pairs:
            value = self._scope.declare(name, self._expand(default) if default is not None else None)
            told.append(f"{name}={value}" if value is not None else name)
        return None, f"ARG {' '.join(told)}"

    def env(self, given: ins.Env) -> tuple[None, str]:
        pairs = [(self._expand(name), self._expand(value)) for name, value in given.pairs]
        for name, value in pairs:  # all of them see what was there before the instruction
            changes.set_environment(self._config, name, value)
            self._scope.environment[name] = value
        return None, "ENV " + " ".join(f"{name}={value}" for name, value in pairs)

    def label(self, given: ins.Label) -> tuple[None, str]:
        pairs = [(self._expand(name), self._expand(value)) for name, value in given.pairs]
        changes.label(self._config, pairs)
        return None, "LABEL " + " ".join(f"{name}={value}" for name, value in pairs)

    def cmd(self, given: ins.Cmd) -> tuple[None, str]:
        self._cmd_set = True
        return None, changes.cmd(self._config, given.command)

    def entrypoint(self, given: ins.Entrypoint) -> tuple[None, str]:
        return None, changes.entrypoint(self._config, given.command, cmd_set=self._cmd_set)

    def healthcheck(self, given: ins.Healthcheck) -> tuple[None, str]:
        return None, changes.healthcheck(self._config, given)

    def expose(self, given: ins.Expose) -> tuple[None, str]:
        return None, changes.expose(self._config, self._expand_words(given.ports))

    def user(self, given: ins.User) -> tuple[None, str]:
        self._config.User = self._expand(given.user)
        return None, f"USER {self._config.User}"

    def volume(self, given: ins.Volume) -> tuple[None, str]:
        return None, changes.volume(self._config, [self._expand(path) for path in given.paths])

    def stop_signal(self, given: ins.StopSignal) -> tuple[None, str]:
        return None, changes.stop_signal(self._config, self._expand(given.signal))

    def shell(self, given: ins.Shell) -> tuple[None, str]:
        return None, changes.shell(self._config, given.words)

    def on_build(self, given: ins.OnBuild) -> tuple[None, str]:
        return None, changes.on_build(self._config, given.trigger)

    def maintainer(self, given: ins.Maintainer) -> tuple[None, str]:
        self._stage.author = given.name
        return None, f"MAINTAINER {given.name}"

    # Instructions that make files

    def workdir(self, given: ins.Workdir) -> tuple[Node, str]:
        path = self._expand(given.path)
        if not path.startswith("/") and (self._config.WorkingDir or "/") == "/" and not self._set_workdir():
            self._warn(
                "WorkdirRelativePath",
                f'Relative workdir "{path}" can have unexpected results if the base image changes',
            )
        target = changes.workdir(self._config, path)
        return MakeDirectory(self._stage.top, target, self._config.User or ""), f"WORKDIR {target}"

    def _set_workdir(self) -> bool:
        return any(isinstance(step.node, MakeDirectory) for step in self._stage.steps)

    def run(self, given: ins.Run) -> tuple[Node, str]:
        command, script = self._command(given)
        arguments = changes.with_shell(self._config, command)
        bound = tuple(self._mount(text) for text in given.mounts)
        network = given.network if given.network != "default" else self._network
        node = Run(
            parent=self._stage.top,
            arguments=tuple(arguments),
            environment=tuple(self._scope.run_environment()),
            secret_environment=self._proxies(),
            directory=self._config.WorkingDir or "/",
            user=self._config.User or "",
            mounts=bound,
            network=network,
            security=given.security,
            script=script,
        )
        shown = self._scope.shown_arguments()
        told = [f"|{len(shown)}", *shown] if shown else []
        return node, f"RUN {' '.join([*told, *arguments])} # buildkit"

    def _proxies(self) -> tuple[str, ...]:
        known = self._scope.values()
        return tuple(f"{n}={v}" for n, v in self._around.outside.proxies().items() if n not in known)

    def _command(self, given: ins.Run) -> tuple[ins.Command, tuple[str, str] | None]:
        """With heredocs: one alone is the script, or a program of its own if it names its interpreter;
        otherwise the shell gets the line and the heredocs as they were written."""
        if not given.heredocs or not given.command.shell:
            return given.command, None
        line, first = given.command.words[0], given.heredocs[0]
        if heredoc(line, self._escape) is None:
            parts = [line, *(one.content + one.name for one in given.heredocs)]
            return ins.Command(("\n".join(parts),), shell=True), None
        if first.content.startswith("#!"):
            return ins.Command((f"/dev/pipes/{first.name}",), shell=False), (first.name, first.text)
        return ins.Command((first.text,), shell=True), None

    def _mount(self, text: str) -> BoundMount:
        mount = mounts.parse(self._expand(text) if "$" in text else text)
        if mount.target and not mount.target.startswith("/"):
            target = posixpath.join(self._config.WorkingDir or "/", mount.target)
            mount = _replaced(mount, target=target)
        if mount.target:
            mount = _replaced(mount, target=changes.normal(mount.target))
        if mount.type == "bind":
            return BoundMount(mount, self._around.input(mount.origin))
        if mount.type == "cache":
            mount = _replaced(
                mount, identity=mount.identity or mount.target, sharing=mount.sharing or "shared"
            )
            return BoundMount(mount, self._around.input(mount.origin) if mount.origin else None)
        if mount.type == "secret":
            return BoundMount(_secret(mount))
        if mount.type == "ssh":
            return BoundMount(_replaced(mount, identity=mount.identity or "default"))
        return BoundMount(mount)

    def copy(self, given: ins.Copy) -> tuple[Node, str]:
        target = self._target(self._expand(given.target))
        chown, chmod = self._expand(given.chown), self._expand(given.chmod)
        if chmod and not _MODE.fullmatch(chmod):
            raise DockerfileError(
                f"invalid chmod parameter: '{chmod}'. it should be octal string and between 0 and 07777",
                offending=given.chmod,
            )
        node = Copy(
            parent=self._stage.top,
            sources=self._sources(given),
            target=target,
            chown=chown,
            chmod=chmod,
            exclude=tuple(self._expand(pattern) for pattern in given.exclude),
            parents=given.parents,
            link=given.link,
            add=given.add,
        )
        return node, self._told(given, node)

    def _target(self, path: str) -> str:
        absolute = changes.normal(posixpath.join(self._config.WorkingDir or "/", path))
        if absolute != "/" and (path.endswith(("/", "/.")) or path in (".", "")):
            absolute += "/"
        return absolute

    def _sources(self, given: ins.Copy) -> tuple[From, ...]:
        found: list[From] = []
        documents = {_opening(one): one for one in given.heredocs}
        files, paths = [], []
        for word in given.sources:
            opened = heredoc(word, self._escape)
            document = documents.get(_opening(opened)) if opened is not None else None
            if document is not None:
                files.append((document.name, self._content(document)))
                continue
            source = self._expand(word)
            if given.add and (fetched := remote.parse(source, keep_git=given.keep_git,
                                                      checksum=self._expand(given.checksum))):  # fmt: skip
                unpack = given.unpack if given.unpack is not None else False
                found.append(From(fetched, ("/",) if not isinstance(fetched, Http) else ("",), unpack))
            else:
                paths.append(source)
        if given.checksum and not any(
            isinstance(one.content, Http) or hasattr(one.content, "remote") for one in found
        ):
            raise DockerfileError(
                "checksum can't be specified for non-HTTP(S) sources", offending="--checksum"
            )
        if paths:
            unpack = given.add and given.unpack is not False
            found.insert(0, From(self._around.input(given.origin), tuple(paths), unpack))
        if files:
            found.append(From(Inline(tuple(files)), tuple(name for name, _ in files)))
        return tuple(found)

    def _content(self, document: Heredoc) -> str:
        return self._scope.expand_content(document.text) if document.expand else document.text

    @staticmethod
    def _told(given: ins.Copy, node: Copy) -> str:
        words = ["ADD" if given.add else "COPY"]
        words += [f"--chown={node.chown}"] if node.chown else []
        words += [f"--chmod={node.chmod}"] if node.chmod else []
        for source in node.sources:
            if isinstance(source.content, Http):
                words.append(source.content.url)
            elif hasattr(source.content, "remote"):
                words.append(source.content.remote)
            else:
                words += source.paths
        return " ".join([*words, given.target, "# buildkit"])


def _opening(opened: Heredoc) -> tuple[str, bool]:
    return opened.name, opened.expand


def _replaced(mount: Mount, **values: Any) -> Mount:
    return ins.Mount(**{**mount.__dict__, **values})


def _secret(mount: Mount) -> Mount:
    """Without an id its target names it; it lies in /run/secrets, unless it is for the environment only."""
    identity = mount.identity or posixpath.basename(mount.target or "")
    if not identity:
        raise DockerfileError("invalid secret mount: an id or a target is required")
    target = mount.target or ("" if mount.variable else f"/run/secrets/{identity}")
    return _replaced(mount, identity=identity, target=target)


_DO: Mapping[type[Any], Callable[[StageBuilder, Any], tuple[Node | None, str]]] = {
    ins.Arg: StageBuilder.arg,
    ins.Env: StageBuilder.env,
    ins.Label: StageBuilder.label,
    ins.Run: StageBuilder.run,
    ins.Copy: StageBuilder.copy,
    ins.Cmd: StageBuilder.cmd,
    ins.Entrypoint: StageBuilder.entrypoint,
    ins.Healthcheck: StageBuilder.healthcheck,
    ins.Expose: StageBuilder.expose,
    ins.User: StageBuilder.user,
    ins.Workdir: StageBuilder.workdir,
    ins.Volume: StageBuilder.volume,
    ins.StopSignal: StageBuilder.stop_signal,
    ins.Shell: StageBuilder.shell,
    ins.OnBuild: StageBuilder.on_build,
    ins.Maintainer: StageBuilder.maintainer,
}
