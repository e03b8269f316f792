from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import aiocapdist
from aiocapdist.web import create_app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiocapdist.connect() as client:
        app.mount("/capital", create_app(client, ["HK.00700", "US.AAPL"]))
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/hello")
async def hello() -> str:
    return "beside /capital/"
