from unittest.mock import MagicMock, patch

import futu
import pandas as pd


def big(code: str) -> float:
    context = futu.OpenQuoteContext(host="127.0.0.1", port=11111)
    try:
        ret, data = context.get_capital_distribution(code)
    finally:
        context.close()
    if ret != futu.RET_OK:
        raise RuntimeError(data)
    return float(data["capital_in_big"][0])


def test_big() -> None:
    context = MagicMock()
    answer = pd.DataFrame({"capital_in_big": [5.0]})
    context.get_capital_distribution.return_value = (futu.RET_OK, answer)
    with patch("futu.OpenQuoteContext", return_value=context):
        assert big("HK.00700") > 0
    context.get_capital_distribution.assert_called_once_with("HK.00700")
