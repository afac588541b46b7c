"""Named task subsets: sites stand for their tasks, and a word of no task is an error that offers the nearest."""

import pytest

from harness.config import ConfigFile
from harness.config_load import DEFAULT_CONFIG, load_file
from harness.errors import UsageError
from harness.subsets import site_of_task, subset_ids

KNOWN = ["v2.gomail-1", "v2.gomail-10", "v2.omnizon-2", "v2.dashdish-3", "miniwob.click-test"]


def test_a_site_stands_for_all_its_tasks() -> None:
    subsets = {"mail": ["gomail"], "mixed": ["miniwob.click-test", "omnizon"]}
    assert subset_ids(subsets, "mail", KNOWN) == ["v2.gomail-1", "v2.gomail-10"]
    assert subset_ids(subsets, "mixed", KNOWN) == ["v2.omnizon-2", "miniwob.click-test"]


def test_the_site_of_a_task_is_between_version_and_number() -> None:
    assert site_of_task("v2.gomail-12") == "gomail"
    assert site_of_task("miniwob.click-test-2") == ""


def test_unknown_names_and_words_offer_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no subset 'mial'; the nearest is 'mail'"):
        subset_ids({"mail": ["gomail"]}, "mial", KNOWN)
    with pytest.raises(UsageError, match="subset 'mail': there is no task or site 'gomial'; the nearest is 'gomail'"):
        subset_ids({"mail": ["gomial"]}, "mail", KNOWN)


def test_the_bundled_subsets_name_sites_of_the_benchmark() -> None:
    subsets = load_file(DEFAULT_CONFIG).subsets
    assert subsets["shopping"] == ["omnizon", "dashdish"]
    sites = {
        "gomail", "udriver", "topwork", "dashdish", "opendining", "staynb", "gocalendar", "networkin", "omnizon",
        "zilloft", "marrisuite",
    }  # fmt: skip
    assert {word for words in subsets.values() for word in words} == sites


@pytest.mark.parametrize("subsets", [{"Bad Name": ["a"]}, {"mail": ["../x"]}, {"mail": "gomail"}])
def test_a_subset_that_is_no_list_of_ids_is_refused(subsets: object) -> None:
    with pytest.raises(ValueError, match="subsets"):
        ConfigFile.model_validate({"subsets": subsets})
