"""CoAP messages byte by byte (RFC 7252, section 3), right or wrong as a suite wants them."""

import socket

CON, NON = 0, 1
GET, POST, PUT, DELETE, FETCH, IPATCH = 1, 2, 3, 4, 5, 7
URI_PATH, CONTENT_FORMAT, URI_QUERY, ACCEPT = 11, 12, 15, 17
IF_MATCH, ETAG, BLOCK2, BLOCK1, SIZE1 = 1, 4, 23, 27, 60
LINK_FORMAT = b"\x28"


def extended(value):
    """A nibble of an option header and the bytes that follow."""
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def message(code, *options, payload=b"", kind=CON, token=b"toke", message_id=0):
    """Options: pairs of number and bytes, in any order."""
    data = bytes([0x40 | kind << 4 | len(token), code]) + message_id.to_bytes(2, "big") + token
    last = 0
    for number, value in sorted(options, key=lambda option: option[0]):
        (delta, more), (length, further) = extended(number - last), extended(len(value))
        data += bytes([delta << 4 | length]) + more + further + value
        last = number
    return data + (b"\xff" + payload if payload else b"")


def path(text):
    return [(URI_PATH, segment.encode()) for segment in text.strip("/").split("/")]


def queries(*texts):
    return [(URI_QUERY, text if isinstance(text, bytes) else text.encode()) for text in texts]


def block(number, more, szx):
    value = number << 4 | more << 3 | szx
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def code_text(byte):
    return f"{byte >> 5}.{byte & 0x1f:02}"


class Asker:
    """A socket that asks a server on this machine, each time with a message id of its own."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = ("127.0.0.1", port)
        self.last = 0

    def ask(self, code, *options, patience=10.0, **how):
        """Code and content of the answer, or None. A separate answer would do, but none is expected here."""
        self.last += 1
        self.socket.settimeout(patience)
        self.socket.sendto(message(code, *options, message_id=self.last, **how), self.address)
        try:
            while True:
                answer = self.socket.recv(65536)
                if answer[2:4] == self.last.to_bytes(2, "big") or how.get("kind") == NON:
                    return code_text(answer[1]), answer
        except TimeoutError:
            return None

    def close(self):
        self.socket.close()
