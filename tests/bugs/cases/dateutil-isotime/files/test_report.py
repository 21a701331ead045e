import pytest
from dateutil.parser import isoparse


@pytest.mark.parametrize("text", ["2020-01-01T12:30:45", "2020-01-01T123045", "2020-01-01T12:30"])
def test_good(text):
    assert isoparse(text).minute == 30


@pytest.mark.parametrize("text", ["2020-01-01T12:3045", "2020-01-01T1230:45"])
def test_missing_colon(text):
    with pytest.raises(ValueError):
        isoparse(text)
