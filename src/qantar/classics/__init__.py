"""Published models of unrest, one file a model: its rules as the paper has them, and what was published beside what comes out here.

Nothing of them enters qantar's own model. `comparison` holds every published figure with its source and how near is near enough.
"""
