"""How well the finder of candidate claims tells checkable sentences from others, on labelled sentences. Not part of the package."""
