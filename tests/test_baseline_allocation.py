"""Animals are put into arms at random, balanced, and the same way each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xenograft.errors import InputError
from xenograft.planning.allocation import allocate, read_baselines

ARMS = ("vehicle", "A", "B", "A + B")


def animals(number: int, *, cages: int | None = None, seed: int = 0) -> pd.DataFrame:
    volume = 170 * np.exp(0.3 * np.random.default_rng(seed).standard_normal(number))
    table = pd.DataFrame({"animal": [f"M{i + 1}" for i in range(number)], "volume": volume})
    return table if cages is None else table.assign(cage=[f"K{i % cages}" for i in range(number)])


def imbalance(table: pd.DataFrame) -> float:
    """As the record says: largest difference in mean, plus largest difference in sd, of the log baseline."""
    by_arm = np.log(table["volume"]).groupby(table["arm"])
    return float(np.ptp(by_arm.mean()) + np.ptp(by_arm.std()))


def test_every_arm_gets_its_number_of_animals_and_every_animal_one_arm() -> None:
    table = allocate(animals(40), ARMS, 10, seed=1).table
    assert table.groupby("arm").size().to_dict() == dict.fromkeys(ARMS, 10)
    assert list(table["animal"]) == list(animals(40)["animal"])


def test_the_same_seed_gives_the_same_allocation_and_another_seed_another() -> None:
    first, again, other = (allocate(animals(40), ARMS, 10, seed=seed).table for seed in (7, 7, 8))
    pd.testing.assert_frame_equal(first, again)
    assert (first["arm"] != other["arm"]).any()


@pytest.mark.parametrize("cages", [None, 8])
def test_arms_are_never_worse_balanced_than_by_plain_randomisation_over_200_seeds(cages: int | None) -> None:
    rng = np.random.default_rng(1)
    balanced, plain = [], []
    for seed in range(200):
        baselines = animals(40, cages=cages, seed=seed)
        found = allocate(baselines, ARMS, 10, seed=seed)
        assert found.imbalance == pytest.approx(imbalance(found.table))
        assert found.imbalance <= found.plain_imbalance
        balanced.append(found.imbalance)
        plain.append(imbalance(baselines.assign(arm=rng.permutation(np.repeat(ARMS, 10)))))
    assert (np.array(balanced) <= np.array(plain)).all()
    assert np.mean(balanced) < np.mean(plain) / 3


def test_one_try_is_plain_randomisation() -> None:
    one = allocate(animals(40), ARMS, 10, seed=3, tries=1)
    assert one.imbalance == one.plain_imbalance
    assert allocate(animals(40), ARMS, 10, seed=3, tries=50).plain_imbalance == one.imbalance
    several = [allocate(animals(40), ARMS, 10, seed=seed, tries=1).table["arm"] for seed in range(400)]
    share = np.mean([arm == "A" for arm in several], axis=0)
    assert np.abs(share - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 400)  # every animal may get every arm


@pytest.mark.parametrize(("cages", "most"), [(10, 1), (8, 2), (4, 3)])
def test_animals_of_a_cage_are_spread_over_the_arms(cages: int, most: int) -> None:
    for seed in range(5):
        table = allocate(animals(40, cages=cages), ARMS, 10, seed=seed).table
        per_cage = table.groupby(["cage", "arm"]).size().unstack(fill_value=0)
        assert per_cage.to_numpy().max() == most
        assert (np.ptp(per_cage.to_numpy(), axis=1) <= 1).all()


def test_animals_that_are_not_needed_are_those_farthest_from_the_median() -> None:
    baselines = animals(45)
    table = allocate(baselines, ARMS, 10, seed=1).table
    distance = np.abs(np.log(baselines["volume"] / baselines["volume"].median()))
    spare = table["arm"] == ""
    assert spare.sum() == 5
    assert distance[spare].min() > distance[~spare].max()


def test_the_balance_table_says_how_the_arms_start() -> None:
    found = allocate(animals(44, cages=11), ARMS, 10, seed=1)
    balance = found.balance.set_index("arm")
    assert list(balance.index) == list(ARMS)
    of_a = found.table[found.table["arm"] == "A"]
    assert balance.loc["A", "geometric mean"] == pytest.approx(np.exp(np.log(of_a["volume"]).mean()))
    assert balance.loc["A", ["animals", "smallest", "largest", "cages"]].tolist() == [
        10, of_a["volume"].min(), of_a["volume"].max(), of_a["cage"].nunique(),
    ]  # fmt: skip


def test_a_request_that_cannot_be_met_is_refused_with_every_reason() -> None:
    with pytest.raises(InputError) as refused:
        allocate(animals(4), ("A", "A"), 3, seed=1, tries=0)
    assert refused.value.problems == (
        "arms: A, A are not two or more different names. Name each arm once.",
        "tries: 0; it must be 1 or more.",
        "baselines: 4 animals for 2 arms of 3, which need 6. Add animals, or ask for fewer.",
    )
    with pytest.raises(InputError, match="per-arm: 0 animals per arm; it must be 1 or more"):
        allocate(animals(4), ("A", "B"), 0, seed=1)


def test_baselines_are_read_from_commas_or_tabs(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("cage,animal,note,volume\nK1, M1 ,x,150.5\n\nK2,M2,,160\n", encoding="utf-8")
    found = read_baselines(tmp_path / "b.csv")
    assert found.to_dict("list") == {"animal": ["M1", "M2"], "volume": [150.5, 160.0], "cage": ["K1", "K2"]}
    (tmp_path / "b.tsv").write_text("animal\tvolume\nM1\t150.5\n", encoding="utf-8")
    assert read_baselines(tmp_path / "b.tsv").to_dict("list") == {"animal": ["M1"], "volume": [150.5]}


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["b.csv: has no rows. Give a header with animal and volume, and one row per animal."]),
        (
            "id,volumes\n1,2\n",
            [
                'b.csv: there is no column "animal". Rename one of its columns: id, volumes.',
                'b.csv: there is no column "volume". Did you mean "volumes"? Rename one of its columns: id, volumes.',
            ],
        ),
        (
            "animal,volume,cage\nM1,150,K1\nM1,160,K1\n,-3,K1\nM2,big,\nM3,inf,K2\n",
            [
                "b.csv, row 3: animal M1 is in row 2 already. Give one baseline per animal.",
                "b.csv, row 4: animal is blank. Every row needs the animal's name.",
                'b.csv, row 4: volume is "-3"; it must be a number above 0. Correct it, or remove the animal.',
                'b.csv, row 5: volume is "big"; it must be a number above 0. Correct it, or remove the animal.',
                "b.csv, row 5: cage is blank. Name the cage of every animal, or remove the column.",
                'b.csv, row 6: volume is "inf"; it must be a number above 0. Correct it, or remove the animal.',
            ],
        ),
    ],
)
def test_broken_baselines_say_what_to_mend(tmp_path: Path, text: str, sentences: list[str]) -> None:
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_baselines(tmp_path / "b.csv")
    assert list(refused.value.problems) == sentences


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_baselines(tmp_path / "b.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a table of UTF-8 text"):
        read_baselines(tmp_path / "b.csv")
