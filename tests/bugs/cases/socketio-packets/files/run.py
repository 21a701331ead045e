import sys

import socketio
from socketio import packet


class NoTransport(socketio.Server):
    def _send_packet(self, eio_sid, pkt):
        return None


server = NoTransport(async_mode="threading")
HALF = packet.Packet(packet.EVENT, data=["picture", b"bytes"], namespace="/").encode()[0]


def visit(number):
    """A client comes, begins to send a picture, and leaves."""
    name = f"client{number}"
    server._handle_eio_connect(name, {})
    server._handle_eio_message(name, "0")
    server._handle_eio_message(name, HALF)
    for _, eio in list(server.manager.get_participants("/", None)):
        if eio == name:
            server._handle_disconnect(name, "/")
    server.environ.pop(name, None)


def main(clients):
    for number in range(clients):
        visit(number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
