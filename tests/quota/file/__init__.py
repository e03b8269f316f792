"""Quotas in a ledger file: needs ``flock``, which Windows has not."""
