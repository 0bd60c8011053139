"""A process that kills itself at a step with a name: for tests of what the next run makes of what is left."""

from __future__ import annotations

import importlib
import itertools
import os
import signal
from typing import Any


def arm(step: str) -> None:
    """SIGKILL at ``module[/class]:function:before or after:which call of it[:first argument of the calls that count]``.

    A call is known by the number it began with: calls on several threads do not take each other's.
    """
    place, attribute, when, which, *only = step.split(":")
    module, _, owner_name = place.partition("/")
    owner: Any = importlib.import_module(module)
    if owner_name:
        owner = getattr(owner, owner_name)
    real, numbers = getattr(owner, attribute), itertools.count(1)

    def killing(*args: Any, **kwargs: Any) -> Any:
        doomed = (not only or args[1] == only[0]) and next(numbers) == int(which)
        if doomed and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, attribute, killing)
