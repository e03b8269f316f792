import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import aiocapdist


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiocapdist.connect() as app.state.client:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/{code}")
async def figures(code: str) -> float:
    client: aiocapdist.Client = app.state.client
    try:
        return (await client.capital_distribution(code, max_wait=5.0)).capital_in_big
    except (aiocapdist.InvalidCode, aiocapdist.UnknownSecurity) as error:
        raise HTTPException(404, str(error)) from None
    except aiocapdist.QuotaWaitTooLong as error:
        raise HTTPException(429, str(error), {"Retry-After": str(math.ceil(error.eta))}) from None
