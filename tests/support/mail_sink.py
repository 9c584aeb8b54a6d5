"""A mail server on loopback that keeps what it is given, and fails as it is told to.

    with MailSink() as sink:                 # listens at sink.address
        sink.fail("rcpt", "450 4.2.1 later") # that command is refused so, until `accept`
        sink.hang("data")                    # that command is never answered, until `accept`
        sink.refuse()                        # nobody listens, until `accept`
        sink.accept()
        wait_for("the mail", lambda: sink.to("ada@example.org"))

The stages are connect, ehlo, mail, rcpt, data (the command) and body (its end). A message is kept when
its end was answered with 250, or when `hang("body", keep=True)` took it without a word."""

from __future__ import annotations

import contextlib
import dataclasses
import email
import email.message
import email.policy
import functools
import socket
import threading
import time

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "body")


@dataclasses.dataclass
class Mail:
    sender: str
    recipients: list[str]  # of the envelope
    text: bytes
    at: float  # time.time() of its end

    @functools.cached_property
    def message(self) -> email.message.EmailMessage:
        """Read when it is asked for: a benchmark shares the machine with whoever sends."""
        return email.message_from_bytes(self.text, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def html(self) -> str:
        return self.message.get_content()


class MailSink:
    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.tries: list[float] = []  # when each connection came
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._replies: dict[str, str] = {}
        self._hanging: str | None = None
        self._keeps = False
        self._released = threading.Event()
        self.port = 0
        self._listen()

    def __enter__(self) -> "MailSink":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def to(self, recipient: str) -> list[Mail]:
        """What came for this address."""
        with self._lock:
            return [mail for mail in self.mails if recipient in mail.recipients]

    # ------------------------------------------------------------------ what it is told
    def accept(self) -> None:
        """Take everything again; who hangs loses his connection."""
        with self._lock:
            self._replies, self._hanging, self._keeps = {}, None, False
            self._released.set()
            self._released = threading.Event()
        if self._listener is None:
            self._listen()

    def fail(self, stage: str, reply: str) -> None:
        """Answer this stage with `reply`: "451 4.3.0 try again later", "550 5.1.1 nobody of that name"."""
        assert stage in STAGES, stage
        with self._lock:
            self._replies[stage] = reply

    def hang(self, stage: str, keep: bool = False) -> None:
        """Say nothing at this stage; `keep` what the body held, as a server does whose answer is lost."""
        assert stage in STAGES, stage
        with self._lock:
            self._hanging, self._keeps = stage, keep

    def refuse(self) -> None:
        """Refuse connections, and end those there are."""
        listener, self._listener = self._listener, None
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._end_connections()

    def close(self) -> None:
        self.refuse()
        self._released.set()

    # ------------------------------------------------------------------ the server
    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.tries.append(time.time())
                self._connections.add(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _end_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _talk(self, connection: socket.socket) -> None:
        # a client that goes away is no news
        with contextlib.suppress(OSError, EOFError), connection, connection.makefile("rb") as lines:
            if self._say(connection, "connect", "220 sink ESMTP"):
                self._take_commands(connection, lines)
        with self._lock:
            self._connections.discard(connection)

    def _say(self, connection: socket.socket, stage: str, reply: str) -> bool:
        """Answer as told; return whether the answer is the friendly one."""
        with self._lock:
            hangs, told, released = self._hanging == stage, self._replies.get(stage), self._released
        if hangs:
            released.wait()
            raise EOFError
        connection.sendall(f"{told or reply}\r\n".encode())
        return told is None

    def _take_commands(self, connection: socket.socket, lines) -> None:
        sender, recipients = "", []
        while line := lines.readline():
            words = line.decode(errors="replace").strip()
            verb = words.split(":")[0].split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self._say(connection, "ehlo", "250-sink\r\n250 8BITMIME")
            elif verb == "MAIL":
                sender, recipients = _address(words), []
                self._say(connection, "mail", "250 2.1.0 ok")
            elif verb == "RCPT":
                if self._say(connection, "rcpt", "250 2.1.5 ok"):
                    recipients.append(_address(words))
            elif verb == "DATA":
                if self._say(connection, "data", "354 go on"):
                    self._take_body(connection, lines, sender, recipients)
            elif verb == "QUIT":
                connection.sendall(b"221 2.0.0 bye\r\n")
                return
            else:
                connection.sendall(b"250 2.0.0 ok\r\n")

    def _take_body(self, connection: socket.socket, lines, sender: str, recipients: list[str]) -> None:
        body = b""
        while (line := lines.readline()) not in (b".\r\n", b""):
            body += line[1:] if line.startswith(b".") else line
        if not line:
            raise EOFError
        mail = Mail(sender, recipients, body, time.time())
        with self._lock:
            is_kept = "body" not in self._replies and (self._hanging != "body" or self._keeps)
            if is_kept:
                self.mails.append(mail)
        self._say(connection, "body", "250 2.0.0 kept")


def _address(command: str) -> str:
    """MAIL FROM:<a@b> SIZE=1 is a@b."""
    return command.split("<", 1)[1].split(">", 1)[0]
