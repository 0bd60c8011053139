"""Made-up people with errors in their records: households, or names and birthdays alone. Seeded, so always the same."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

_GIVEN = (
    "olivia noah emma liam amelia oliver charlotte elijah sophia mateo isabella lucas mia levi evelyn ezra "
    "harper asher luna leo camila james gianna luca eleanor henry ella hudson abigail ethan sofia muhammad "
    "avery maverick scarlett theodore emily grayson aria daniel penelope michael chloe jack layla benjamin "
    "nora aiden hazel samuel violet owen thomas william robert margaret elizabeth katherine edward joseph "
).split()
_ENDINGS = "son berg ley wood ford man well ton field worth stone burn shaw croft hurst dale brook ridge".split()
_STEMS = (
    "ander bar cal dun ed fair gar hal ing jen kin lang mar nor ol pem quin ran sal tor un van wal yor zel ash bir col "
    "dray el far gol har ister jar"
).split()
_STREETS = "oak elm mill church station park high victoria king queen lake hill river north south bridge".split()
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def typo(chance: random.Random, text: str) -> str:
    """The text with one letter changed, lost, doubled or swapped with the next."""
    if len(text) < 2:
        return text
    place = chance.randrange(len(text) - 1)
    letter = chance.choice("0123456789" if text[place].isdigit() else _LETTERS)
    kind = chance.randrange(4)
    if kind == 0:
        return text[:place] + letter + text[place + 1 :]
    if kind == 1:
        return text[:place] + text[place + 1 :]
    if kind == 2:
        return text[:place] + letter + text[place:]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _home(chance: random.Random) -> dict[str, str]:
    return {
        "street": f"{chance.randrange(1, 200)} {chance.choice(_STREETS)} {chance.choice(_STEMS)} street",
        "city": chance.choice(_STEMS) + chance.choice(_ENDINGS),
        "postcode": str(chance.randrange(20000, 21000)),
        "phone": "02" + "".join(chance.choice("0123456789") for _ in range(8)),
    }


def write_people(
    path: Path,
    columns: Sequence[str],
    *,
    households: int,
    seed: int = 1,
    copies: Sequence[int] = (1, 1, 2, 3),
    moved: float = 0.0,
    swapped: float = 0.0,
    day: str = "%Y-%m-%d",
) -> Path:
    """Households of one to five, each person with some of ``copies`` records; columns of ours, and ``person``.

    ``moved`` and ``swapped`` are the shares of records with another home, and with names the wrong way round; ``day``
    is how birthdays are written.
    """
    chance = random.Random(seed)
    rows = []
    person = 0
    for _ in range(households):
        family = chance.choice(_STEMS) + chance.choice(_STEMS) + chance.choice(_ENDINGS)
        home = _home(chance)
        for _ in range(chance.choice((1, 2, 2, 3, 4, 5))):
            person += 1
            given = chance.choice(_GIVEN)
            born = date(1935, 1, 1) + timedelta(days=chance.randrange(30000))
            told = {"first_name": given, "last_name": family, "date_of_birth": born.strftime(day), **home}
            told["email"] = f"{given}.{family}{chance.randrange(100)}@mail{chance.randrange(4)}.example"
            for _ in range(chance.choice(copies)):
                now = told | (_home(chance) if moved and chance.random() < moved else {})
                record = {name: typo(chance, text) if chance.random() < 0.08 else text for name, text in now.items()}
                if swapped and chance.random() < swapped:
                    record["first_name"], record["last_name"] = record["last_name"], record["first_name"]
                for name in ("email", "phone", "street", "city", "postcode"):
                    if chance.random() < 0.1:
                        record[name] = ""
                record["full_name"] = f"{record['first_name']} {record['last_name']}"
                rows.append([f"p{person}", *(record[name] for name in columns)])
    chance.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["person", *columns])
        writer.writerows(rows)
    return path
