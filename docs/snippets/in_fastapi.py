import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import aiocapdist


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiocapdist.connect() as client:
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
    except (aiocapdist.UnknownSecurity, aiocapdist.UnsupportedSecurity) as error:
        raise HTTPException(404, str(error)) from None
    except aiocapdist.QuotaWaitTooLong as error:
        if math.isinf(error.eta):  # OpenD is away
            raise HTTPException(503, str(error)) from None
        wait = {"Retry-After": str(math.ceil(error.eta))}
        raise HTTPException(429, str(error), wait) from None
    except aiocapdist.ConnectionLost as error:
        raise HTTPException(503, str(error)) from None
