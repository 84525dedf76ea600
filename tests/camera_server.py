"""A network camera in a process of its own, so that it can be hung and killed like a real one.

    python tests/camera_server.py http|rtsp PORT

Lines on standard input change what it does: live, freeze (the same picture again and again),
rubbish (bytes that are no picture), silent (nothing more), gone (404 or 454 to whoever asks).
"""

import itertools
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np

PAUSE = 0.04
NUMBERS = itertools.count(1)
mode = "live"


def picture(number: int) -> np.ndarray:
    """Orange, with a bar that moves."""
    pixels = np.full((48, 64, 3), (30, 120, 250), np.uint8)
    pixels[:8, number % 64] = 255
    return pixels


# HTTP: multipart, one JPEG after the other


def serve_http(connection: socket.socket) -> None:
    connection.recv(65536)
    if mode == "gone":
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    connection.sendall(head.encode())
    while mode != "gone":
        # When it freezes, it shows the same to whoever connects anew.
        frozen = mode == "freeze"
        jpeg = cv2.imencode(".jpg", picture(0 if frozen else next(NUMBERS)))[1].tobytes()
        part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        if mode == "rubbish":
            connection.sendall(os.urandom(2000))
        elif mode != "silent":
            connection.sendall(part.encode() + jpeg + b"\r\n")
        time.sleep(PAUSE)


# RTSP: MPEG-TS in RTP, over the same connection (RFC 7826 14, RFC 2250, RFC 3551)


def transport_stream() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.ts"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for number in range(250):
            writer.write(picture(number))
        writer.release()
        return path.read_bytes()


def serve_rtsp(connection: socket.socket) -> None:
    requests = connection.makefile("rb")
    while True:
        head = []
        while (line := requests.readline().strip()) or not head:
            head.append(line.decode())
            if not line:
                return
        word = head[0].split()[0]
        number = next(line for line in head if line.lower().startswith("cseq"))
        if mode == "gone":
            connection.sendall(f"RTSP/1.0 454 Session Not Found\r\n{number}\r\n\r\n".encode())
            return
        more, body = "Session: 1\r\n", ""
        if word == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"
            more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif word == "SETUP":
            more += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        elif word == "OPTIONS":
            more = "Public: DESCRIBE, SETUP, PLAY\r\n"
        connection.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{more}\r\n{body}".encode())
        if word == "PLAY":
            play(connection)
            return


def play(connection: socket.socket) -> None:
    content, at, sequence = transport_stream(), 0, 0
    per_second = len(content) / 10
    begun = time.monotonic()
    while mode != "gone":
        if mode == "silent" or at > (time.monotonic() - begun + 0.3) * per_second:
            time.sleep(0.005)
            continue
        part = content[at % len(content) :][: 7 * 188]
        at += len(part)
        if mode == "rubbish":
            part = os.urandom(len(part))
        stamp = int(90_000 * (time.monotonic() - begun))
        rtp = bytes([0x80, 33]) + (sequence % 65536).to_bytes(2, "big")
        rtp += (stamp % 2**32).to_bytes(4, "big") + b"door" + part
        connection.sendall(b"$\0" + len(rtp).to_bytes(2, "big") + rtp)
        sequence += 1


def handle(connection: socket.socket) -> None:
    try:
        {"http": serve_http, "rtsp": serve_rtsp}[sys.argv[1]](connection)
    except OSError:
        pass
    finally:
        connection.close()


def listen() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[2])), reuse_port=False) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    threading.Thread(target=listen, daemon=True).start()
    for line in sys.stdin:  # ends with the test that started it
        mode = line.strip()
    os._exit(0)
