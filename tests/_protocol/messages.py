"""The protobuf classes of each message."""

from __future__ import annotations

from typing import Any

from aiocapdist._pb import (
    capital_distribution_pb2,
    capital_flow_pb2,
    global_state_pb2,
    init_connect_pb2,
    init_websocket_pb2,
    keep_alive_pb2,
    notify_pb2,
    user_info_pb2,
)

REQUESTS: dict[int, Any] = {
    1: init_websocket_pb2.Request,
    1001: init_connect_pb2.Request,
    1002: global_state_pb2.Request,
    1004: keep_alive_pb2.Request,
    1005: user_info_pb2.Request,
    3211: capital_flow_pb2.Request,
    3212: capital_distribution_pb2.Request,
}
RESPONSES: dict[int, Any] = {
    1: init_websocket_pb2.Response,
    1001: init_connect_pb2.Response,
    1002: global_state_pb2.Response,
    1003: notify_pb2.Response,
    1004: keep_alive_pb2.Response,
    1005: user_info_pb2.Response,
    3211: capital_flow_pb2.Response,
    3212: capital_distribution_pb2.Response,
}
