"""The `braid` command.

Everything heavy (dbt, Dagster, Arrow) is imported inside the command that needs it: `braid --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from orchestration.commands.build import build
from orchestration.commands.collect import collect
from orchestration.commands.contracts import contracts
from orchestration.commands.dead_letters import dead_letters
from orchestration.commands.demo import demo
from orchestration.commands.extract import extract
from orchestration.commands.identity import identity
from orchestration.commands.lineage import lineage
from orchestration.commands.matching import COMMANDS as MATCHING
from orchestration.commands.plan import plan
from orchestration.commands.publish import publish
from orchestration.commands.quarantine import quarantine
from orchestration.commands.reconcile import reconcile
from orchestration.commands.sandbox import sandbox
from orchestration.commands.score import score
from orchestration.commands.status import status
from orchestration.commands.value import value
from orchestration.errors import BAD_USAGE, FAILED, INTERRUPTED, STOPPED, explained


@click.group(
    name="braid",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="braid-cdp", prog_name="braid", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """CRM records, CDP profiles and events become one trusted customer, inside your own warehouse.

    \b
    See it work, with no account anywhere:
      braid demo

    \b
    Your own systems (settings come from the environment, the warehouse from profiles.yml):
      braid extract salesforce            what changed since the last time
      braid extract hubspot contacts      one object
      braid reconcile salesforce          compare with the source, put right what differs
      braid collect serve                 take events from the SDKs of Segment and RudderStack
      braid build                         every model and test, then the copy that BI tools read
      braid status                        per object: proven up to when, rows, last run, lag

    Exit codes: 0 done, 1 the work failed, 2 a setting or an argument is wrong. BRAID_DEBUG=1 shows tracebacks.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in MATCHING:
    identity.add_command(command)
for command in (
    *(extract, reconcile, quarantine, status, build, publish),
    *(identity, value, score, plan, collect, dead_letters, contracts, lineage, sandbox, demo),
):
    cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; failures become one sentence on stderr."""
    debug = os.environ.get("BRAID_DEBUG", "") not in ("", "0")
    try:
        result = cli.main(args=list(arguments), prog_name="braid", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "braid"
        _say(f"{error.format_message()} Try `{where} --help`.")
        return BAD_USAGE
    except click.ClickException as error:
        _say(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say(STOPPED)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`braid status | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        if (known := explained(error)) is not None:
            _say(known[0])
            return known[1]
        _say(f"{_surprise(error)} (this should not happen; BRAID_DEBUG=1 shows where).")
        return FAILED


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def _say(sentence: str) -> None:
    click.echo(f"braid: {sentence}", err=True)


def _surprise(error: BaseException) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


if __name__ == "__main__":
    main()
