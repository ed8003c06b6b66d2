"""What both clients promise a script, seen from a script that runs."""

from typing import Any

import pytest

BOTH = pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])


@BOTH
def test_catch_response(katydid: Any, user: str) -> None:
    """The contract, row by row."""
    text = f"""
from locust.exception import LocustError, ResponseError, RescheduleTask

class U({user}):
    @task
    def t(self):
        c = self.client
        with c.get("/status/500", name="forgiven", catch_response=True) as r:
            r.success()
        with c.get("/null", name="blamed", catch_response=True) as r:
            r.failure("first"); r.failure("not what I wanted")
        with c.get("/null", name="blamed with an exception", catch_response=True) as r:
            r.failure(ValueError("odd"))
        with c.get("/null", name="failure then success", catch_response=True) as r:
            r.failure("no"); r.success()
        with c.get("/null", name="left good", catch_response=True) as r:
            pass
        with c.get("/status/404", name="left bad", catch_response=True) as r:
            pass
        with c.get("/null", name="response error", catch_response=True) as r:
            raise ResponseError("mine")
        for error in (AssertionError("no"), KeyError("k"), RescheduleTask()):
            try:
                with c.get("/null", name="raised", catch_response=True) as r:
                    raise error
            except type(error):
                say(propagated=type(error).__name__)
        try:
            with c.get("/null", name="raised after", catch_response=True) as r:
                r.failure("said before")
                raise KeyError("k")
        except KeyError:
            say(after=True)
        r = c.get("/null", name="never entered", catch_response=True)
        try:
            r.success()
        except LocustError:
            say(outside=True)
        try:
            with c.get("/null", name="not asked for") as r:
                r.success()
        except LocustError:
            say(unasked=True)
        with c.get("/null", name="edited", catch_response=True) as r:
            r.request_meta["name"] = "edited name"
            r.request_meta["request_type"] = "PROBE"
            r.request_meta["response_time"] = 5000.0
"""
    done = katydid.scenario(text).ended(1)
    assert done.said == {
        "propagated": "RescheduleTask",
        "after": True,
        "outside": True,
        "unasked": True,
    }, done.text
    assert {k: v for k, v in done.counts.items() if v != (0, 0)} == {
        "GET forgiven": (1, 0),
        "GET blamed": (1, 1),
        "GET blamed with an exception": (1, 1),
        "GET failure then success": (1, 0),
        "GET left good": (1, 0),
        "GET left bad": (1, 1),
        "GET response error": (1, 1),
        "GET raised after": (1, 1),
        "GET not asked for": (1, 0),
        "PROBE edited name": (1, 0),
    }
    causes = {name.partition(" ")[2]: (cause, text) for name, cause, text in done.failures}
    assert causes["blamed"] == ("script", "not what I wanted")
    assert causes["left bad"][0] == "status"
    assert "odd" in causes["blamed with an exception"][1]
    (row,) = [e for e in done.summary["endpoints"] if e["name"] == "edited name"]
    assert row["from_due"]["max"] == pytest.approx(5000, rel=0.01)


@BOTH
def test_the_block_is_not_timed(katydid: Any, user: str) -> None:
    body = """
import time
with c.get("/null", catch_response=True) as r:
    time.sleep(3)
"""
    done = katydid.task(body, user=user).ended(0)
    assert done.summary["endpoints"][0]["from_due"]["max"] < 2900


@BOTH
def test_names(katydid: Any, user: str) -> None:
    body = """
c.get("/null?n=1")
c.get("/null?n=2", name="named")
c.request_name = "sticky"
c.get("/null?n=3")
c.get("/null?n=4", name="own")
c.request_name = None
with c.rename_request("renamed"):
    c.get("/null?n=5")
    c.get("/null?n=6")
c.get("/null?n=7")
"""
    done = katydid.task(body, user=user).ended(0)
    assert done.counts == {
        "GET /null?n=1": (1, 0),
        "GET named": (1, 0),
        "GET sticky": (1, 0),
        "GET own": (1, 0),
        "GET renamed": (2, 0),
        "GET /null?n=7": (1, 0),
    }


@BOTH
def test_rest(katydid: Any, user: str) -> None:
    text = f"""
class U({user}):
    @task
    def t(self):
        with self.rest("POST", "/echo", json={{"a": 1}}, name="good") as r:
            say(method=r.js["method"])
        with self.rest("GET", "/echo", name="asserts") as r:
            assert r.js["method"] == "PUT", "not a PUT"
        with self.rest("GET", "/echo", name="raises") as r:
            r.js["nonsuch"]
        with self.rest("GET", "/garbage", name="unreachable") as r:
            say(js=r.js)
        with self.rest_("GET", "/echo") as r:
            say(query=r.js["query"])
"""
    done = katydid.scenario(text).ended(1)
    assert done.said["method"] == "POST" and done.said["js"] is None
    assert "_=" in str(done.said["query"])
    texts = {name: text for name, _, text in done.failures}
    assert texts["GET asserts"] == "not a PUT"
    assert "KeyError" in texts["GET raises"]
    assert set(texts) == {"GET asserts", "GET raises", "GET unreachable"}
    assert done.counts["GET /echo?_=..."] == (1, 0)


@BOTH
def test_redirects_are_one_sample(katydid: Any, user: str) -> None:
    body = """
r = c.get("/redirect?n=3&to=/echo", name="chain")
say(status=r.status_code, url=r.url, hops=len(r.history))
r = c.get("/redirect?n=1&to=/echo", name="first", allow_redirects=False)
say(first=r.status_code)
r = c.post("/redirect?n=1&status=303&to=/echo", name="303", data=b"x")
say(after_303=r.json()["method"])
r = c.post("/redirect?n=1&status=307&to=/echo", name="307", data=b"x")
say(after_307=r.json()["method"])
r = c.get("/redirect?n=60", name="endless")
"""
    done = katydid.task(body, user=user).ended(1)
    said = done.said
    assert said["status"] == 200 and said["url"].endswith("/echo")
    assert (said["first"], said["after_303"], said["after_307"]) == (302, "GET", "POST")
    if user == "HttpUser":
        assert said["hops"] == 3
    good = ("GET chain", "GET first", "POST 303", "POST 307")
    assert done.counts == {**dict.fromkeys(good, (1, 0)), "GET endless": (1, 1)}


@BOTH
def test_cookies_and_login(katydid: Any, user: str) -> None:
    text = f"""
class U({user}):
    def on_start(self):
        r = self.client.post("/shop/login", json={{"user": "u", "password": "p"}})
        say(token=bool(r.json().get("token")))
    @task
    def t(self):
        r = self.client.get("/cookie?set=a=1", name="cookie")
        r = self.client.get("/echo")
        sent = {{k.lower(): v for k, v in dict(r.json()["headers"]).items()}}
        say(cookie=sent["cookie"])
        for way in (self.client.get, self.client.post):
            r = way("/echo", headers={{"Accept": None, "X-Own": "1"}}, name="a default left out")
            sent = {{k.lower(): v for k, v in dict(r.json()["headers"]).items()}}
            say(kept="a=1" in sent.get("cookie", "") and sent["x-own"] == "1")
        r = self.client.get("/redirect?to=/echo", name="over a redirect")
        say(redirected="a=1" in r.text)
"""
    done = katydid.scenario(text).ended(0)
    assert done.said["token"] and done.said["redirected"] and done.said["kept"]
    assert "a=1" in done.said["cookie"] and "session" in done.said["cookie"]


@BOTH
def test_basic_auth(katydid: Any, user: str) -> None:
    body = """
say(without=c.get("/basic-auth", name="without").status_code)
say(with_=c.get("/basic-auth", auth=("u", "p"), name="with").status_code)
"""
    done = katydid.task(body, user=user).ended(1)
    assert done.said == {"without": 401, "with_": 200}
    host = katydid.target.replace("http://", "http://u:p@")
    katydid.folder.joinpath("run").rename(katydid.folder / "before")
    done = katydid.task("c.get('/basic-auth')", "-H", host, user=user).ended(0)
    assert done.counts == {"GET /basic-auth": (1, 0)}
    kept = "".join(p.read_text(errors="replace") for p in done.run.glob("*.*"))
    assert "u:p@" not in kept, "a password has no place in a record"


@BOTH
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_compressed_bodies(katydid: Any, user: str, coding: str) -> None:
    body = f"""
r = c.get("/{coding}", headers={{"Accept-Encoding": "{coding}"}})
say(kind=type(r.json()).__name__, coding=r.headers.get("content-encoding"))
"""
    done = katydid.task(body, user=user).ended(0)
    assert done.said == {"kind": "dict", "coding": coding}


@BOTH
def test_bodies_are_sent(katydid: Any, user: str) -> None:
    body = """
def sent(**k):
    r = c.post("/echo", **k).json()
    headers = {n.lower(): v for n, v in dict(r["headers"]).items()}
    return [headers.get("content-type"), r["body"]]
say(json=sent(json={"a": [1]}), form=sent(data={"a": "1 2"}), raw=sent(data=b"raw"))
r = c.get("/echo", params={"q": "a b", "n": 1}, headers={"X-Own": "me"}, name="params").json()
say(query=r["query"], own={n.lower(): v for n, v in dict(r["headers"]).items()}["x-own"])
for method in ("put", "patch", "delete", "options"):
    say(**{method: getattr(c, method)("/echo").json()["method"]})
say(head=c.head("/null").status_code)
"""
    done = katydid.task(body, user=user).ended(0)
    said = done.said
    assert said["json"][0] == "application/json" and "[1]" in str(said["json"][1]).replace(" ", "")
    assert said["form"][0].startswith("application/x-www-form-urlencoded")
    assert "a=1+2" in str(said["form"][1]) and "raw" in str(said["raw"][1])
    assert "q=a+b" in str(said["query"]) and said["own"] == "me"
    assert (said["put"], said["delete"], said["head"]) == ("PUT", "DELETE", 200)


@BOTH
def test_streams(katydid: Any, user: str) -> None:
    read = (
        "r.iter_content(1000)" if user == "HttpUser" else "iter(lambda: r.stream.read(1000), b'')"
    )
    body = f"""
r = c.get("/slow?bytes=5000&chunk=1000&ms=10", stream=True, name="stream")
say(status=r.status_code, size=sum(len(piece) for piece in {read}))
c.get("/null")
"""
    done = katydid.task(body, user=user).ended(0)
    assert done.said == {"status": 200, "size": 5000}
    assert done.counts == {"GET stream": (1, 0), "GET /null": (1, 0)}


def test_stream_lines(katydid: Any) -> None:
    body = """
with c.get("/slow?bytes=3000&chunk=1000&ms=5", stream=True, catch_response=True, name="s") as r:
    say(lines=len(b"".join(r.iter_lines())) > 0)
    r.success()
"""
    done = katydid.task(body).ended(0)
    assert done.said == {"lines": True} and done.counts == {"GET s": (1, 0)}


def test_requests_fired_by_hand(katydid: Any) -> None:
    text = """
heard = []

@events.request.add_listener
def _(name, exception, **_):
    heard.append(name)

class U(User):
    @task
    def t(self):
        fire = self.environment.events.request.fire
        common = dict(request_type="SQL", response_length=10, context={})
        fire(name="select", response_time=12.5, exception=None, **common)
        fire(name="insert", response_time=50, exception=ValueError("locked"), **common)
        fire(name="none", response_time=None, exception=None, **common)
        stats = self.environment.stats
        say(heard=heard, n=stats.get("select", "SQL").num_requests, total=stats.total.num_requests)
"""
    done = katydid.scenario(text).ended(1)
    assert done.counts["SQL select"] == (1, 0) and done.counts["SQL insert"] == (1, 1)
    assert done.said["heard"] == ["select", "insert", "none"] and done.said["n"] == 1
    ((_, cause, text),) = done.failures
    assert cause == "other" and "locked" in text
    (row,) = [e for e in done.summary["endpoints"] if e["name"] == "select"]
    assert row["from_due"]["max"] == pytest.approx(12.5, rel=0.01)


@BOTH
@pytest.mark.parametrize("way", ["plain", "judged", "posted", "failed"])
def test_what_a_listener_is_told(katydid: Any, user: str, way: str) -> None:
    """The same, whichever way a request takes through the client."""
    call = {
        "plain": 'c.get("/page/[id]?x=1")',
        "judged": 'c.get("/page/[id]?x=1", catch_response=True)',
        "posted": 'c.post("/page/[id]?x=1", json={"a": 1}, catch_response=True)',
        "failed": 'c.get("/status/500", name="/page/[id]?x=1")',
    }[way].replace("/page/[id]", "/null")
    text = f"""
@events.request.add_listener
def _(request_type, name, response_time, response_length, exception, context, response, url,
      start_time, **more):
    say(told=[request_type, name, bool(exception), context, url, more])
    say(length=response_length == len(response.content), time=0 < response_time < 10_000)
    say(start=abs(start_time - __import__("time").time()) < 10, status=response.status_code)
    say(url=response.url == url, judged=hasattr(response, "failure"))

class U({user}):
    def context(self):
        return {{"who": "me"}}
    @task
    def t(self):
        c = self.client
        r = {call}
        if {way in ("judged", "posted")}:
            with r:
                pass
"""
    done = katydid.scenario(text).ended(1 if way == "failed" else 0)
    method, name, failed, context, url, more = done.said["told"]
    assert (method, name) == ("POST" if way == "posted" else "GET", "/null?x=1")
    assert failed is (way == "failed") and context == {"who": "me"} and not more
    assert url.endswith("/status/500" if way == "failed" else "/null?x=1")
    assert done.said["status"] == (500 if way == "failed" else 200)
    wanted = ("length", "time", "start", "url", "judged")
    assert all(done.said[key] for key in wanted), done.said


@BOTH
@pytest.mark.parametrize("judged", [False, True])
def test_a_listener_that_ends_the_user(katydid: Any, user: str, judged: bool) -> None:
    """Its exception goes through to the task; what was recorded stays recorded, once."""
    text = f"""
from locust.exception import StopUser

@events.request.add_listener
def _(**_):
    raise StopUser()

class U({user}):
    @task
    def t(self):
        response = self.client.get("/null", catch_response={judged})
        if {judged}:
            with response:
                pass
        say(went_on=True)
"""
    done = katydid.scenario(text, "-t", "1s").ended(0)
    assert done.counts == {"GET /null": (1, 0)} and not done.said


def test_a_client_made_while_the_locustfile_loads(katydid: Any) -> None:
    """Its requests belong to the run as soon as there is one."""
    text = """
admin = HttpSession(HOST, events.request, None)
fast = FastHttpSession(HOST, events.request, None)
for name in ("before", "as well"):
    admin.get("/null", name=name)
    fast.get("/null", name=name)

class U(FastHttpUser):
    @task
    def t(self):
        for name in "abc":
            self.client.get("/null", name=name)
        for client in (admin, fast):
            client.get("/null", name="plain")
            with client.get("/null", name="token", catch_response=True):
                pass
"""
    head = (
        "from locust.clients import HttpSession\n"
        "from locust.contrib.fasthttp import FastHttpSession\n"
        f"HOST = {katydid.target!r}\n"
    )
    done = katydid.scenario(head + text).ended(0)
    rows = {**dict.fromkeys(("GET a", "GET b", "GET c"), (1, 0))}
    assert done.counts == {**rows, "GET plain": (2, 0), "GET token": (2, 0)}


@BOTH
def test_an_overridden_request_sees_every_call(katydid: Any, user: str) -> None:
    module = {"HttpUser": "clients.HttpSession", "FastHttpUser": "contrib.fasthttp.FastHttpSession"}
    where, _, name = module[user].rpartition(".")
    text = f"""
from locust.{where} import {name}

seen = []

class Signing({name}):
    def request(self, method, url, **kw):
        seen.append(url)
        return super().request(method, url, **kw)

class U({user}):
    @task
    def t(self):
        for kind in (Signing, {name}):
            c = kind(self.host, self.environment.events.request, self)
            if kind is {name}:
                inner = c.request
                c.request = lambda method, url, **kw: (seen.append(url), inner(method, url, **kw))[1]
            c.get("/null")
            c.get("/null")
            c.get("/null", name="named")
            with c.get("/null", catch_response=True):
                pass
            c.get("/null", headers={{"A": "b"}})
            c.post("/null")
        say(seen=len(seen))
"""
    assert katydid.scenario(text).ended(0).said["seen"] == 12


@BOTH
def test_odd_arguments_and_edited_meta_lose_nothing(katydid: Any, user: str) -> None:
    body = """
for flag in (None, 0, 1):
    r = c.get("/null", name="flags", catch_response=flag)
    if flag:
        with r:
            pass
for key, value in (("response_length", None), ("response_length", 1.5), ("response_time", "12")):
    with c.get("/null", name="edited", catch_response=True) as r:
        r.request_meta[key] = value
with c.get("/null", name="edited", catch_response=True) as r:
    del r.request_meta["response_length"]
with c.get("/null", name="edited", catch_response=True) as r:
    r.request_meta["name"] = 5
with c.get("/null", name="set", catch_response=True) as r:
    r.request_meta = {**r.request_meta, "name": "set anew"}
with c.get("/null", name="blamed", catch_response=True) as r:
    r.request_meta["exception"] = ValueError("mine")
with c.get("/null", name="blamed", catch_response=True) as r:
    r.failure("\\ud800")
class Mute(Exception):
    def __repr__(self):
        raise KeyError
with c.get("/null", name="blamed", catch_response=True) as r:
    r.failure(Mute())
"""
    done = katydid.task(body, user=user).ended(1)
    assert done.counts == {
        "GET flags": (3, 0),
        "GET edited": (4, 0),
        "GET 5": (1, 0),
        "GET set anew": (1, 0),
        "GET blamed": (3, 3),
    }, done.text


@BOTH
def test_what_a_block_said_is_what_raise_for_status_says(katydid: Any, user: str) -> None:
    body = """
with c.get("/status/404", catch_response=True) as r:
    r.success()
    r.raise_for_status()
    say(forgiven=True)
try:
    with c.get("/null", catch_response=True) as r:
        r.failure("bad")
        r.raise_for_status()
except Exception as error:
    say(raised=str(error))
"""
    said = katydid.task(body, user=user).ended(1).said
    assert said == {"forgiven": True, "raised": "bad"}


@BOTH
def test_context_is_that_of_the_request(katydid: Any, user: str) -> None:
    text = f"""
told = []

@events.request.add_listener
def _(context, **_):
    told.append(context["step"])
    context["leak"] = True

class U({user}):
    own = {{"step": 0}}
    def context(self):
        return self.own
    @task
    def t(self):
        self.client.get("/null")
        self.own["step"] = 1
        with self.client.get("/null", catch_response=True):
            self.own["step"] = 2
        say(told=told, own=self.own)
"""
    said = katydid.scenario(text).ended(0).said
    assert said == {"told": [0, 1], "own": {"step": 2}}


@BOTH
def test_a_refused_url_leaves_the_slot_to_the_next_request(katydid: Any, user: str) -> None:
    text = f"""
class U({user}):
    wait_time = constant_pacing(0.1)
    @task
    def t(self):
        try:
            self.client.get("http://[bad")
        except ValueError as error:
            say(error=type(error).__name__)
        self.client.get("/delay?ms=250", name="slow")
"""
    done = katydid.scenario(text, "-t", "2s").ended(0)
    (row,) = done.summary["endpoints"]
    assert row["blocked"] >= 5 and row["from_due"]["p50"] > 260, row
    assert done.said["error"] == "InvalidURL" if user == "HttpUser" else "InvalidUrl"


@BOTH
def test_streams_that_nobody_reads_are_let_go(katydid: Any, user: str) -> None:
    body = """
import gc, os
for _ in range(3):
    c.get("/bytes?n=3000000", name="stream", stream=True)
gc.collect()
before = len(os.listdir("/proc/self/fd"))
for _ in range(30):
    c.get("/bytes?n=3000000", name="stream", stream=True)
gc.collect()
c.get("/null")
say(more=len(os.listdir("/proc/self/fd")) - before)
say(read=len(c.get("/bytes?n=300000", name="read", stream=True).content))
"""
    said = katydid.task(body, user=user).ended(0).said
    assert said["more"] <= 2 and said["read"] == 300_000


@pytest.mark.parametrize(
    "pause",
    [
        "time.sleep(1)",
        "gevent.sleep(1)",
        "threading.Event().wait(1)",
        "select.select([], [], [], 1)",
    ],
)
def test_pauses_are_cooperative(katydid: Any, pause: str) -> None:
    """Twenty users that pause for a second need a second, not twenty."""
    text = f"""
import gevent, select, threading, time

class U(User):
    @task
    def t(self):
        begun = time.monotonic()
        {pause}
        with lock:
            pauses.append((begun, time.monotonic()))
        if len(pauses) == 20:
            say(overlapping=max(b for b, _ in pauses) < min(e for _, e in pauses))

pauses, lock = [], threading.Lock()
"""
    done = katydid.scenario(text, "-u", "20", "-r", "1000", runs=20).ended(0)
    assert done.said == {"overlapping": True}, done.text


def test_threads_and_pools(katydid: Any) -> None:
    text = """
import threading, queue
from gevent.pool import Group

class U(FastHttpUser):
    @task
    def t(self):
        answers = queue.Queue()
        threads = [
            threading.Thread(target=lambda: answers.put(self.client.get("/null").status_code))
            for _ in range(5)
        ]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        group = Group()
        for _ in range(5): group.spawn(self.client.get, "/delay?ms=20", name="pool")
        group.join()
        say(answers=[answers.get() for _ in threads])
"""
    done = katydid.scenario(text).ended(0)
    assert done.said == {"answers": [200] * 5}
    assert done.counts == {"GET /null": (5, 0), "GET pool": (5, 0)}


def test_requests_beside_the_client(katydid: Any) -> None:
    """A library's own use of `requests` works, and is not counted."""
    body = "import requests\nsay(status=requests.get(self.host + '/null').status_code)\nc.get('/')"
    done = katydid.task(body).ended(0)
    assert done.said == {"status": 200} and done.counts == {"GET /": (1, 0)}
