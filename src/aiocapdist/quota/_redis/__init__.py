"""What :class:`aiocapdist.quota.RedisQuota` is made of."""
