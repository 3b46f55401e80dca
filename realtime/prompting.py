"""Prompting: what is typed while it plays becomes a scene, read and encoded off the host's thread. [control]

A line is `TEXT[:WEIGHT]`, or several of them parted by `;`, since commas belong to prompts:
`smoky jazz:0.7; dusty lofi:0.3`. The host adds the scene to those of the rig and recalls it like them, so that it comes
in where `[scenes]` says, and is kept in the journal.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence

from legando.realtime.closing import Closing
from legando.realtime.controls import GENRES
from legando.realtime.errors import LegandoError, RigError
from legando.realtime.instrument import Instrument
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.priority import give_back_memory
from legando.realtime.rigs.prompts import LINE_MAX, parse_prompts
from legando.realtime.rigs.scene import Scene
from legando.realtime.show import styled_scene
from legando.realtime.taken import taken

PROMPTS_MAX = 8
NAME_MAX = 48
WAITING_MAX = 8
"""Lines that wait to be encoded; whoever asks for more is told so."""
OTHERS_MAX = 6
"""How many of them may come from OSC and programs: whatever they send, the performer's own has a place."""
PAUSE_S = 0.25
"""The rest after each line: whatever is sent, no more than four scenes a second come of it."""
LEAST_SHARE = 0.05
TOLD_MAX = 3
"""Genres that a sentence names."""
FAR = 0.25
"""How much faster or slower than it plays a style may usually be, before that is said."""


def read_line(line: str) -> Scene:
    """Return the scene of a typed line; raises RigError, one sentence. [any]

    What is not printable counts as a blank: the line is shown on terminals, and may come from a network.
    """
    if len(line) > LINE_MAX:
        raise RigError(f"the prompt has {len(line)} characters; {LINE_MAX} are the most")
    clean = "".join(letter if letter.isprintable() else " " for letter in line)
    texts = [" ".join(part.split()) for part in clean.split(";") if part.strip()]
    if len(texts) > PROMPTS_MAX:
        raise RigError(f"there are {len(texts)} prompts; {PROMPTS_MAX} are the most")
    prompts = parse_prompts(texts)
    name = " + ".join(prompt.text for prompt in prompts)
    return Scene(name=name if len(name) <= NAME_MAX else name[: NAME_MAX - 1].rstrip() + "…", prompts=prompts)


def genre_shares(style: Sequence[float], least: float = LEAST_SHARE) -> dict[str, float]:
    """Return the genres that a style was read as, the largest share first. [any]

    Words that the model knows nothing of are read as a little of everything.
    """
    shares = sorted(zip(style[: len(GENRES)], GENRES, strict=True), reverse=True)
    return {name: round(share, 2) for share, name in shares if share >= least}


def sentence_of(styled: StyledScene, index: int, *, given_bpm: float | None) -> str:
    """Return what a performer is told of a prompt: its scene, how it was read, and a tempo that is not its own. [any]

    `given_bpm` is the tempo that it will keep; None where it plays at its own, or somebody else leads.
    """
    shares = [f"{name.replace('_', ' ')} {share:g}" for name, share in genre_shares(styled.style).items()]
    genres = ", ".join(shares[:TOLD_MAX]) + (" and more" if len(shares) > TOLD_MAX else "")
    said = f"{styled.scene.name}: scene {index + 1}, read as {genres or 'nothing in particular'}"
    usual_bpm = styled.usual_tempo_bpm
    if given_bpm is None or styled.scene.tempo_bpm is not None or abs(usual_bpm - given_bpm) <= FAR * given_bpm:
        return said
    return f'{said}; usually {usual_bpm:.0f} bpm, now {given_bpm:.0f}: add "{usual_bpm:.0f} bpm" to change it'


class PromptReader(Closing):
    """Encodes lines on a thread of its own, one after the other; `take` and `take_news` are for the host's thread.

    `_door` guards the lines that wait, and whether it is time to end.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._door = threading.Condition()
        self._own: deque[Scene] = deque()
        self._others: deque[Scene] = deque()
        self._ready: queue.SimpleQueue[StyledScene] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="prompts", daemon=True)
        self._thread.start()

    def ask(self, line: str) -> None:
        """Have a line of OSC or of a program encoded; raises RigError, one sentence, where there is no place. [any]"""
        scene = read_line(line)
        with self._door:
            if len(self._others) >= OTHERS_MAX:
                raise RigError(f"{OTHERS_MAX} prompts wait already; send fewer")
            self._others.append(scene)
            self._door.notify()

    def ask_first(self, line: str) -> None:
        """Have a line encoded that the performer has typed, ahead of all others; raises RigError as `ask`. [any]"""
        scene = read_line(line)
        with self._door:
            if len(self._own) + len(self._others) >= WAITING_MAX:
                raise RigError(f"{WAITING_MAX} prompts wait already; type it again in a moment")
            self._own.append(scene)
            self._door.notify()

    def take(self) -> Iterator[StyledScene]:
        """Yield what has been encoded since the last call, oldest first. [control]"""
        return taken(self._ready)

    def say(self, sentence: str) -> None:
        """Have a sentence said when the host has time for it. [any]"""
        self._news.put(sentence)

    def take_news(self) -> Iterator[str]:
        """Yield what the performer should know, a sentence each. [control]"""
        return taken(self._news)

    def close(self) -> None:
        """End the thread; what waits is forgotten. [control]"""
        with self._door:
            self._closing = True
            self._door.notify()
        self._thread.join()

    def _next(self) -> Scene | None:
        """Wait for a line, the performer's first; None when it is time to end."""
        with self._door:
            self._door.wait_for(lambda: self._closing or self._own or self._others)
            if self._closing:
                return None
            return (self._own or self._others).popleft()

    def _run(self) -> None:
        give_back_memory()  # more than the encoder keeps: what reading it took
        while (scene := self._next()) is not None:
            try:
                self._ready.put(styled_scene(scene, self._instrument))
            except LegandoError as error:
                self._news.put(str(error))
            except Exception as error:  # ONNX Runtime's errors share no base class, and the next prompt may be good
                self._news.put(f"{scene.name}: cannot be read ({type(error).__name__}); try other words")
            with self._door:
                self._door.wait_for(lambda: self._closing, PAUSE_S)
