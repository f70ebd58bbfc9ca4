"""Addresses and names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.spec.urls import safe_id, server_name, server_url


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("http://localhost:8000", "http://localhost:8000", "localhost-8000"),
        ("http://localhost:8000/", "http://localhost:8000", "localhost-8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000", "localhost-8000"),
        ("https://API.example.com/llm/v1", "https://API.example.com/llm", "api.example.com"),
        ("http://10.0.0.7:80", "http://10.0.0.7:80", "10.0.0.7-80"),
        ("http://[::1]:8000", "http://[::1]:8000", "1-8000"),
    ],
)
def test_servers(text: str, url: str, name: str) -> None:
    """A URL loses `/v1` and its trailing slash; host and port name the server."""
    assert server_url(text) == url
    assert server_name(url) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("localhost:8000", "a server's URL begins with http:// or https://"),
        ("ftp://h", "a server's URL begins with http:// or https://"),
        ("http://", "the URL names no host"),
        ("http://:8000", "the URL names no host"),
        ("http://h:99999", "not a URL: Port out of range 0-65535"),
        (
            "http://u:p@h",
            "a URL must not hold credentials; name the variable that holds the key with api-key-env",
        ),
        ("http://h/?key=1", "a server's URL has no query and no fragment"),
    ],
)
def test_no_servers(text: str, message: str) -> None:
    """What cannot be a server's base URL is refused with the reason."""
    with pytest.raises(ValueError, match=re.escape(message)):
        server_url(text)


@given(st.text())
def test_safe_ids_can_stand_in_test_ids(text: str) -> None:
    """Any text becomes something that `-k` and file systems take; doing it twice changes nothing."""
    name = safe_id(text)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
    assert safe_id(name) == name
