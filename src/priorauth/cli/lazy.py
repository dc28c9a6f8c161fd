"""Commands that are imported when they run: `priorauth --help` lists them all, and imports none of them."""

import gc
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command lies (`module:function`, or `module:app` for a group), and its line in the list."""

    target: str
    help: str
    hidden: bool = False


class _Later(TyperCommand):
    """A command of the list. It becomes the real one when its arguments are parsed."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, help=place.help, hidden=place.hidden)
        self._place = place

    # What a context may hold is the business of whoever makes it, and differs between versions of the parser.
    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401
        """Return the context of the real command, which is the one that is invoked."""
        return load(info_name or "", self._place).make_context(info_name, args, parent=parent, **extra)


def load(name: str, place: Place) -> Any:  # noqa: ANN401 - the parser's own command
    """Import a command."""
    # What is imported stays for good: looking through it for garbage again and again is a fifth of a start.
    gc.disable()
    try:
        module, _, attribute = place.target.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        return typer.main.get_command(alone)
    finally:
        gc.freeze()
        gc.enable()


class LazyGroup(TyperGroup):
    """The group of all commands of `places`, which a subclass names."""

    places: dict[str, Place]

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(**given)
        self.commands.update({name: _Later(name, place) for name, place in self.places.items()})
