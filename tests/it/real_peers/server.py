"""http.server with a PUT, and with a body that has no length. Arguments: the version of HTTP."""

import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = sys.argv[1]

    def do_GET(self):
        if self.path != "/stream":
            return super().do_GET()
        # No Content-Length: the body ends with the connection.
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for line in range(1000):
            self.wfile.write(b"line %d\n" % line)
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
