"""What :class:`aiocapdist.quota.FileQuota` is made of: one ledger file for one machine."""
