"""The live view behind a password: who gets in, and what is refused."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live_page import Page, outcome


def test_every_answer_forbids_what_the_page_does_not_need(locked: Page) -> None:
    for path in ("/", "/login", "/state", "/nowhere", "/view.css"):
        headers = locked.ask(path)[1]
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


def test_whoever_has_not_logged_in_gets_the_form_and_nothing_else(locked: Page) -> None:
    locked.show(outcome())
    status, headers, _ = locked.ask("/")
    assert (status, headers["location"]) == (303, "/login")
    for path in ("/state", "/picture/entrance?after=0&viewer=viewer00", "/view.js", "/nowhere",
                 "/login/", "//state", "/%2e/state", "/login/../state"):  # fmt: skip
        assert locked.ask(path)[0] == 401
        assert locked.ask(path, Cookie="maskgate_session=guessed")[0] == 401
    assert b'type="password"' in locked.ask("/login")[2]


def test_the_password_opens_a_session_until_somebody_logs_out(locked: Page) -> None:
    status, headers, _ = locked.log_in()
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    locked.cookie = cookie.split(";")[0]
    assert locked.ask("/state")[0] == 200
    origin = f"http://127.0.0.1:{locked.port}"
    assert locked.ask("/logout", "POST", "", Origin="http://evil.example")[0] == 403
    assert locked.ask("/state")[0] == 200
    assert locked.ask("/logout", "POST", "", Origin=origin)[0] == 303
    assert locked.ask("/state")[0] == 401


def test_a_wrong_password_is_refused_and_many_have_to_wait(locked: Page) -> None:
    for _ in range(3):
        status, headers, body = locked.log_in("open sesam3")
        assert status == 403
        assert "set-cookie" not in headers
        assert b"not the password" in body
    # Even the right one, or waiting would tell nothing.
    status, headers, body = locked.log_in()
    assert (status, headers["retry-after"]) == (429, "2")
    assert b"Try again in 2 s" in body
    time.sleep(2.1)
    assert locked.log_in()[0] == 303


def test_many_wrong_passwords_at_once_get_no_more_tries_than_one_after_the_other(
    locked: Page,
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: locked.log_in("open sesam3")[0], range(16)))
    assert sorted(answers) == [403] * 3 + [429] * 13


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "https://127.0.0.1"])
def test_a_login_from_another_page_is_refused(locked: Page, origin: str) -> None:
    assert locked.log_in(Origin=origin)[0] == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 403), ("password", 403), ("x" * 5000, 413), ("&".join("abcdefghijklmno"), 403),
     ("password=" + "%ff" * 20, 403), ("other=open+sesame", 403)],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(locked: Page, body: str, status: int) -> None:
    origin = f"http://127.0.0.1:{locked.port}"
    assert locked.ask("/login", "POST", body, Origin=origin)[0] == status
