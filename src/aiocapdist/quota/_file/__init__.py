"""What :class:`aiocapdist.quota.FileQuota` is made of."""
