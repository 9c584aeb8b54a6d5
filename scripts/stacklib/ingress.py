"""nginx: the one port that browsers reach."""

import os

from .layout import Layout, find_program, write_private
from .ports import has_ipv6

CONFIG = """\
# written by scripts/stack at every start
daemon off;
{user}worker_processes 2;
pid "{dir}/nginx/nginx.pid";
# an error line quotes the whole request, tickets included: only what stops nginx is written
error_log stderr crit;

events {{
    worker_connections 4096;
}}

http {{
    server_tokens off;
    # the path without its query, and without the token of a link in a mail: neither a ticket nor a search
    # nor a link ever reaches a log
    map $uri $logged_uri {{
        default $uri;
        "~^/api/v1/actions/" /api/v1/actions/-;
    }}
    log_format plain '$time_iso8601 $remote_addr $request_method $logged_uri $status $body_bytes_sent '
                     '$request_time $upstream_response_time';
    access_log /dev/stdout plain;
    client_body_temp_path "{dir}/nginx/body";
    proxy_temp_path "{dir}/nginx/proxy";
    fastcgi_temp_path "{dir}/nginx/fastcgi";
    uwsgi_temp_path "{dir}/nginx/uwsgi";
    scgi_temp_path "{dir}/nginx/scgi";
    default_type application/octet-stream;
    keepalive_timeout 65s;

    # bodies, their limits and their deadlines are the service's own business
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    proxy_http_version 1.1;
    proxy_connect_timeout 2s;
    proxy_read_timeout 30s;
    proxy_next_upstream off;

    map $http_upgrade $upstream_connection {{
        default upgrade;
        "" "";
    }}
    upstream backend {{
{backend}        keepalive 64;
        # before the service ends what is idle (HTTP_IDLE_LIMIT_MS): a request that meets that end is a 502
        keepalive_timeout 30s;
    }}
    upstream websocket {{
{websocket}    }}

    server {{
        listen 127.0.0.1:{port};
{ipv6}        server_name _;

        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Connection $upstream_connection;
        proxy_set_header Upgrade $http_upgrade;

        location /api/ {{
            proxy_pass http://backend;
        }}
        location = /ws {{
            proxy_read_timeout 90s;
            proxy_buffering off;
            proxy_pass http://websocket;
        }}
{mail}        # a mail points at its task's page
        location ~ ^/(tasks/[0-9a-f-]+)?$ {{
            proxy_pass http://backend;
        }}
        location / {{
            return 404;
        }}
    }}
}}
"""

# the catcher's page asks for what it shows below the same path, live by a WebSocket
MAIL = """\
        location /mail/ {{
            proxy_pass http://127.0.0.1:{port};
        }}
        location = /mail {{
            return 302 /mail/;
        }}
"""


class Ingress:
    def __init__(self, layout: Layout, port: int, upstreams: dict[str, list[int]], mail_port: int | None):
        self.layout, self.port, self.mail_port = layout, port, mail_port
        self.upstreams = {
            name: "".join(f"        server 127.0.0.1:{each};\n" for each in ports) for name, ports in upstreams.items()
        }
        self.program = find_program("nginx", "/usr/sbin/nginx")
        self.config = layout.dir / "nginx.conf"

    def make(self) -> None:
        write_private(
            self.config,
            CONFIG.format(
                dir=self.layout.dir,
                user="user nobody nogroup;\n" if os.geteuid() == 0 else "",
                port=self.port,
                ipv6=f"        listen [::1]:{self.port};\n" if has_ipv6(self.port) else "",
                mail=MAIL.format(port=self.mail_port) if self.mail_port else "",
                **self.upstreams,
            ),
        )

    def command(self) -> list[str]:
        # -e: until the configuration is read, nginx would write to the system's log
        return [self.program, "-e", "stderr", "-p", str(self.layout.nginx), "-c", str(self.config)]
