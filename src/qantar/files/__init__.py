"""Files at the border: read with care, checked row by row, written whole or not at all."""
