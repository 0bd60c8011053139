"""The data dictionary: in step with the models, and it says what their properties say."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts import ContractError, dictionary
from contracts.reading import HERE

MODEL = """
models:
  - name: fct_sales
    description: "{{ doc('grain') }} Refunds are negative."
    columns:
      - {name: sale_id, data_type: string, description: Key of the sale., data_tests: [unique, not_null]}
      - {name: email, data_type: string, description: "Who bought | paid.", config: {tags: [pii]}}
      - name: amount
        data_type: decimal(18,2)
        description: Money.
        data_tests: [not_null, {accepted_values: {arguments: {values: [1]}}}]
  - name: int_sales__inner
    description: On the way.
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "marts" / "sales").mkdir(parents=True)
    (tmp_path / "models" / "marts" / "sales" / "_sales__models.yml").write_text(MODEL)
    (tmp_path / "models" / "shared.md").write_text("{% docs grain %}\nOne row\nper sale.\n{% enddocs %}\n")
    return tmp_path / "models"


def test_the_committed_dictionary_is_current_and_has_every_mart() -> None:
    assert dictionary.check() == []
    marts = {path.stem for path in (dictionary.MODELS / "marts").rglob("*.sql") if not path.stem.startswith("int_")}
    assert {mart.name for mart in dictionary.read()} == marts
    assert "docs/data-dictionary.md" in (HERE.parent / "README.md").read_text()


def test_a_mart_is_told_with_owner_types_and_marks(models: Path) -> None:
    text = dictionary.rendered(models)[dictionary.NAME]
    assert "## Sales\n\nAnswered for by `sales_operations` (sales-operations@example.com).\n" in text
    assert "### fct_sales\n\nOne row per sale. Refunds are negative.\n" in text
    assert "| `sale_id` | string | *key* | Key of the sale. |\n" in text
    assert "| `email` | string | *pii* | Who bought &#124; paid. |\n" in text
    assert "| `amount` | decimal(18,2) | *set* | Money. |\n" in text
    assert "int_sales__inner" not in text


def test_it_is_stale_until_it_is_built_again(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    assert dictionary.check(models, folder) == [folder / dictionary.NAME]
    assert dictionary.build(models, folder) == [folder / dictionary.NAME]
    assert dictionary.check(models, folder) == []
    (models / "shared.md").write_text("{% docs grain %}One row per line.{% enddocs %}")
    assert dictionary.check(models, folder) == [folder / dictionary.NAME]
    # What is beside it is somebody else's.
    (folder / "other.md").write_text("kept")
    dictionary.build(models, folder)
    assert (folder / "other.md").read_text() == "kept"


def test_a_missing_block_and_a_domain_without_owner_are_named(models: Path) -> None:
    (models / "shared.md").write_text("")
    with pytest.raises(ContractError, match=r"_sales__models\.yml refers to the doc block 'grain'"):
        dictionary.rendered(models)
    (models / "marts" / "sales").rename(models / "marts" / "space")
    (models / "shared.md").write_text("{% docs grain %}One row.{% enddocs %}")
    with pytest.raises(ContractError, match=r"owners\.yml names nobody for the domain space"):
        dictionary.rendered(models)
