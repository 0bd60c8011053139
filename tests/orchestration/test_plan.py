"""`braid plan` from outside: what it prints where, and how it exits."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from orchestration.cli import run
from tests.orchestration.conftest import ROOT
from tests.plan.generators import entry, plan_files

pytestmark = [pytest.mark.timeout(60)]
BODY = {"type": "object", "properties": {"id": {"type": "string", "description": "An id."}}}
NAMED = {"thing_done.v1.yml": entry(body=BODY)}


@pytest.fixture
def folder(workshop: Path) -> Path:
    """A plan in a repository of git, committed."""
    folder = workshop / "tracking_plan"
    folder.mkdir()
    write(folder, {**plan_files(), **NAMED})
    git(workshop, "init", "-q", "-b", "main")
    commit(workshop, "The plan")
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, timeout=30)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", message)


def test_lint_of_the_projects_own_plan_is_green(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "lint"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"braid: {len(list((ROOT / 'contracts' / 'tracking_plan').glob('*.yml')))} files, no problems.\n"


def test_lint_names_file_and_line_and_exits_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'name: Thing Done\nversion: 2\nowner: team\ncategory: things\npurpose: fun\ndescription: "A thing."\n'
    write(folder, {"thing_done.v2.yml": text})
    assert run(["plan", "lint", "--folder", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out == "tracking_plan/thing_done.v2.yml:5: purpose is 'fun', which plan.yml does not name. [entry]\n"
    assert err == "braid: 3 files, 1 problem.\n"

    assert run(["plan", "lint", "--folder", str(folder), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == 3
    assert [(one["file"], one["line"], one["rule"]) for one in said["problems"]] == [("thing_done.v2.yml", 5, "entry")]


def test_diff_says_what_breaks_and_exits_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "diff", "--folder", str(folder)]) == 0
    assert capsys.readouterr() == ("", "braid: no changes, 0 breaking.\n")

    body = {"type": "object", "required": ["fresh"], "properties": {"fresh": {"type": "string", "description": "New."}}}
    write(folder, {"thing_done.v1.yml": entry(body=body)})
    assert run(["plan", "diff", "--folder", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "Breaking:",
        "  Thing Done v1 properties.fresh: is new and required [made_required]",
        "  Thing Done v1 properties.id: is gone from the plan [property_removed]",
    ]
    assert err == "braid: 2 changes, 2 breaking; give what breaks a new version of its event.\n"

    # The same as a new version breaks nobody.
    write(folder, {**NAMED, "thing_done.v2.yml": entry(version=2, body=body)})
    commit(folder, "A new version")
    assert run(["plan", "diff", "HEAD~1", "HEAD", "--folder", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["old"], said["new"], said["breaking"]) == ("HEAD~1", "HEAD", 0)
    assert [(one["severity"], one["rule"], one["event"], one["version"]) for one in said["changes"]] == [
        ("compatible", "version_added", "Thing Done", 2)
    ]
    assert run(["plan", "diff", "HEAD", "HEAD~1", "--folder", str(folder)]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["diff", "nowhere"], "'nowhere' is no revision of this repository."),
        (["diff", "--", "--output=x"], "'--output=x' is no revision of this repository."),
        (["lint", "--folder", "elsewhere"], "elsewhere is no folder; a tracking plan is a folder with plan.yml in it."),
        (["docs", "--folder", "elsewhere"], "elsewhere is no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_sentence_and_exit_2(
    folder: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = [] if "--folder" in words else ["--folder", str(folder)]
    assert run(["plan", words[0], *extra, *words[1:]]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("braid: ")
    assert len(err.splitlines()) == 1
    assert says in err


def test_a_plan_that_cannot_be_read_is_neither_compared_nor_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"thing_done.v1.yml": "name: ["})
    for words in (["diff"], ["docs", "-o", "page.html"]):
        assert run(["plan", *words, "--folder", str(folder)]) == 2
        err = capsys.readouterr().err
        assert "has 1 problem, first thing_done.v1.yml:1: not valid YAML" in err
        assert len(err.splitlines()) == 1
    assert not Path("page.html").exists()


def test_a_plan_that_was_not_there_yet_is_new_as_a_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = folder.parent / "other"
    other.mkdir()
    write(other, {**plan_files(), **NAMED})
    assert run(["plan", "diff", "--folder", str(other)]) == 0
    told = capsys.readouterr()
    assert "Thing Done v1: is new [event_added]" in told.out
    assert "There is no tracking plan in other at HEAD: all of it is new" in told.err
    assert run(["plan", "diff", "main", "main", "--folder", str(other)]) == 2
    assert "There is no tracking plan in other at main." in capsys.readouterr().err


def test_docs_writes_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "docs", "--folder", str(folder), "-o", "pages/plan.html"]) == 0
    assert capsys.readouterr().out == "pages/plan.html\n"
    assert "Thing Done" in Path("pages/plan.html").read_text(encoding="utf-8")
    (folder.parent / "file").touch()
    assert run(["plan", "docs", "--folder", str(folder), "-o", "file/plan.html"]) == 1
    assert "file/plan.html cannot be written" in capsys.readouterr().err
