"""The mail catcher: what the system sends on this machine ends in a page, and nowhere else."""

from .layout import Layout, find_maildev, find_program

KEPT = 500  # it holds all of them in memory


class Catcher:
    """maildev. Its page lies below /mail/ of the ingress; mail stays in a folder over restarts."""

    port_names = ("mail", "mail_web")

    def __init__(self, layout: Layout):
        self.layout = layout
        self.node = find_program("node", "/usr/bin/nodejs")
        self.program = find_maildev()

    def make(self, ports: dict[str, int]) -> None:
        self.smtp, self.web = ports["mail"], ports["mail_web"]
        self.layout.mail.mkdir(exist_ok=True, mode=0o700)
        mails = sorted(self.layout.mail.glob("*.eml"), key=lambda path: path.stat().st_mtime)
        for path in mails[:-KEPT]:
            path.unlink()

    def command(self) -> list[str]:
        return [
            *(self.node, "--max-old-space-size=128", self.program, "--silent"),
            *("--ip", "127.0.0.1", "--smtp", str(self.smtp)),
            *("--web-ip", "127.0.0.1", "--web", str(self.web), "--base-pathname", "/mail"),
            *("--mail-directory", str(self.layout.mail)),
        ]
