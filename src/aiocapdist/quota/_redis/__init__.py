"""What :class:`aiocapdist.quota.RedisQuota` is made of: one Redis server for many machines."""
