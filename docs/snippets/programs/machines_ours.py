import os

import aiocapdist
from aiocapdist.quota import RedisQuota

quota = RedisQuota(os.environ["AIOCAPDIST_REDIS"])
with aiocapdist.sync.connect(quota=quota) as client:
    for outcome in client.capital_distributions(["HK.00700", "HK.00005"]):
        print(outcome.code, outcome.unwrap().capital_in_big)
