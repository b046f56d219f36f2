"""Akamai SIEM Integration."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.akamai_siem import AkamaiSiemFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"type":"akamai_siem","attackData":{{"clientIP":"198.51.100.9"}},"httpMessage":{{"start":"1791280800",'
    '"host":"www.example.org","path":"/v1/a","requestHeaders":{}}}}}\n'
)


@pytest.mark.parametrize(
    "headers",
    ['"Host%3a%20a%0d%0aUser-Agent%3a%20curl%2f8.5%20(x)%0d%0a"', '{"User-Agent":"curl/8.5 (x)"}'],
)
def test_the_program_is_named_as_it_names_itself(headers: str) -> None:
    assert read(AkamaiSiemFormat, LINE.format(headers))["user_agent"].to_list() == ["curl/8.5 (x)"]
