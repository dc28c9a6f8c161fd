"""Whom a request comes from: the proxy that is trusted says it, and nobody else."""

import socket

import httpx
import pytest
from fastapi import FastAPI, Request

from priorauth.bootstrap.listening import address_of, listen, serving


@pytest.mark.parametrize(
    ("trusted", "told", "seen"),
    [
        ("", "203.0.113.7", "127.0.0.1"),
        ("192.0.2.0/24", "203.0.113.7", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.0/8", "203.0.113.7", "203.0.113.7"),
        # What the client itself has written stands before what the proxy has added.
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1,203.0.113.0/24", "198.51.100.1, 203.0.113.7", "198.51.100.1"),
    ],
)
async def test_a_trusted_proxy_tells_for_whom_it_asks(trusted: str, told: str, seen: str) -> None:
    listener: socket.socket = listen("127.0.0.1", 0)
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> str:
        return request.client.host if request.client else ""

    async with serving(app, listener, trusted_proxies=trusted), httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(address_of("127.0.0.1", listener), headers={"X-Forwarded-For": told})

    assert answer.json() == seen
