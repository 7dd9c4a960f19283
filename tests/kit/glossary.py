"""The glossary of the two languages, as it stands at the head of the messages."""

import re
from pathlib import Path

import qantar

WORDS = Path(qantar.__file__).parent / "messages" / "words.toml"


def glossary() -> dict[str, str]:
    """The Chinese word of every English term."""
    head = WORDS.read_text(encoding="utf-8").partition("[")[0]
    return dict(re.findall(r"([a-z][a-z ]*[a-z]) ([\u4e00-\u9fff]+)(?= ·|$)", head, re.MULTILINE))
