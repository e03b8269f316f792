import asyncio

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import generate_latest

import aiocapdist


async def main() -> None:
    provider = MeterProvider([PrometheusMetricReader()])
    async with aiocapdist.connect() as client:
        with aiocapdist.telemetry.instrument(client, provider):
            await client.capital_distributions(["HK.00700", "US.AAPL", "HK.99999"])
            # In a service: prometheus_client.start_http_server(9464), once.
            print(generate_latest().decode())
    provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
