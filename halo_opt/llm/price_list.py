"""Prices that the user states in a file, which win over any list."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from halo_common.prices import stated_cost
from halo_opt.core.errors import ConfigError
from halo_opt.core.validation import first_problem

_FORM = "write, for each model, 'NAME: {input: 0.25, output: 2, cached: 0.025}' in dollars per million tokens"


class Price(BaseModel):
    """Dollars per million tokens. `cached` is for input that the provider had in its cache; None means as `input`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def of(self, *, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> float:
        """Dollars for so many tokens; `tokens_cached` are part of `tokens_in`."""
        return stated_cost(
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            input_price=self.input,
            output_price=self.output,
            tokens_cached=tokens_cached,
            cached_price=self.cached,
        )


Prices = Mapping[str, Price]
"""By the model's name, or by its whole spec where one name is served at several places."""

_PRICES = TypeAdapter(dict[str, Price])


def read_prices(path: Path) -> Prices:
    """The prices in a YAML or JSON file. Raises ConfigError that names the file, the model and the form."""
    try:
        given = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the price file {path} cannot be read ({error.strerror}); {_FORM}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"the price file {path} is neither YAML nor JSON ({problem}); {_FORM}") from error
    try:
        return _PRICES.validate_python(given)
    except ValidationError as error:
        raise ConfigError(f"the price file {path}, {first_problem(error, 'the whole')}; {_FORM}") from error
