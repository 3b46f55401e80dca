"""One chunk, one graph: networks and kernels over fixed addresses, recorded once for each rung of the ladder. [engine]

    assemble           what the host wrote about the chunk becomes the networks' inputs
    denoiser, sampler  as often as the rung has steps
    decoder            sound
    drive, room        what a performer adds who turns up drive or space
    seam               sound in mapped memory, then its sequence word: the host plays it from here on
    memory, history    what the next chunk will see of this one
    commit, language   the tick after this chunk, where one must be written ahead
    publish            tokens, then the second sequence word: the host may write for the next chunk from here on

The sound needs neither the memory pass nor the language model, so both run behind it: what a performer waits for is
`steps` passes and a decode. Nothing is allocated, copied by the host, or waited for between the launch and the words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from legando.engines.card.modules import PAST
from legando.engines.card.network import CardNetworks, DeviceNetwork, bind_all
from legando.engines.constraints import LOGITS
from legando.engines.counter_rng import SCORE
from legando.engines.timeline import ANCHOR_CHUNKS, GRAIN_FRAMES, LATENT_FRAMES
from legando.kernels.capture import Captured
from legando.kernels.conditioning import GpuConditioning
from legando.kernels.device import Device, Mapped, Memory
from legando.kernels.drive import GpuDrive
from legando.kernels.history import GpuHistory
from legando.kernels.launcher import GpuSeam
from legando.kernels.noise import GpuNoise
from legando.kernels.room import GpuRoom
from legando.kernels.sampler import GpuSampler
from legando.kernels.ticks import GpuTicks
from legando.realtime.errors import LegandoError

ASKED = ("previous", "style", "position", "held", "plan", "mask", "temperature", "length", "sounding")
"""The language model's inputs that the host writes, side by side in one mapped block, which one copy brings over."""
_ALIGN = 256
Variant = tuple[int, bool]
"""Steps, whether a tick is written ahead."""


class ChunkGraph:
    """All memory of B streams on one device, and the graphs over it."""

    def __init__(self, device: Device, networks: CardNetworks, *, streams: int, latents: int) -> None:
        """Allocate and bind; nothing is allocated later. Raises LegandoError where the networks do not fit."""
        self.device, self.networks, self.streams, self.latents = device, networks, streams, latents
        self.chunk_frames = latents * LATENT_FRAMES
        self._networks: dict[str, DeviceNetwork] = {
            name: getattr(networks, name) for name in ("language", "denoiser", "memory", "decoder")
        }
        (rows, *_, width), dtype = networks.denoiser.inputs["latents"]
        if rows != streams:
            raise LegandoError(f"{streams} streams need networks of as many; these have {rows} rows")
        layers, _, heads, fine, size = networks.denoiser.inputs["fine_keys"][0]
        coarse, whole = networks.denoiser.inputs["coarse_keys"][0][3], networks.memory.outputs["fine_keys_out"][0][3]
        self.conditioning = GpuConditioning(device, streams=streams, latents=latents, dtype=dtype)
        self.sampler = GpuSampler(device, streams=streams, n=latents * width, dtype=dtype)
        self.history = GpuHistory(
            device, streams=streams, layers=layers, heads=heads, size=size, fine=fine, fine_new=latents, coarse=coarse,
            anchor=ANCHOR_CHUNKS, dtype=dtype, whole=whole == fine,
        )  # fmt: skip
        sizes = {"streams": streams, "frames": self.chunk_frames, "overlap_frames": GRAIN_FRAMES}
        self.drive, self.room = GpuDrive(device, **sizes), GpuRoom(device, **sizes)
        self.seam = GpuSeam(device, overlap_frames=GRAIN_FRAMES, max_frames=self.chunk_frames, streams=streams)
        shape, state_type = networks.language.inputs["keys"]
        parts = networks.language.outputs["tokens"][0][1]
        self.ticks = GpuTicks(device, streams=streams, shape=shape, parts=parts, dtype=state_type)
        self.window = shape[3]
        self.noise = GpuNoise(device, streams=streams, n=LOGITS, kind="gumbel", stream=SCORE)
        self._layout = self._lay_out(networks.language)
        total = max(at + size for at, size in self._layout.values())
        self._told: Mapped = device.mapped((total,), np.uint8)
        self._asked: Memory = device.array((total,), np.uint8)
        self.asked = {name: self._view(name) for name in ASKED}
        t_type = networks.denoiser.inputs["t"][1]
        self._t: Memory = device.array((streams,), t_type)
        self._one: Memory = device.array((streams,), t_type)
        self._t_bytes = streams * t_type.itemsize
        self._times: dict[int, Memory] = {}
        state_shape, decoder_type = networks.decoder.inputs["state"]
        if networks.decoder.outputs["audio"][1] != np.float32:
            raise LegandoError("the decoder's audio is not float32, which the seam takes; build it again")
        self._state: Memory = device.array(state_shape, decoder_type)
        self._state_out: Memory = device.array(state_shape, decoder_type)
        self._state_bytes = int(np.prod(state_shape)) * decoder_type.itemsize
        self.audio: Memory = device.array((streams, 2, self.chunk_frames + GRAIN_FRAMES), np.float32)
        self._scratch: list[Memory] = []
        self._bind()
        self.graphs: dict[Variant, Captured] = {}
        self.tick_graph: Captured | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all that was played. [control]"""
        self.history.reset()
        self.ticks.reset()
        self.drive.reset()
        self.room.reset()
        self.seam.reset()
        zero = np.zeros((), np.float32)
        for memory in (self._state, self._state_out):
            memory.write(zero)
        self._one.write(np.ones((), np.float32))

    def prepare(self, variants: list[Variant]) -> None:
        """Run everything once, since libraries allocate at their first call, and record the graphs. [control]"""
        for variant in variants:
            self._constants(variant[0])
        warm = max(variants)
        for _ in range(2):
            self.record_chunk((warm[0], True))
            self.device.sync()
        if self.tick_graph is None:
            self.tick_graph = self.device.capture(self.record_tick)
        for variant in variants:
            self.add(variant)
        self.reset()

    def add(self, variant: Variant) -> None:
        """Record a graph, unless it is there; the stream must be idle. [control]"""
        self._constants(variant[0])
        if variant not in self.graphs:
            self.graphs[variant] = self.device.capture(self._recorder(variant))

    def begin(self) -> None:
        """Make the noise that the first chunk starts from; `sampler` has been told which. [engine]"""
        self.sampler.begin()

    def record_chunk(self, variant: Variant) -> None:
        """Put one chunk on the stream, or into the graph that is being recorded. [engine]"""
        steps, ahead = variant
        self.conditioning.assemble()
        times = self._times[steps]
        for index in range(steps):
            self.device.copy(self._t.address, times.address + index * self._t_bytes, self._t_bytes)
            self.device.enqueue(self.networks.denoiser)
            self.sampler.step(1.0 / steps, last=index == steps - 1)
        self.device.enqueue(self.networks.decoder)
        self.drive.enqueue(self.audio.address)
        self.room.enqueue(self.audio.address)
        self.seam.enqueue(self.audio.address, self.chunk_frames)
        self.device.copy(self._state.address, self._state_out.address, self._state_bytes)
        self.device.enqueue(self.networks.memory)
        self.history.enqueue()
        if ahead:
            self.record_tick()
        else:
            self.ticks.publish()

    def record_tick(self) -> None:
        """Put one tick of all streams on the stream: those taken are committed, the next is written. [engine]"""
        self.ticks.commit()
        self.device.copy(self._asked.address, self._told.address, self._told.host.nbytes)
        self.noise.enqueue()
        self.device.enqueue(self.networks.language)
        self.ticks.publish()

    def _recorder(self, variant: Variant) -> Callable[[], None]:
        return lambda: self.record_chunk(variant)

    def _constants(self, steps: int) -> None:
        """Lay down the times of a rung's steps: a graph copies them one by one to where the denoiser looks."""
        if steps in self._times:
            return
        memory = self.device.array((steps, self.streams), self.networks.denoiser.inputs["t"][1])
        memory.write((np.arange(steps) / steps)[:, None].astype(np.float32))
        self._times[steps] = memory

    def _lay_out(self, language: DeviceNetwork) -> dict[str, tuple[int, int]]:
        layout, at = {}, 0
        for name in ASKED:
            shape, dtype = language.inputs[name]
            size = int(np.prod(shape)) * dtype.itemsize
            layout[name] = (at, size)
            at += -(-size // _ALIGN) * _ALIGN
        return layout

    def _view(self, name: str) -> Any:
        at, size = self._layout[name]
        shape, dtype = self.networks.language.inputs[name]
        return self._told.host[at : at + size].view(dtype).reshape(shape)

    def _bind(self) -> None:
        """Tell every network where its inputs and outputs lie."""
        made = self.conditioning.inputs
        past = {name: memory.address for name, memory in zip(PAST, self.history.past, strict=True)}
        shared = {name: made[name].address for name in ("frames", "style")} | past
        shared |= {"tick_tokens": made["tokens"].address, "tick_ages_s": made["ages"].address}
        step = shared | {"latents": self.sampler.noisy.address, "t": self._t.address}
        fresh = {f"{name}_out": memory.address for name, memory in zip(PAST, self.history.fresh, strict=True)}
        asked = {name: self._asked.address + at for name, (at, _) in self._layout.items()}
        ticks = self.ticks
        places: dict[str, dict[str, int]] = {
            "denoiser": step | {"velocity": self.sampler.velocity.address},
            "memory": shared | {"latents": self.sampler.clean.address, "t": self._one.address} | fresh,
            "decoder": {
                "latents": self.sampler.clean.address,
                **{name: made[name].address for name in ("frames", "voices", "excitation")},
                "state": self._state.address,
                "state_out": self._state_out.address,
                "audio": self.audio.address,
            },
            "language": asked
            | {"keys": ticks.keys.address, "values": ticks.values.address, "noise": self.noise.out.address}
            | {"keys_out": ticks.keys_after.address, "values_out": ticks.values_after.address}
            | {"tokens": ticks.tokens.address},
        }
        for name, network in self._networks.items():
            bind_all(network, places[name], self._spare, name)

    def _spare(self, shape: tuple[int, ...], dtype: Any) -> int:
        self._scratch.append(self.device.array(shape, dtype))
        return self._scratch[-1].address

    def close(self) -> None:
        """Let the graphs go; the device frees the memory. [control]"""
        for graph in [*self.graphs.values(), *([self.tick_graph] if self.tick_graph else [])]:
            graph.close()
