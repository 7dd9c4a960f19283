"""What was reported of the real events: tables with sources, checked on loading, and what can be observed in them."""

from qantar.record.load import Record, load_record
from qantar.record.observables import Dated, Interval, Observables, Onset, UnitDeaths, observe

__all__ = ["Dated", "Interval", "Observables", "Onset", "Record", "UnitDeaths", "load_record", "observe"]
