import asyncio
import os
import ssl

import aiocapdist


async def main() -> None:
    # Only where OpenD's certificate is one that you made yourself.
    trusted = ssl.create_default_context(cafile="opend-certificate.pem")
    key = os.environ["OPEND_WEBSOCKET_KEY"]
    url = "wss://opend.example:33333"
    async with aiocapdist.connect(
        url, websocket_key=key, ssl_context=trusted
    ) as client:
        print("encrypted" if client.status.encrypted else "in the clear")
        figures = await client.capital_distribution("HK.00700")
        print(f"{figures.code}: net {figures.net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
