"""The tracking plan: which events there are, what they hold, and what happens to those that do not.

from contracts.plan import Plan

plan = Plan.load(Path("contracts/tracking_plan"))
verdict = plan.judge(event, "web")
"""

from __future__ import annotations

from contracts.plan.judging import Plan, files_of
from contracts.plan.verdicts import Action, Verdict, Violation
from contracts.reading import HERE

# The plan of this project.
FOLDER = HERE / "tracking_plan"

__all__ = ["FOLDER", "Action", "Plan", "Verdict", "Violation", "files_of"]
