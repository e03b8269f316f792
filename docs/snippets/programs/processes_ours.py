import aiocapdist
from aiocapdist.quota import FileQuota

with aiocapdist.sync.connect(quota=FileQuota("capdist.quota")) as client:
    for outcome in client.capital_distributions([f"HK.{n:05d}" for n in range(1, 21)]):
        print(outcome.code, outcome.unwrap().capital_in_big)
