"""Downloaded event data become the events of a case: ACLED, UCDP, GDELT, and any other table by a mapping file."""
