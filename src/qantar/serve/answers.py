"""What is sent back: values as JSON, and mistakes in the one shape that the command line prints with `--json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from qantar.errors import QantarError


def spoken(headers: Mapping[bytes, bytes]) -> str:
    """The language of the first wish that a browser names: Chinese, or else English.

    >>> spoken({b"accept-language": b"zh-CN,zh;q=0.9"}), spoken({})
    ('zh', 'en')
    """
    return "zh" if headers.get(b"accept-language", b"").lower().startswith(b"zh") else "en"


def as_json(value: object, status: int = 200) -> Response:
    """A value; dates and places as text."""
    said = json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
    return Response(said, status, media_type="application/json")


def refusal(error: QantarError, status: int, scope: Mapping[str, Any]) -> Response:
    """A mistake, in the language of who made it."""
    lang = spoken({k.lower(): v for k, v in scope["headers"]})
    return as_json({"error": {"problems": [p.as_dict(lang) for p in error.problems]}}, status)
