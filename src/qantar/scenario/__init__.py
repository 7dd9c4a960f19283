"""What is assumed about a country and a time, with sources; the packaged cases."""

from qantar.cases.case import Case, case_names, find_folder, load_case

__all__ = ["Case", "case_names", "find_folder", "load_case"]
