from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import aiocapdist

PORT = 11111


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiocapdist.connect(port=PORT) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/{code}")
async def figures(code: str) -> aiocapdist.CapitalDistribution:
    client: aiocapdist.Client = app.state.client
    try:
        return await client.capital_distribution(code, max_wait=5.0, max_age=10.0)
    except aiocapdist.InvalidCode as error:
        raise HTTPException(422, str(error)) from None
    except aiocapdist.UnknownSecurity:
        raise HTTPException(404, f"there is no {code}") from None
    except aiocapdist.QuotaWaitTooLong as error:
        raise HTTPException(503, headers={"Retry-After": f"{error.eta:.0f}"}) from None
