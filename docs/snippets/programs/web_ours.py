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
async def big(code: str) -> float:
    client: aiocapdist.Client = app.state.client
    try:
        figures = await client.capital_distribution(code, max_wait=5.0)
    except (aiocapdist.InvalidCode, aiocapdist.OpenDError) as error:
        raise HTTPException(404, str(error)) from None
    except aiocapdist.QuotaWaitTooLong as error:
        wait = {"Retry-After": str(math.ceil(min(error.eta, 60.0)))}
        raise HTTPException(429, str(error), wait) from None
    except aiocapdist.AiocapdistError as error:
        raise HTTPException(503, str(error)) from None
    return figures.capital_in_big
