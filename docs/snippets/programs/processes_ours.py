import aiocapdist
from aiocapdist.quota import FileQuota

CODES = [f"HK.{n:05d}" for n in range(1, 21)]

with aiocapdist.sync.connect(quota=FileQuota("capdist.quota")) as client:
    for outcome in client.capital_distributions(CODES):
        print(outcome.code, outcome.unwrap().capital_in_big)
