"""Predictions of what was not shown, their scores, and naive forecasts to beat."""
