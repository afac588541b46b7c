"""docs/serving-qwen.md names only what exists: modes, variables, messages and the form of a request."""

import json
import re
from pathlib import Path

import pytest
from model_servers import Asked, request, serving

from harness.act.actions import ACTIONS
from harness.core.errors import AttemptError
from harness.decide.choices import reply_schema
from harness.settings.env_file import VARIABLES, read_env_file
from harness.settings.load import DEFAULT_CONFIG, load_file
from harness.settings.schema import HarnessSettings

PAGE = (Path(__file__).parents[3] / "docs" / "serving-qwen.md").read_text(encoding="utf-8")


def test_every_mode_of_the_page_exists() -> None:
    named = set(re.findall(r"qwen_worker_[a-z]+", PAGE))
    assert named == {"qwen_worker_zero", "qwen_worker_bc", "qwen_worker_dpo"}
    assert named <= set(load_file(DEFAULT_CONFIG).modes)


def test_the_adapters_of_the_page_are_those_of_the_modes() -> None:
    served = set(re.findall(r"(\w+)=/data/adapters/", PAGE)) | set(re.findall(r"^vllm serve (\S+)", PAGE, re.MULTILINE))
    modes = load_file(DEFAULT_CONFIG).modes
    assert served == {modes[f"qwen_worker_{name}"]["model"]["name"] for name in ("zero", "bc", "dpo")}


def test_every_variable_of_the_page_is_one_that_is_read() -> None:
    named = set(re.findall(r"\b(?:HALO|OPENAI|ANTHROPIC)_[A-Z_]+\b", PAGE))
    assert {"HALO_VLLM_URL", "HALO_VLLM_API_KEY", "HALO_WORKER_BACKEND", "HALO_WORKER_MODEL"} <= named <= set(VARIABLES)


def test_the_env_block_of_the_page_can_be_read(tmp_path: Path) -> None:
    block = next(b for b in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "PASTE_IT_HERE" in b)
    (tmp_path / ".env").write_text(block, encoding="utf-8")
    assert set(read_env_file(tmp_path / ".env")) == {"HALO_VLLM_URL", "HALO_VLLM_API_KEY"}


def test_the_request_of_the_page_has_the_form_of_the_harness_s_own() -> None:
    shown = json.loads(re.findall(r"-d '\n(\{.*?\n\})'", PAGE, re.DOTALL)[0])
    schema = reply_schema((), HarnessSettings.model_validate({}))
    with serving("openai") as server:
        server.says("{}")
        Asked(server, backend="vllm", name="bc")(request(schema=schema))
    sent = server.seen[0]
    assert set(shown) == set(sent)
    ours = sent["response_format"]["json_schema"]["schema"]
    theirs = shown["response_format"]["json_schema"]["schema"]
    assert set(theirs["properties"]["action"].pop("enum")) <= set(ACTIONS)
    ours["properties"]["action"].pop("enum")
    assert theirs == ours


@pytest.mark.parametrize("status", [401, 404])
def test_the_messages_of_the_page_are_those_of_the_harness(status: int) -> None:
    with serving("openai") as server:
        server.fails(status)
        with pytest.raises(AttemptError) as caught:
            Asked(server, backend="vllm", name="bc", api_key_env="HALO_VLLM_API_KEY")()
    told = re.findall(rf"`answered {status}: ([^`]*)`", PAGE)[0]
    assert f"answered {status}: {told}" in str(caught.value)
