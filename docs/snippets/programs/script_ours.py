import aiocapdist

with aiocapdist.sync.connect() as client:
    for outcome in client.capital_distributions(["HK.00700", "HK.00005"]):
        print(outcome.code, outcome.unwrap().capital_in_big)
