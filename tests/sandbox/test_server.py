"""The sandbox as a child process: it starts, answers, lives days, and never outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from sandbox.server import Running, running

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 60


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running(people=PEOPLE, seed=3) as child:
        yield child


def ends(pid: int, within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_health_and_days(sandbox: Running) -> None:
    first = sandbox.health()
    assert first["clock"].endswith("T06:00:00Z")
    assert (first["people"], first["seed"]) == (PEOPLE, 3)
    assert sandbox.advance()["day"] == first["day"] + 1


def test_all_three_systems_answer_with_the_settings_it_gives(sandbox: Running) -> None:
    env = sandbox.environment()
    form = {
        "grant_type": "client_credentials",
        "client_id": env["SALESFORCE_CLIENT_ID"],
        "client_secret": env["SALESFORCE_CLIENT_SECRET"],
    }
    token = requests.post(f"{env['SALESFORCE_URL']}/services/oauth2/token", data=form, timeout=10).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    url = f"{token['instance_url']}/services/data/v59.0/query"
    counted = requests.get(url, params={"q": "SELECT COUNT() FROM Contact"}, headers=headers, timeout=10)
    assert counted.json()["totalSize"] > 0
    headers = {"Authorization": f"Bearer {env['HUBSPOT_ACCESS_TOKEN']}"}
    contacts = requests.get(f"{env['HUBSPOT_URL']}/crm/v3/objects/contacts", headers=headers, timeout=10)
    assert contacts.json()["results"]
    url = (
        f"{env['SEGMENT_PROFILE_URL']}/v1/spaces/{env['SEGMENT_SPACE_ID']}/collections/users/profiles/user_id:x/traits"
    )
    assert requests.get(url, auth=(env["SEGMENT_ACCESS_TOKEN"], ""), timeout=10).status_code == 404
    assert env["SEGMENT_ARCHIVE_URL"] == sandbox.archive.resolve().as_uri()
    assert list(sandbox.archive.glob("segment-logs/*/*/*.gz"))


def test_every_object_answers_to_all_its_fields(sandbox: Running) -> None:
    """What describe promises can be queried, over the company's own tables."""
    env = sandbox.environment()
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox",
        "client_secret": env["SALESFORCE_CLIENT_SECRET"],
    }
    token = requests.post(f"{sandbox.url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    base = f"{sandbox.url}/services/data/v62.0"
    for item in session.get(f"{base}/sobjects", timeout=10).json()["sobjects"]:
        fields = session.get(f"{base}/sobjects/{item['name']}/describe", timeout=10).json()["fields"]
        query = f"SELECT {','.join(field['name'] for field in fields)} FROM {item['name']} LIMIT 5"
        answer = session.get(f"{base}/queryAll", params={"q": query}, timeout=10)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()["records"][0]) == {"attributes", *(field["name"] for field in fields)}


def test_truth(sandbox: Running) -> None:
    records, people = sandbox.truth()
    assert {"record_key", "person_id"} <= set(records.column_names)
    assert people.num_rows >= PEOPLE


def test_faults_calls_and_edits(sandbox: Running) -> None:
    url, auth = f"{sandbox.url}/crm/v3/owners", {"Authorization": "Bearer sandbox-token"}
    sandbox.calls(reset=True)
    sandbox.faults({"name": "http_error", "system": "hubspot", "status": 502}, {"name": "rate_limited", "after": 1})
    assert [requests.get(url, headers=auth, timeout=10).status_code for _ in range(3)] == [502, 429, 200]
    sandbox.faults({"name": "http_error", "times": None})
    sandbox.faults()
    assert requests.get(url, headers=auth, timeout=10).status_code == 200
    assert sandbox.calls()["hubspot"] == {"owners": 4}
    assert sandbox.sql("update hubspot.owners set first_name = 'Zoë'") > 0
    assert requests.get(url, headers=auth, timeout=10).json()["results"][0]["firstName"] == "Zoë"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "meteor"}, "There is no fault 'meteor'; there are: added_field,"),
        ({"name": "job_stuck", "system": "hubspot"}, "job_stuck strikes salesforce"),
        ({"name": "slow", "minutes": 3}, "slow has no option minutes"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(sandbox: Running, spec: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sandbox.faults(spec)


def test_sql_that_is_wrong_or_reaches_outside_is_refused(sandbox: Running) -> None:
    for statement in ("select * from nowhere", "copy (select 1) to '/tmp/x.csv'", "select * from '/etc/passwd'"):
        with pytest.raises(ValueError, match="Error"):
            sandbox.sql(statement)


def test_it_ends_with_the_block_and_takes_its_files_along() -> None:
    with running(people=20) as child:
        pid, archive = child.process.pid, child.archive
        assert archive.is_dir()
    assert not psutil.pid_exists(pid)
    assert not archive.exists()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from sandbox.server import running\n"
        "with running(people=20) as child:\n"
        "    print(child.process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.wait(10)
    assert ends(child)


def test_a_port_that_is_taken_is_told(sandbox: Running) -> None:
    taken = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match=r"did not start.*in use"), running(people=20, port=taken):
        pass


def test_starting_imports_nothing_it_does_not_need() -> None:
    script = (
        "import sandbox.server, sys; print(sorted({'duckdb', 'pyarrow', 'uvicorn', 'starlette'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    ).stdout
    assert found.strip() == "[]"
