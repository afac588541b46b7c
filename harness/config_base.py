"""The base of every group of settings. Pure: reads no file."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base: strict types, an unknown key is an error, values never change once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
