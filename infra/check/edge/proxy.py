"""The gateway as a server: requests of real clients, through the policies, to a service on this machine."""

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import gateway

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-connection"}


def operations(document):
    """Of an OpenAPI document: verb, what its path looks like, and its name as an import spells it."""
    for path, verbs in document["paths"].items():
        # Literals come before parameters, as the gateway has it.
        shape = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        for verb, operation in verbs.items():
            yield path.count("{"), verb.upper(), re.compile(shape + "/?", re.I), operation["operationId"].replace("_", "-")


class Server(ThreadingHTTPServer):
    """Listens on a free port of loopback. `upstream` is the service's host and port, `api` and `stream` are policy documents."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream, document, api, stream, streams, issuers, clock):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.issuers, self.clock, self.streams = upstream, issuers, clock, streams
        self.operations = sorted(operations(document), key=lambda operation: operation[0])
        self.sections = {False: gateway.effective(api), True: gateway.effective(api, stream)}
        self.calls = {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version, sys_version = "gateway", ""

    def log_message(self, *_):
        pass

    def do_any(self):
        url = urlsplit(self.path)
        found = next((name for _, verb, shape, name in self.server.operations if verb == self.command and shape.fullmatch(url.path)), None)
        request = gateway.Request(found or "none", Method=self.command, IpAddress=self.client_address[0])
        for name, value in self.headers.items():
            request.Headers.values.setdefault(name.lower(), []).append(value)
        for name, value in parse_qsl(url.query, keep_blank_values=True, errors="surrogateescape"):
            request.query.values.setdefault(name, []).append(value)
        self.upstream = None
        runner = gateway.Gateway(self.server.sections[found in self.server.streams], self.server.issuers, self.forward, self.server.clock)
        runner.calls = self.server.calls
        response = runner.answer(request) if found else runner.fail(request, gateway.PolicyError("configuration", "OperationNotFound"))
        self.reply(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_TRACE = do_any  # noqa: N815

    def forward(self, request):
        """Asks the service, and hands on what it begins to answer."""
        self.upstream = http.client.HTTPConnection(*self.server.upstream, timeout=230)
        pairs = [(name, value) for name, values in request.query.values.items() for value in values]
        query = urlencode(pairs, quote_via=quote, errors="surrogateescape")
        path = urlsplit(self.path).path + ("?" + query if query else "")
        try:
            self.upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, values in request.Headers.values.items():
                if name not in HOP or name == "transfer-encoding":
                    for value in values:
                        self.upstream.putheader(name, value)
            self.upstream.endheaders()
            self.pass_body()
            answered = self.upstream.getresponse()
        except OSError:
            raise gateway.PolicyError("forward-request", "BackendConnectionFailure") from None
        response = gateway.Response(answered.status, body=answered)
        for name, value in answered.getheaders():
            response.Headers.values.setdefault(name.lower(), []).append(value)
        return response

    def pass_body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            while True:
                line = self.rfile.readline()
                size = int(line.split(b";")[0], 16)
                self.upstream.send(line + self.rfile.read(size) + self.rfile.readline())
                if size == 0:
                    return
        left = int(self.headers.get("content-length", 0))
        while left > 0:
            part = self.rfile.read(min(left, 65536))
            left -= len(part)
            self.upstream.send(part)

    def reply(self, response):
        if self.upstream is None:
            # What the client still sends belongs to no request of ours.
            self.close_connection = True
        self.send_response_only(response.StatusCode)
        body = response.body
        known = isinstance(body, str) or body.length is not None
        for name, values in response.Headers.values.items():
            if name not in HOP and (name != "content-length" or not isinstance(body, str)):
                for value in values:
                    self.send_header(name, value)
        if isinstance(body, str):
            self.send_header("content-length", str(len(body.encode())))
        elif not known:
            self.send_header("transfer-encoding", "chunked")
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if isinstance(body, str):
            if self.command != "HEAD":
                self.wfile.write(body.encode())
            return
        while part := body.read1(65536):
            self.wfile.write(part if known else b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        if not known:
            self.wfile.write(b"0\r\n\r\n")
        self.upstream.close()
