"""`braid score`: who may leave, and which lead to call first; learnt from history, and how right that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestration.setup import configured_target, json_option, open_locked, target_option
from orchestration.terminal import as_json, say, table

if TYPE_CHECKING:
    from orchestration.lib.score_training import Learnt

# What a score gives the probability of.
SCORES = {"churn": "bought nothing", "lead": "converted"}
_which = click.argument("score_name", metavar="SCORE", type=click.Choice(sorted(SCORES)))


@click.group(short_help="Churn risk and lead priority: measure them, learn them.")
def score() -> None:
    """Learn from history how likely it is that a customer leaves (churn), or that a lead converts (lead).

    \b
    Examples:
      braid score evaluate churn
      braid score train churn
      braid score train lead --target prod --json
    """


@score.command(short_help="Measure a score on outcomes it has not seen.")
@_which
@target_option
@json_option
def evaluate(score_name: str, target: str | None, as_json_: bool) -> None:
    """Learn SCORE (churn or lead) as it could have been learnt one horizon before the last build's cut-off, and
    compare what it says with what happened since. Nothing is published.

    Examples are put into tenths by their probability, likeliest first: expected and happened should be alike, and the
    lift of the first tenths well over 1.

    \b
    Examples:
      braid score evaluate churn
      braid score evaluate lead --json
    """
    from orchestration.lib.score_training import learn
    from orchestration.lib.value_training import marts_schema

    root = configured_target(target).project_root
    learnt = learn(
        lambda: open_locked(target, command="braid score evaluate", on_wait=say), marts_schema(root), score_name
    )
    _show(learnt, None, as_json_)


@score.command(short_help="Learn a score from the warehouse's history.")
@_which
@target_option
@json_option
def train(score_name: str, target: str | None, as_json_: bool) -> None:
    """Learn SCORE (churn or lead) from the history up to the last build's cut-off, and publish it as a version, with
    what `braid score evaluate` shows.

    The next build scores with it. Run it again now and then, for instance every month; every version is kept, and one
    that learnt from days after a build's cut-off is not used by it.

    \b
    Examples:
      braid score train churn
      braid score train lead --target prod --json
    """
    from extract.pipeline import utc_now
    from orchestration.lib.score_training import train as train_version
    from orchestration.lib.value_training import marts_schema

    root = configured_target(target).project_root
    version, learnt = train_version(
        lambda: open_locked(target, command="braid score train", on_wait=say),
        marts_schema(root),
        score_name,
        utc_now(),
    )
    _show(learnt, version, as_json_)
    if not as_json_:
        say(f"Version {version} of {score_name}. The next `braid build` scores with it.")


def _show(learnt: Learnt, version: str | None, as_json_: bool) -> None:
    model, tested = learnt.model, learnt.tested
    if as_json_:
        document = {
            "score": learnt.score,
            **({"model_version": version} if version else {}),
            "learnt_until": learnt.learnt_until,
            "horizon_days": learnt.horizon_days,
            "examples": model.examples,
            "outcomes": model.outcomes,
            "intercept": model.intercept,
            "weights": [
                {"feature": name, "weight": weight, "mean": mean, "deviation": deviation}
                for name, weight, mean, deviation in zip(
                    model.features, model.weights, model.means, model.deviations, strict=True
                )
            ],
            "backtest": None if tested is None else asdict(tested),
        }
        click.echo(as_json(document))
        return
    did = SCORES[learnt.score]
    weights = sorted(zip(model.features, model.weights, strict=True), key=lambda one: (-abs(one[1]), one[0]))
    click.echo(
        table(("feature", "weight"), [(name, f"{weight:+.3f}") for name, weight in weights], right=frozenset({1}))
    )
    say(
        f"Learnt from {model.examples:,} examples up to {learnt.learnt_until}, {model.outcomes:,} of which {did} in "
        f"{learnt.horizon_days} days. A weight is what one deviation more adds to the log-odds."
    )
    if tested is None:
        say("There is too little history for a back-test: it takes a horizon to learn from and one to compare with.")
        return
    click.echo(
        table(
            ("tenth", "examples", "expected", did, "lift"),
            [
                (f"{one.decile}", f"{one.examples:,}", f"{one.expected:.3f}", f"{one.happened:.3f}", f"{one.lift:.2f}")
                for one in tested.deciles
            ],
            right=frozenset(range(5)),
        )
    )
    say(
        f"Back-test of {tested.examples:,} examples: {tested.outcomes:,} {did}, {tested.expected:,.0f} were expected; "
        f"AUC {tested.auc:.3f}, log-loss {tested.log_loss:.4f} where giving all the same has "
        f"{tested.base_log_loss:.4f}."
    )
