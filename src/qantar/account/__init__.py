"""The account under test: its document, its ledger of claims, and what each claim is worth."""
