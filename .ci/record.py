#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["pyte==0.8.2"]
# ///
"""Records the main job, as a terminal shows it, into docs/images/session.svg: `uv run .ci/record.py [PROGRAM]`.

The job runs in a terminal of its own against the simulated services; only its typing is staged.
"""

import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from fcntl import ioctl
from html import escape
from itertools import groupby
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

import pyte

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/brandintel").resolve()
COMMAND = "brandintel --google-sheets --sandbox --workers 8 --limit 20 --verbose"
COLUMNS, ROWS = 92, 34
CELL, LINE, MARGIN, TITLE = 8.4, 19, 16, 30  # in pixels, for a font of 14
FRAME, HOLD = 0.25, 6.0  # seconds: the least between two frames, and the last one
# pyte drops the rest of a text after a half-space. A mark that it keeps with its letter stands for it.
HALF_SPACE, STAND_IN = "\u200c", "\u0325"
COLOURS = {"green": "#3fb950", "red": "#ff7b72", "brown": "#e3b341", "cyan": "#76e3ea"}


def record():
    """Frames as pairs of seconds and rows; a row is a list of (column, columns, text, colour, bold)."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(b"$ ")
    frames = [(0.6, rows(screen))]
    for letter in COMMAND:
        stream.feed(letter.encode())
        if letter == " ":
            frames.append((0.15, rows(screen)))
    stream.feed(b"\r\n")
    terminal, inside = pty.openpty()
    ioctl(inside, TIOCSWINSZ, pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    for name in ("NO_COLOR", "CLICOLOR"):
        env.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        job = subprocess.Popen(
            [PROGRAM, *COMMAND.split()[1:]], cwd=folder, env=env, stdin=inside, stdout=inside, stderr=inside
        )
        os.close(inside)
        shown, since = rows(screen), time.monotonic()
        while feed(stream, terminal):
            now = time.monotonic()
            if now - since >= FRAME and rows(screen) != shown:
                frames.append((now - since, shown))
                shown, since = rows(screen), now
        if job.wait():
            sys.exit(f"the job ended with code {job.returncode}")
    return [*frames, (FRAME, shown), (HOLD, rows(screen))]


def feed(stream, terminal):
    """Shows what the job has printed in the meantime; false when it has ended."""
    if not select.select([terminal], [], [], FRAME)[0]:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:  # what Linux says when the last writer is gone
        return False
    stream.feed(data.replace(HALF_SPACE.encode(), STAND_IN.encode()))
    return bool(data)


def rows(screen):
    found = []
    for y in range(ROWS):
        cells = [(x, screen.buffer[y][x]) for x in range(COLUMNS)]
        style = lambda cell: (cell[1].fg, cell[1].bold, cell[1].data == "█")
        runs = []
        for (colour, bold, _), run in groupby(cells, style):
            run = list(run)
            text = "".join(cell.data for _, cell in run).replace(STAND_IN, HALF_SPACE)
            if text.strip():
                runs.append((run[0][0], len(run), text.rstrip(), colour, bold))
        found.append(tuple(runs))
    return found


def drawn(run):
    column, columns, text, colour, bold = run
    x = f"{column * CELL:g}"
    colour = COLOURS.get(colour)
    if text[0] == "█":
        return f'<rect x="{x}" y="3" width="{columns * CELL:g}" height="{LINE - 5}" rx="2"/>'
    # Fonts differ in width; what is not Persian is kept in its columns.
    wide = f' textLength="{len(text) * CELL:g}"' if text.isascii() else ""
    style = (f' fill="{colour}"' if colour else "") + (' class="b"' if bold else "")
    return f'<text x="{x}" y="14"{wide}{style}>{escape(text)}</text>'


def svg(frames):
    width, height = COLUMNS * CELL + 2 * MARGIN, ROWS * LINE + 2 * MARGIN + TITLE
    defs, film, steps = {}, [], []
    total, at = sum(seconds for seconds, _ in frames), 0.0
    for number, (seconds, shown) in enumerate(frames):
        top = number * ROWS * LINE
        steps.append(f"{at / total * 100:.2f}%{{transform:translateY({-top}px)}}")
        at += seconds
        for y, row in enumerate(shown):
            if row:
                name = defs.setdefault(row, f"r{len(defs)}")
                film.append(f'<use href="#{name}" y="{top + y * LINE}"/>')
    symbols = "".join(f'<g id="{name}">{"".join(map(drawn, row))}</g>' for row, name in defs.items())
    last = -(len(frames) - 1) * ROWS * LINE
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">
<title>{escape(COMMAND)}, against simulated services</title>
<style>
text{{white-space:pre;font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e6edf3}}
text[fill="#3fb950"]{{fill:#3fb950}}text[fill="#ff7b72"]{{fill:#ff7b72}}text[fill="#e3b341"]{{fill:#e3b341}}
rect{{fill:#58a6ff}}.b{{font-weight:700}}
#film{{animation:play {total:.1f}s steps(1,end) infinite}}
@keyframes play{{{"".join(steps)}}}
@media(prefers-reduced-motion:reduce){{#film{{animation:none;transform:translateY({last}px)}}}}
</style>
<path d="M8 0H{width - 8:g}a8 8 0 0 1 8 8V{height - 8:g}a8 8 0 0 1-8 8H8a8 8 0 0 1-8-8V8a8 8 0 0 1 8-8z" fill="#0d1117"/>
<circle cx="20" cy="17" r="6" fill="#ff5f57"/><circle cx="40" cy="17" r="6" fill="#febc2e"/><circle cx="60" cy="17" r="6" fill="#28c840"/>
<defs>{symbols}</defs>
<svg x="{MARGIN}" y="{TITLE + MARGIN // 2}" width="{COLUMNS * CELL:g}" height="{ROWS * LINE}" viewBox="0 0 {COLUMNS * CELL:g} {ROWS * LINE}">
<g id="film">{"".join(film)}</g>
</svg>
</svg>
"""


picture = ROOT / "docs/images/session.svg"
picture.write_text(svg(record()), encoding="utf-8")
print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} kB")
