"""Migrations of the ledger: written once, importing nothing of the program."""
