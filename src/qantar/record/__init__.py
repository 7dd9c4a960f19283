"""What was reported of the real events: tables with sources, checked on loading (`load`); what can be observed in them (`observables`)."""
