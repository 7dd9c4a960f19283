"""From histories to what would have been reported of them."""
