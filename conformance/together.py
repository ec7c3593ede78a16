"""One story told of several destinations, or of several values, at the same time: each has a delivery of its own, and
mostly waits."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 18


class Failed(AssertionError):
    """Where it failed, and how."""


def at_once(work: dict[str, Callable[[], object]]) -> None:
    """Does all of it side by side, and fails with what failed, by its name."""
    with ThreadPoolExecutor(min(AT_ONCE, len(work))) as pool:
        begun = {name: pool.submit(one) for name, one in work.items()}
    failures = {name: error for name, one in begun.items() if (error := one.exception()) is not None}
    if failures:
        told = [
            f"in {name} ({len(failures)} of {len(work)} failed):\n" + "".join(traceback.format_exception(error))
            for name, error in failures.items()
        ]
        raise Failed("\n\n".join(told))


def to_each(pairs: Sequence[tuple[str, str]], values: Sequence[Any] = ((),)) -> Callable[[Any], Any]:
    """Makes a test of a story whose first argument is a delivery: it is told once for each pair of make and transport,
    and with each of the values as its further arguments, all at once."""
    def decorate(story: Callable[..., None]) -> Callable[..., None]:
        def test(deliver, destinations):  # type: ignore[no-untyped-def]
            made = {kind: destinations(kind) for kind, _ in pairs}

            def tell(kind: str, transport: str, arguments: tuple[Any, ...]) -> Callable[[], None]:
                return lambda: story(deliver(made[kind], transport), *arguments)

            at_once({
                f"{kind}-{transport} {arguments or ''}".strip(): tell(kind, transport, arguments)
                for kind, transport in pairs for arguments in map(_tuple, values)
            })

        test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
        test.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
        test.pytestmark = list(getattr(story, "pytestmark", []))  # type: ignore[attr-defined]
        return test

    return decorate


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
