# Asks the example `echo`, whose address is the argument, with the clients of Python; `requests` if it is there.
import http.client
import sys
import urllib.error
import urllib.request

base = sys.argv[1]
large = b"0123456789" * (1 << 20)


def check(got, expected):
    assert got == expected, (got[:100], expected[:100])


conn = http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)
conn.connect()
kept = conn.sock
for body in [None, b"hello", large, iter([b"one", b"two", large])]:
    expected = b"onetwo" + large if hasattr(body, "__next__") else body or b"OK"
    conn.request("POST", "/x", body)
    response = conn.getresponse()
    assert response.status == 200
    check(response.read(), expected)
    assert conn.sock is kept
conn.request("HEAD", "/x")
response = conn.getresponse()
assert response.getheader("content-length") == "2"
check(response.read(), b"")
conn.request("GET", "/%zz")
assert conn.getresponse().status == 400

with urllib.request.urlopen(base + "/x", data=large, timeout=30) as response:
    check(response.read(), large)
try:
    urllib.request.urlopen(base + "/%zz", timeout=30)
    raise AssertionError("it is no path")
except urllib.error.HTTPError as error:
    assert error.code == 400

try:
    import requests
except ImportError:
    requests = None
if requests:
    with requests.Session() as session:
        for _ in range(3):
            check(session.get(base + "/x", timeout=30).content, b"OK")
        check(session.post(base + "/x", data=large, timeout=30).content, large)
        check(session.put(base + "/x", data=iter([b"a", b"b"]), timeout=30).content, b"ab")
print("fine")
