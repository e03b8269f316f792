import asyncio

from google.protobuf.wrappers_pb2 import StringValue

import aiocapdist
from aiocapdist.simulator import Simulator


def shout(body: bytes) -> StringValue:
    """Answers whatever is asked with this proto id."""
    return StringValue(value=StringValue.FromString(body).value.upper())


async def main() -> None:
    async with (
        Simulator(answers={9999: shout}) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        reply = await client.request(9999, StringValue(value="hello"), StringValue)
        print(reply.value)


if __name__ == "__main__":
    asyncio.run(main())
