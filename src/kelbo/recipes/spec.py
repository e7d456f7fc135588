"""What every part of a recipe is: typed, validated data that cannot change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from kelbo.names import path_of, text_of


def _place(value: Any) -> Any:
    return path_of(value) if isinstance(value, str) else value


Place = Annotated[Path, BeforeValidator(_place), PlainSerializer(text_of, when_used="json")]
"""a file's or folder's path; as text it is the same under every locale"""


class Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
