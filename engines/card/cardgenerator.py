"""The card's generator: B streams, one launch a chunk, and each tick written before it is due. [engine]

The language model's masks depend on what was written before, and its tokens become features on the host. Were it asked
when a tick is due, each such chunk would cost two launches, two waits and the tick's time before any sound. So at the
end of each chunk the next tick is written ahead, with what the host then foresees that it will be asked
(`Sequencer.foresee`). When the tick is due the host compares. If it is asked just that, the tokens are there already;
if a hand has meanwhile changed what the tick depends on (a chord, a mute, the style, the key), the tick is written
again, in a graph of its own, before the chunk. So the music is that of the CPU to the tick, and writing ahead never
makes a control late. A wrong guess costs one more launch and the time of a tick. Above 187 bpm a chunk may hold two
ticks, of which only the first is there ahead.

The features stay on the host: bookkeeping that the host needs anyway (`kernels/README.md` says why).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from legando.engines.bundle import Bundle
from legando.engines.card.chunkgraph import ASKED, ChunkGraph, Variant
from legando.engines.card.network import CardNetworks
from legando.engines.card.streams import Tokens, chunk_of, compose_all, sequencers, steps_of
from legando.engines.generator import Chunk, checked_latents, checked_steps
from legando.engines.metronome import Metronome
from legando.engines.score import BASS, CHORD, HOLD, LEAD
from legando.engines.sequencer import Plan
from legando.engines.timeline import LATENT_FRAMES, SAMPLE_RATE_HZ
from legando.engines.tune import Ask
from legando.kernels.conditioning import write_record
from legando.kernels.device import Device
from legando.kernels.launcher import SLEEP_S, SPIN_NS
from legando.realtime.controls import Controls
from legando.realtime.errors import LegandoError
from legando.realtime.ladder import rungs_of

WAIT_MS = 500.0
"""How long a chunk may take before the card is given up: six chunks."""
_SUSTAINED = (CHORD, BASS, LEAD)


class CardLost(LegandoError):
    """The card did not answer in time."""


class CardGenerator:
    """Owns the graph's memory as the host sees it, and what goes on from chunk to chunk in each stream."""

    sample_rate_hz = SAMPLE_RATE_HZ
    channels = 2

    def __init__(
        self,
        bundle: Bundle,
        seeds: Sequence[int],
        *,
        device: Device,
        networks: CardNetworks,
        steps: int | None = None,
        wait_ms: float = WAIT_MS,
    ) -> None:
        """Allocate, and record a graph for each rung; the networks have been proven. Raises LegandoError."""
        self.engine, self.seeds = networks.engine, tuple(seeds)
        self.default_steps = checked_steps(bundle.default_steps if steps is None else steps)
        self.latents = checked_latents(bundle, None)
        self.chunk_frames, self.latency_frames = self.latents * LATENT_FRAMES, 0
        self.graph = ChunkGraph(device, networks, streams=len(seeds), latents=self.latents)
        self.sequencers = sequencers(bundle, seeds)
        self._metronomes = [Metronome(SAMPLE_RATE_HZ, self.channels, self.chunk_frames) for _ in seeds]
        self._wait_ms = wait_ms
        asked = self.graph.asked
        self._guess = {name: array.copy() for name, array in asked.items()}  # what a tick would be asked, on the host
        self._rows = [{name: array[b, ...] for name, array in self._guess.items()} for b in range(len(seeds))]
        rungs = rungs_of(self.default_steps)
        self.graph.prepare([(n, ahead) for n in rungs for ahead in (False, True)])
        self.launches = 0  # of graphs, in the last step
        self.graph_launches = 0  # in all
        self.reset()

    def reset(self) -> None:
        """Start again from silence at tick 0, with the same seeds."""
        streams = len(self.seeds)
        self.graph.reset()
        for stream, metronome in zip(self.sequencers, self._metronomes, strict=True):
            stream.reset()
            metronome.reset()
        self._foreseen: list[Ask | None] = [None] * streams  # whose tokens are there, or will be
        self._lengths = np.zeros(streams, np.int64)
        self._sounding = np.zeros((streams, len(_SUSTAINED)), np.int64)
        self._second = np.zeros_like(self._lengths), np.zeros_like(self._sounding)  # of the state that is not in use
        self._ahead = False  # whether the state in use is that of the ideas to come
        self._taken = np.zeros(streams, np.bool_)  # ticks that the next run of the language model has to commit
        self._noise_of = [-1] * streams  # the chunk whose noise lies on the device
        self._word = int(self.graph.ticks.word.host[0])
        self.late_ticks = 0  # that were not foreseen

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]] = ()) -> None:
        """Let every stream go on where another engine ended; see `Generator.go_on`. [engine]"""
        self.reset()
        for stream in self.sequencers:
            stream.go_on(position_frames, tick, score)

    def step(self, controls: Sequence[Controls]) -> list[Chunk]:
        """Make the next chunk of every stream. Raises CardLost when the card does not answer. [engine]"""
        began_ns = time.perf_counter_ns()
        self.launches = 0
        self._wait_for_ticks()
        plans = compose_all(self.sequencers, controls, self._write_ticks)
        steps = steps_of(controls, self.default_steps)
        self._tell(plans)
        ahead = self._foresee(controls)
        sequence = self.graph.seam.write_controls(1.0)
        self._launch((steps, ahead))
        try:
            audio, reports = self.graph.seam.wait(sequence, self._wait_ms)
        except LegandoError as error:
            raise CardLost(str(error)) from error
        audio = audio.reshape(len(plans), self.chunk_frames, 2)
        cost_ns = time.perf_counter_ns() - began_ns
        chunks = []
        for b, plan in enumerate(plans):
            peak = float(reports["peak"][b, 0]), float(reports["peak"][b, 1])
            mixed = self._metronomes[b].mix(audio[b], plan.beats)
            chunks.append(chunk_of(plan, mixed, peak, self.chunk_frames, cost_ns))
        return chunks

    def _tell(self, plans: Sequence[Plan]) -> None:
        """Write what the chunk is made with where the card reads it."""
        graph = self.graph
        numbers = [plan.number for plan in plans]
        if self._noise_of != numbers:  # the first chunk, or one after a leap
            graph.sampler.write_controls(self._seeds64, numbers)
            graph.begin()
            graph.device.sync()
        for record, plan in zip(graph.conditioning.records.host, plans, strict=True):
            write_record(record, plan.features, plan.style, 2 * self.latents * plan.number)
        graph.drive.write_controls([plan.drive for plan in plans])
        graph.room.write_controls([plan.send for plan in plans])
        graph.history.write_anchors(
            [stream.anchor.next(plan.style) for stream, plan in zip(self.sequencers, plans, strict=True)]
        )
        self._noise_of = [number + 1 for number in numbers]
        graph.sampler.write_controls(self._seeds64, self._noise_of)

    @property
    def _seeds64(self) -> list[int]:
        return [seed % 2**64 for seed in self.seeds]

    def _foresee(self, controls: Sequence[Controls]) -> bool:
        """Describe the tick after this chunk for each stream that lacks it; return whether any does."""
        needed = False
        self._use(ahead=False)
        for b, stream in enumerate(self.sequencers):
            ask = stream.foresee(controls[b])
            if ask is None:
                self._foreseen[b] = None
            elif not self._is_there(b, ask):
                self._show(b, ask)
                needed = True
        if needed:
            self._hand_over()
        return needed

    def _write_ticks(self, asks: Mapping[int, Ask]) -> dict[int, Tokens]:
        """Return the tokens of each stream that asks: those that are there, or newly written ones."""
        now = {b: ask for b, ask in asks.items() if not ask.ahead}
        tokens = self._write_now(now) if now else {}
        ahead = {b: ask for b, ask in asks.items() if ask.ahead}
        return tokens | (self._write_ahead(ahead) if ahead else {})

    def _write_ahead(self, asks: Mapping[int, Ask]) -> dict[int, Tokens]:
        """Return the tokens of streams that prepare an idea, in a state of their own."""
        self._use(ahead=True)
        for b, ask in asks.items():
            if ask.fresh:  # what lies beyond its length is not looked at
                self._lengths[b], self._sounding[b] = 0, 0
            self._foreseen[b] = None
        return self._write_now(asks)

    def _use(self, *, ahead: bool) -> None:
        """Put the state of the ideas to come, or of those that play, where the language model looks."""
        if ahead == self._ahead:
            return
        self._commit()
        self.graph.ticks.swap()
        self._second, (self._lengths, self._sounding) = (self._lengths, self._sounding), self._second
        self._foreseen, self._ahead = [None] * len(self.seeds), ahead

    def _commit(self) -> None:
        """Let ticks that were taken be part of the state now."""
        ticks = self.graph.ticks
        ticks.taken.host[...] = self._taken
        ticks.commit()
        self.graph.device.sync()
        self._taken[...] = False

    def _turn(self, streams: Sequence[int]) -> None:
        """Let streams go on with what was prepared for them."""
        self._use(ahead=False)
        self._commit()
        graph = self.graph
        graph.ticks.taken.host[...] = 0
        for b in streams:
            graph.ticks.taken.host[b] = 1
            self._lengths[b], self._sounding[b] = self._second[0][b], self._second[1][b]
        graph.ticks.take_second()
        graph.device.sync()
        self._foreseen = [None] * len(self.seeds)

    def _write_now(self, asks: Mapping[int, Ask]) -> dict[int, Tokens]:
        """Return the tokens of streams in the state in use."""
        if not any(ask.ahead for ask in asks.values()):
            self._use(ahead=False)
            if turning := [b for b, ask in asks.items() if ask.turns]:
                self._turn(turning)
        missing = [b for b, ask in asks.items() if not self._is_there(b, ask)]
        if missing:
            self.late_ticks += len(missing)
            for b in missing:
                self._show(b, asks[b])
            self._hand_over()
            assert self.graph.tick_graph is not None
            self.graph.tick_graph.launch()
            self._count_launch()
            self._wait_for_ticks()
        shown = self.graph.ticks.shown.host
        tokens = {b: tuple(int(t) for t in shown[b]) for b in asks}
        for b, said in tokens.items():
            self._taken[b], self._foreseen[b] = True, None
            self._lengths[b] = min(self._lengths[b] + 1, self.graph.window)
            for index, part in enumerate(_SUSTAINED):
                if said[part] != HOLD:
                    self._sounding[b, index] = said[part]
        return tokens

    def _is_there(self, b: int, ask: Ask) -> bool:
        """Whether the tick that a stream is asked for has been written ahead, with just these inputs."""
        foreseen = self._foreseen[b]
        self._describe(b, ask)
        if foreseen is None or foreseen.tick != ask.tick:
            return False
        return all(np.array_equal(self._guess[name][b], self.graph.asked[name][b]) for name in ASKED)

    def _describe(self, b: int, ask: Ask) -> None:
        row = self._rows[b]
        self.sequencers[b].describe(ask, row)
        row["length"][...] = self._lengths[b]
        row["sounding"][...] = self._sounding[b]

    def _show(self, b: int, ask: Ask) -> None:
        """Put a tick's inputs, which `_is_there` has described, where the card looks."""
        for name, array in self.graph.asked.items():
            array[b] = self._guess[name][b]
        self._foreseen[b] = ask

    def _hand_over(self) -> None:
        """Say which ticks were taken, which noise comes next, and which word ends the run."""
        graph = self.graph
        graph.ticks.taken.host[...] = self._taken
        self._taken[...] = False
        counters = [0 if ask is None else ask.counter for ask in self._foreseen]
        seeds = [own if ask is None else ask.seed for own, ask in zip(self.seeds, self._foreseen, strict=True)]
        graph.noise.write_controls(seeds, counters)
        self._next_word()

    def _next_word(self) -> None:
        self._word = self._word % 0xFFFFFFFF + 1
        self.graph.ticks.wanted.host[0] = self._word

    def _launch(self, variant: Variant) -> None:
        if not variant[1]:
            self._next_word()
        if variant not in self.graph.graphs:  # a number of steps that is no rung, asked for the first time
            self.graph.add(variant)
        self.graph.graphs[variant].launch()
        self._count_launch()

    def close(self) -> None:
        """Let graphs and memory go; the generator is of no use then. [control]"""
        self.graph.close()
        self.graph.device.close()

    def _count_launch(self) -> None:
        self.launches += 1
        self.graph_launches += 1

    def _wait_for_ticks(self) -> None:
        """Wait until the last launch is over: from then on the host may write. Bounded."""
        word = self.graph.ticks.word.host
        start_ns = time.perf_counter_ns()
        while word[0] != self._word:
            waited_ns = time.perf_counter_ns() - start_ns
            if waited_ns > self._wait_ms * 1e6:
                raise CardLost(f"the card has not finished its last chunk after {self._wait_ms:g} ms")
            if waited_ns > SPIN_NS:
                time.sleep(SLEEP_S)
