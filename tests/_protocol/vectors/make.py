"""Makes the golden frames with the vendor's own packer and message classes.

    HOME=$(mktemp -d) python tests/_protocol/vectors/make.py [FOLDER]

In a process of its own: importing the vendor's client warns, and may write under HOME.
Requests are packed as its client packs them. Replies, which only OpenD makes, are the
vendor's Response classes behind the head that the vendor's packer puts before a message.
Each frame must hold what ``contents.py`` says, by the vendor's classes and its reader.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from contents import PUSHES, REPLIES, REQUESTS, UTC, Row

HEAD_SIZE = 44
PAGES = {
    1001: "InitConnect",
    1002: "GetGlobalState",
    1003: "Notify",
    1004: "KeepAlive",
    3211: "Qot_GetCapitalFlow",
    3212: "Qot_GetCapitalDistribution",
}


def pack(row: Row, message: Any) -> tuple[str, tuple[Any, ...]]:
    """The vendor's function that packs it, by name, and what that returned."""
    from futu.common import utils
    from futu.quote import quote_query

    if not row.packer:
        packed = utils.pack_pb_req(message, row.proto_id, 0, row.serial)
        return "futu.common.utils.pack_pb_req", packed
    utils.g_unique_id = row.serial - 1  # the vendor's client counts up, then takes it
    with patch("time.time", return_value=float(UTC)):
        packed = getattr(quote_query, row.packer).pack_req(*row.args)
    return f"futu.quote.quote_query.{row.packer}.pack_req", packed


def vector(row: Row, direction: str) -> dict[str, Any]:
    """One frame and what it means."""
    from futu.common import utils

    module = f"futu.common.pb.{PAGES[row.proto_id]}_pb2"
    kind = "Request" if direction == "request" else "Response"
    message = getattr(importlib.import_module(module), kind)(**row.fields)
    packer, (result, text, data, *ids) = pack(row, message)
    assert (result, text, ids) == (0, "", [row.proto_id, row.serial]), (row, text)
    assert data[HEAD_SIZE:] == message.SerializeToString(), f"{row}: the packer wrote otherwise"
    if kind == "Response":
        assert utils.parse_rsp(data, 0, False).rsp_pb == message, f"{row}: read otherwise"
    return {
        "shows": row.shows,
        "direction": direction,
        "message": f"{module}.{kind}",
        "packer": packer,
        "proto_id": row.proto_id,
        "serial": row.serial,
        "fields": row.fields,
        "hex": data.hex(),
    }


def main(folder: Path) -> None:
    """Write one file for each proto id."""
    warnings.simplefilter("ignore")
    from futu.common.constant import ProtoId

    directions = (("request", REQUESTS), ("reply", REPLIES), ("push", PUSHES))
    vectors = [vector(row, direction) for direction, rows in directions for row in rows]
    provenance = {
        "package": "futu-api",
        "version": version("futu-api"),
        "command": "HOME=$(mktemp -d) python tests/_protocol/vectors/make.py",
    }
    for proto_id in PAGES:
        page: dict[str, Any] = {"provenance": provenance}
        if proto_id == 1003:
            page["push_ids"] = sorted(ProtoId.All_PushId)  # all that it knows for pushes
        page["vectors"] = [one for one in vectors if one["proto_id"] == proto_id]
        text = json.dumps(page, ensure_ascii=False, indent=1)
        (folder / f"{proto_id}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
