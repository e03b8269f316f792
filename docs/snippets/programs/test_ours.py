import aiocapdist
from aiocapdist.testing import OpenD


def big(code: str) -> float:
    with aiocapdist.sync.connect() as client:
        return client.capital_distribution(code).capital_in_big


def test_big(opend: OpenD) -> None:
    assert big("HK.00700") > 0
    assert opend.codes == ["HK.00700"]
