import aiocapdist


def main() -> None:
    with aiocapdist.sync.connect() as client:
        print(client.capital_distribution("HK.00700").net)
        for outcome in client.capital_distributions(["HK.00005", "US.AAPL"]):
            print(outcome.code, outcome.unwrap().net)
        for change in client.watch(["HK.00700"], every=10.0):
            print(change.code, change.unwrap().main_net)
            break


if __name__ == "__main__":
    main()
