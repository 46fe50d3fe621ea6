"""The parser of arguments: a mistyped command or option is answered with the one that may be meant."""

from __future__ import annotations

import argparse
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

_NEAR = 0.7
"""How alike a word is that may be meant: `--html` is not `--help`."""
_WRONG_CHOICE = re.compile(r"invalid choice: '(?P<given>[^']*)'")


class Parser(argparse.ArgumentParser):
    """argparse's parser, which also proposes; its subparsers are of this class too. Options are never abbreviated.

    `--quiet` is read before and after the command.
    """

    def __init__(self, *, quiet: str = argparse.SUPPRESS, **options: Any) -> None:
        """`quiet` is the help of `--quiet`, which stands in that of the program alone."""
        super().__init__(**{"allow_abbrev": False, **options})
        self.add_argument("--quiet", "-q", action="store_true", default=argparse.SUPPRESS, help=quiet)
        self._words: list[str] = []

    def error(self, message: str) -> NoReturn:
        """End with 2: the usage, what is wrong, and what may be meant."""
        super().error(message + self._proposal(message))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, but an option that there is not is said by the parser whose option it would be."""
        self._words = sys.argv[1:] if args is None else list(args)
        known, unknown = super().parse_known_args(args, namespace)
        wrong = next((word for word in unknown if word.startswith("-") and word != "-"), None)
        if wrong is not None:
            self.error(f"unrecognized arguments: {wrong}")
        return known, unknown

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """As argparse, but no value is empty (a variable of the shell that is not set), and a path can be one."""
        if isinstance(action, argparse._SubParsersAction):  # gets the words of its command, which reads them itself
            return super()._get_value(action, arg_string)
        if not arg_string.strip():
            raise argparse.ArgumentError(action, "is empty; write a value, or leave it out")
        value = super()._get_value(action, arg_string)
        if isinstance(value, Path):
            try:
                value.stat()
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                pass  # the command says what it needs the path for
            except OSError as error:  # a loop of links, a name that is too long
                raise argparse.ArgumentError(action, f"{value}: {error.strerror}; correct the path") from None
        return value

    def _proposal(self, message: str) -> str:
        if message.startswith("unrecognized arguments: ") and " -" not in message:
            return ""
        options = list(self._option_string_actions)
        if found := _WRONG_CHOICE.search(message):
            given, known = found["given"], [str(choice) for action in self._actions for choice in action.choices or ()]
        else:
            words = (word.partition("=")[0] for word in self._words)
            given, known = next((word for word in words if word.startswith("--") and word not in options), ""), options
        near = get_close_matches(given, known, n=1, cutoff=_NEAR)
        return f". Did you mean {near[0]}?" if near else ""
